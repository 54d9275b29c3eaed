"""Checks the OpenAPI document: it is valid OpenAPI 3.1, examples match their schemas, all components are used, and the
schemas are such that generators of clients make simple types of them."""

import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


# Keywords whose value is a schema, a list of schemas, or schemas by name. Those that generators do not read are left out:
# what only they say narrows the values and does not change the types.
ONE = ("items", "additionalProperties", "schema")
MANY = ("anyOf", "oneOf", "allOf")
NAMED = ("properties", "schemas")


class Document:
    def __init__(self, path):
        self.root = yaml.safe_load(path.read_text())

    def resolve(self, node):
        """The node itself, or what it refers to. All references have the form `#/components/<kind>/<name>`."""
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.root["components"][kind][name]
        return node

    def operations(self):
        for path, item in self.root["paths"].items():
            for method in ("get", "put", "post", "delete", "patch"):
                if method in item:
                    yield f"{method.upper()} {path}", item, item[method]

    def examples(self, holder):
        """The examples of a media type or a parameter."""
        if "example" in holder:
            yield holder["example"]
        for example in holder.get("examples", {}).values():
            yield self.resolve(example)["value"]

    def mismatches(self, where, holder):
        # References in the schema start at the document's root, so the components are added there.
        validator = Draft202012Validator({**holder["schema"], "components": self.root["components"]})
        for example in self.examples(holder):
            for error in validator.iter_errors(example):
                yield f"{where}: {error.json_path}: {error.message}"


    def schemas(self):
        """Every schema that generators read, and its place."""
        found = [(("components",), {"schemas": self.root["components"]["schemas"]})]
        for kind in ("parameters", "headers"):
            found += [((kind, name), holder) for name, holder in self.root["components"][kind].items()]
        for name, item, operation in self.operations():
            parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
            found += [((name, "parameters", str(n)), holder) for n, holder in enumerate(parameters)]
            bodies = [("request", operation.get("requestBody", {}))]
            bodies += [(status, self.resolve(response)) for status, response in operation["responses"].items()]
            found += [((name, body), media) for body, holder in bodies for media in holder.get("content", {}).values()]
        while found:
            place, schema = found.pop()
            if not isinstance(schema, dict):
                continue
            yield "/".join(place), schema
            found += [((*place, key), schema[key]) for key in ONE if key in schema]
            found += [((*place, key, str(n)), part) for key in MANY for n, part in enumerate(schema.get(key, []))]
            found += [((*place, name), part) for key in NAMED for name, part in schema.get(key, {}).items()]


def unfit_for_generators(place, schema):
    """What at least one generator of clients refuses, warns about, or makes a useless type of."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    constants = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    if any(isinstance(constant, (dict, list)) for constant in constants):
        yield f"{place}: a constant is an object or an array; write an object with a constant in each property"
    elif any(isinstance(constant, bool) for constant in constants):
        yield f"{place}: openapi-generator compares a constant `true` with a text; write `not: {{ const: false }}`"
    elif constants and not kinds:
        yield f"{place}: the constant needs a `type` beside it"
    if any(not {"$ref", "type", "anyOf", "oneOf", "allOf"} & set(part) for key in MANY for part in schema.get(key, [])):
        yield f"{place}: generators make a class of each alternative; write rules about the same fields with `if` or `not`"
    if "default" in schema:
        yield f"{place}: openapi-typescript makes fields with a default required; say it in the description"
    if "array" in kinds and "items" not in schema:
        yield f"{place}: the array needs `items`"
    if "object" in kinds and "properties" not in schema and "additionalProperties" not in schema:
        yield f"{place}: the object has neither `properties` nor `additionalProperties: true`"
    if beside := set(schema) & {*ONE, *MANY, *NAMED, "type"} if "$ref" in schema else None:
        yield f"{place}: generators ignore {', '.join(sorted(beside))} beside a $ref"


def problems(document):
    for error in OpenAPIV31SpecValidator(document.root).iter_errors():
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
    for name, item, operation in document.operations():
        for parameter in map(document.resolve, [*item.get("parameters", []), *operation.get("parameters", [])]):
            yield from document.mismatches(f"{name}: {parameter['name']}", parameter)
        for media_type in operation.get("requestBody", {}).get("content", {}).values():
            yield from document.mismatches(f"{name}: request", media_type)
        for status, response in operation["responses"].items():
            response = document.resolve(response)
            # API Gateway itself answers 413.
            if status != "413" and "X-Request-Id" not in response["headers"]:
                yield f"{name}: {status}: the header X-Request-Id is missing"
            for media_type in response.get("content", {}).values():
                yield from document.mismatches(f"{name}: {status}", media_type)
    titles = {}
    for place, schema in document.schemas():
        yield from unfit_for_generators(place, schema)
        # A title becomes the name of a class.
        if "title" in schema and titles.setdefault(schema["title"], place) != place:
            yield f"{place}: {titles[schema['title']]} has the same title"
    names = [operation["operationId"] for _, _, operation in document.operations()]
    for name, _, operation in document.operations():
        if names.count(operation["operationId"]) > 1:
            yield f"{name}: another operation has the same operationId"
        for key in ("summary", "description", "tags"):
            if not operation.get(key):
                yield f"{name}: {key} is missing"
    # A component without a reference to it is left over from a change.
    text = str(document.root)
    for kind, components in document.root["components"].items():
        for name in components:
            if kind != "securitySchemes" and f"#/components/{kind}/{name}'" not in text:
                yield f"components/{kind}/{name}: unused"


def main(path):
    document = Document(path)
    found = list(problems(document))
    for problem in found:
        print(problem)
    operations = sum(1 for _ in document.operations())
    print(f"{path.name}: {operations} operations, {len(found)} problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
