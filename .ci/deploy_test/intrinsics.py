"""Intrinsic functions of CloudFormation, for the parts of a template that MiniStack leaves out."""

import re

from emulator import ACCOUNT, REGION


class Resolver:
    """Values of a deployed template: `parameters` by name, `resources` (physical ids) by logical id."""

    def __init__(self, template, name, parameters, resources):
        self.template = template
        self.resources = resources
        defaults = {
            key: each.get("Default") for key, each in template.get("Parameters", {}).items()
        }
        pseudo = {
            "AWS::StackName": name,
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": None,
        }
        self.values = defaults | parameters | pseudo

    def condition(self, condition):
        match condition:
            case str():
                return self.condition(self.template["Conditions"][condition])
            case {"Fn::Not": [one]}:
                return not self.condition(one)
            case {"Fn::And": several}:
                return all(map(self.condition, several))
            case {"Fn::Or": several}:
                return any(map(self.condition, several))
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
            case {"Condition": name}:
                return self.condition(name)
        raise ValueError(f"{condition} is not a condition")

    def value(self, value):
        match value:
            case {"Ref": name}:
                return self.reference(name)
            case {"Fn::GetAtt": [name, "Arn"]}:
                return self.arn(name)
            case {"Fn::Sub": [text, own]}:
                return self.substitute(text, {key: self.value(each) for key, each in own.items()})
            case {"Fn::Sub": text}:
                return self.substitute(text, {})
            case {"Fn::If": [condition, then, otherwise]}:
                return self.value(then if self.condition(condition) else otherwise)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(str, self.value(parts)))
            case {"Fn::Split": [separator, text]}:
                return self.value(text).split(separator)
            case {"Fn::Select": [index, several]}:
                return self.value(several)[int(index)]
            case dict():
                resolved = {key: self.value(each) for key, each in value.items()}
                return {key: each for key, each in resolved.items() if each is not None}
            case list():
                return [self.value(each) for each in value]
        return value

    def reference(self, name):
        if name in self.values:
            value = self.values[name]
            kind = self.template.get("Parameters", {}).get(name, {}).get("Type", "")
            return value.split(",") if kind == "CommaDelimitedList" and isinstance(value, str) else value
        return self.resources[name]

    def arn(self, name):
        """The ARN of a resource, as Fn::GetAtt gives it."""
        id = self.resources[name]
        service = {
            "AWS::Lambda::Function": f"lambda:{REGION}:{ACCOUNT}:function:",
            "AWS::SQS::Queue": f"sqs:{REGION}:{ACCOUNT}:",
            "AWS::Events::EventBus": f"events:{REGION}:{ACCOUNT}:event-bus/",
            "AWS::Logs::LogGroup": f"logs:{REGION}:{ACCOUNT}:log-group:",
        }[self.template["Resources"][name]["Type"]]
        return f"arn:aws:{service}{id.rsplit('/', 1)[-1] if 'sqs' in service else id}"

    def substitute(self, text, own):
        def replacement(found):
            name = found[1]
            if name in own:
                return str(own[name])
            if name.endswith(".Arn"):
                return self.arn(name.removesuffix(".Arn"))
            return str(self.reference(name))

        return re.sub(r"\$\{([^}!]+)\}", replacement, text)
