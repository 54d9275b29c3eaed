"""The shapes that the stack can have: with tables of its own, and with existing ones that parameters name.

An existing table has to take the stack's place for it everywhere: in the environment, the grants, the stream and the
outputs. So a shape in which it does reads like the stack with its own table, and every check applies to both.
"""

import copy
import re
from itertools import product

ARN = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${%s}"
# For each table: what stands for an existing one, and what that is for the stack's own.
EXISTING = {
    "ContactsTable": [
        ({"Ref": "ExistingContactsTable"}, {"Ref": "ContactsTable"}),
        ({"Fn::Sub": ARN % "ExistingContactsTable"}, {"Fn::GetAtt": ["ContactsTable", "Arn"]}),
        ({"Ref": "ExistingContactsTableStream"}, {"Fn::GetAtt": ["ContactsTable", "StreamArn"]}),
    ],
    "AccessTable": [
        ({"Ref": "ExistingAccessTable"}, {"Ref": "AccessTable"}),
        ({"Fn::Sub": ARN % "ExistingAccessTable"}, {"Fn::GetAtt": ["AccessTable", "Arn"]}),
    ],
}


def shapes(template):
    """Each shape of an expanded template: what it is called, the template, and what is wrong with it."""
    for existing in product([False, True], repeat=len(EXISTING)):
        tables = [table for table, exists in zip(EXISTING, existing, strict=True) if exists]
        yield " and ".join(f"with an existing {table}" for table in tables), *shape(template, tables)


def shape(template, existing):
    """The template when these tables exist, written as if they were the stack's own, and what is wrong with it."""
    owned = {f"Owns{table}": table not in existing for table in EXISTING}
    problems = [
        f"Conditions: Owns{table} has to be that Existing{table} is empty"
        for table in EXISTING
        if template["Conditions"].get(f"Owns{table}") != {"Fn::Equals": [{"Ref": f"Existing{table}"}, ""]}
    ]
    resources = {}
    for name, resource in template["Resources"].items():
        if name in EXISTING and resource.get("Condition") != f"Owns{name}":
            problems.append(f"{name}: its Condition has to be Owns{name}")
        if owned.get(resource.get("Condition"), True):
            resources[name] = resource
    result = decided({**template, "Resources": resources}, owned)
    result = inlined(result, {
        name: resource["Properties"]["Value"]
        for name, resource in result["Resources"].items()
        if resource["Type"] == "AWS::SSM::Parameter"
    })
    for table in EXISTING:
        if table in existing:
            problems += [f"{place}: refers to {table}, which is not created" for place in references(result, table)]
            for there, own in EXISTING[table]:
                result = replaced(result, there, own)
            result["Resources"][table] = copy.deepcopy(template["Resources"][table])
        else:
            places = references({**result, "Parameters": {}, "Rules": {}, "Conditions": {}}, f"Existing{table}\\w*")
            problems += [f"{place}: refers to Existing{table}, which is empty" for place in places]
    return result, problems


def rule_problems(template):
    """The rules accept ExistingContactsTable and its stream together, or neither."""
    for table, stream in product(["", "x"], repeat=2):
        values = {"ExistingContactsTable": table, "ExistingContactsTableStream": stream}
        rules = template.get("Rules", {}).values()
        asserted = [rule["Assertions"] for rule in rules if holds(rule.get("RuleCondition"), values)]
        accepted = all(holds(each["Assert"], values) for each in sum(asserted, []))
        if accepted != (table == stream):
            yield f"Rules: {values} has to be {'accepted' if table == stream else 'refused'}"


def holds(condition, values):
    """Whether a condition on these parameters holds."""
    match condition:
        case None:
            return True
        case {"Fn::Not": [negated]}:
            return not holds(negated, values)
        case {"Fn::Equals": [{"Ref": name}, str(value)]}:
            return values.get(name) == value
    raise ValueError(f"{condition} is not a condition that this check knows")


def decided(value, owned):
    """The value with each Fn::If on one of these conditions decided."""
    match value:
        case {"Fn::If": [str(name), then, otherwise]} if name in owned:
            return decided(then if owned[name] else otherwise, owned)
        case dict():
            return {key: decided(each, owned) for key, each in value.items()}
        case list():
            return [decided(each, owned) for each in value]
    return value


def inlined(value, parameters):
    """The value with each reference to the Value of an SSM parameter replaced by what that is."""
    match value:
        case {"Fn::GetAtt": [name, "Value"]} if name in parameters:
            return parameters[name]
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": re.sub(r"\$\{(\w+)\.Value\}", lambda found: as_text(parameters[found[1]]), text)}
        case dict():
            return {key: inlined(each, parameters) for key, each in value.items()}
        case list():
            return [inlined(each, parameters) for each in value]
    return value


def as_text(value):
    """An Fn::GetAtt or Fn::Sub as it stands in the text of an Fn::Sub."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(text)}:
            return text
    raise ValueError(f"{value} is neither Fn::GetAtt nor Fn::Sub")


def replaced(value, old, new):
    """The value with one expression replaced by another, also inside the text of an Fn::Sub."""
    if value == old:
        return new
    match value:
        case {"Fn::Sub": str(text)} if "Fn::GetAtt" in new and "Fn::Sub" in old:
            return {"Fn::Sub": text.replace(old["Fn::Sub"], as_text(new))}
        case dict():
            return {key: replaced(each, old, new) for key, each in value.items()}
        case list():
            return [replaced(each, old, new) for each in value]
    return value


def references(value, name, place=""):
    """Where a value refers to a resource or parameter whose name is this pattern."""
    match value:
        case {"Ref": str(referred)} | {"Fn::GetAtt": [str(referred), _]} if re.fullmatch(name, referred):
            yield place
        case {"Fn::Sub": str(text)} if re.search(rf"\$\{{{name}[.}}]", text):
            yield place
        case dict():
            for key, each in value.items():
                yield from references(each, name, f"{place}/{key}".lstrip("/"))
        case list():
            for index, each in enumerate(value):
                yield from references(each, name, f"{place}/{index}")
