"""Mutations of an expanded template: each removes or bends one thing.

They are generated from the template, so that what is added to it is mutated too: every resource, parameter rule,
condition, mapping and output is removed, and every value inside them is removed, and replaced by another one.
"""

import copy
import json
import re
from dataclasses import dataclass

# Sections whose entries are mutated.
SECTIONS = ("Parameters", "Rules", "Conditions", "Resources", "Outputs")


@dataclass
class Mutation:
    """One edit: `path` leads to the value, `change` says what happens to it."""

    path: tuple
    change: str
    template: dict

    @property
    def name(self):
        return f"{'/'.join(map(str, self.path))}: {self.change}"


def mutations(template):
    """All mutations of a template, in its order."""
    for section in SECTIONS:
        for name, entry in template.get(section, {}).items():
            path = (section, name)
            yield Mutation(path, "removed", without(template, path))
            yield from inside(template, path, entry)


def inside(template, path, value):
    """The mutations of what is inside a value."""
    if isinstance(value, dict) and not is_intrinsic(value):
        for key, each in value.items():
            yield Mutation((*path, key), "removed", without(template, (*path, key)))
            yield from inside(template, (*path, key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            if len(value) > 1:
                yield Mutation((*path, index), "removed", without(template, (*path, index)))
            yield from inside(template, (*path, index), each)
    else:
        for other in bent(template, path, value):
            shown = json.dumps(other, ensure_ascii=False)
            yield Mutation(path, f"{shown if len(shown) < 80 else shown[:77] + '…'}", replaced(template, path, other))


def is_intrinsic(value):
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def bent(template, path, value):
    """Other values of the same kind."""
    match value:
        case bool():
            yield not value
        case int() | float():
            # Beyond what is sensible on either side, as a slip of a digit would be.
            yield value // 10 if value >= 10 else value + 7
            yield value * 10 if value else 1
        case str():
            yield from bent_text(path, value)
        case {"Ref": name}:
            yield from ({"Ref": other} for other in siblings(template, name)[:1])
        case {"Fn::GetAtt": [name, attribute]}:
            yield from ({"Fn::GetAtt": [other, attribute]} for other in siblings(template, name)[:1])
        case {"Fn::Sub": [text, own]}:
            yield {"Fn::Sub": [text + "x", own]}
        case {"Fn::Sub": text}:
            names = re.findall(r"\$\{(\w+)(?:\.\w+)?\}", text)
            for name in names[:1]:
                for other in siblings(template, name)[:1]:
                    yield {"Fn::Sub": re.sub(rf"\$\{{{name}\b", f"${{{other}", text)}
            yield {"Fn::Sub": text + "x"}
        case {"Fn::If": [condition, then, otherwise]}:
            yield {"Fn::If": [condition, otherwise, then]}
        case {"Fn::Equals": [one, other]}:
            yield {"Fn::Equals": [one, str(other) + "x"]}
            yield {"Fn::Not": [{"Fn::Equals": [one, other]}]}
        case {"Fn::Not": [inner]}:
            yield inner


OTHER_VALUES = {
    "Allow": "Deny", "HASH": "RANGE", "RANGE": "HASH", "S": "N", "KEYS_ONLY": "ALL", "INCLUDE": "KEYS_ONLY",
    "true": "false", "false": "true", "POST": "GET", "GET": "POST", "post": "get", "get": "post", "2.0": "1.0",
    "PAY_PER_REQUEST": "PROVISIONED", "NEW_AND_OLD_IMAGES": "NEW_IMAGE", "TRIM_HORIZON": "LATEST", "JSON": "Text",
    "Retain": "Delete", "RetainExceptOnCreate": "Delete", "arm64": "x86_64", "x86_64": "arm64",
}


def bent_text(path, value):
    if value in OTHER_VALUES:
        yield OTHER_VALUES[value]
    elif re.fullmatch(r"(dynamodb|sqs|events|lambda|sts|logs|xray|s3|states):\w+", value):
        yield value.split(":")[0] + ":*"
        yield value[:-1]
    elif value.startswith("{%"):
        # An expression of a state machine.
        yield value.replace(" %}", "x %}")
    elif value.startswith("{"):
        # JSON in a text, such as a filter's pattern.
        yield value.replace(":", ";", 1)
        yield re.sub(r'"([\w#]+)"(?=[^"]*$)', r'"\1x"', value, count=1)
    else:
        yield value + "x"


def siblings(template, name):
    """Other resources of the type of a resource, other parameters of the type of a parameter."""
    for section in ("Resources", "Parameters"):
        entries = template.get(section, {})
        if name in entries:
            return [
                other for other, each in entries.items() if other != name and each["Type"] == entries[name]["Type"]
            ]
    return []


def without(template, path):
    """The template without the value at a path. What is not on the path is shared with it."""
    result, parent = along(template, path)
    del parent[path[-1]]
    return result


def replaced(template, path, value):
    """The template with another value at a path. What is not on the path is shared with it."""
    result, parent = along(template, path)
    parent[path[-1]] = value
    return result


def along(template, path):
    """A copy of the template in which everything on the path is a copy, and the copy of the last value's parent."""
    result = parent = copy.copy(template)
    for step in path[:-1]:
        parent[step] = copy.copy(parent[step])
        parent = parent[step]
    return result, parent
