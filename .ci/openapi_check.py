"""Checks the OpenAPI document: it is valid OpenAPI 3.1, examples match their schemas, and all components are used."""

import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


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
            if "X-Request-Id" not in response["headers"]:
                yield f"{name}: {status}: the header X-Request-Id is missing"
            for media_type in response.get("content", {}).values():
                yield from document.mismatches(f"{name}: {status}", media_type)
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
