"""The AsyncAPI document against the template: what one of them has, the other has too."""

from functools import cache

import yaml

from .resources import as_list, binary_of, of_type

DOCUMENT = "functions/src/events/asyncapi.yaml"
# Functions that take requests or the table's stream, and no event that others can send. Every other function belongs into
# the list of the document's channel `Functions`.
WITHOUT_EVENTS = {"mcp", "me", "openapi", "publish-changes"}


@cache
def read(path):
    return yaml.safe_load(path.read_text())


def asyncapi_problems(template, root):
    document = read(root / DOCUMENT)
    yield from both("the channel", channels(document), resources(template))
    yield from both("an operation for the rule", dict(rules_of(document)), dict(rules_of_template(template)))
    yield from both("an operation for the mapping", mappings(document), mappings_of_template(template))
    yield from both("a dead-letter queue for", failures(document), failures_of_template(template))
    functions = {binary_of(template, name) for name in of_type(template, "AWS::Lambda::Function")} - WITHOUT_EVENTS
    named = set(document["channels"]["Functions"]["parameters"]["function"]["enum"])
    invoked = {
        function
        for operation in document["operations"].values()
        if channel_of(operation) == "Functions"
        for function in as_list(operation["x-function"])
    }
    yield from both("the function", dict.fromkeys(named), dict.fromkeys(map(str, functions)))
    yield from both("an operation that invokes", dict.fromkeys(invoked), dict.fromkeys(map(str, functions)))


def both(what, documented, deployed):
    """What is only in the document, only in the template, or not the same in both."""
    for name in sorted(documented.keys() | deployed.keys()):
        if name not in documented:
            yield f"{DOCUMENT} lacks {what} {name}"
        elif name not in deployed:
            yield f"{DOCUMENT} has {what} {name}, and the template does not have it"
        elif documented[name] != deployed[name]:
            yield f"{DOCUMENT} says of {what} {name}: {documented[name]}; the template: {deployed[name]}"


def channels(document):
    """The service of each channel, by the resource's name. `Functions` stands for all functions, whose names are compared."""
    services = {name: channel["servers"][0]["$ref"].split("/")[-1] for name, channel in document["channels"].items()}
    return {name: service for name, service in services.items() if service != "lambda"}


def resources(template):
    kinds = {"AWS::SQS::Queue": "sqs", "AWS::Events::EventBus": "eventbridge", "AWS::S3::Bucket": "s3"}
    found = {name: service for kind, service in kinds.items() for name in of_type(template, kind)}
    # The account's own bus is not a resource of the template.
    if any("EventBusName" not in rule for rule in of_type(template, "AWS::Events::Rule").values()):
        found["DefaultBus"] = "eventbridge"
    return found


def channel_of(operation):
    return operation["channel"]["$ref"].split("/")[-1]


def message_names(document, operation):
    """The names of an operation's messages, which are the detail types of events."""
    for reference in operation["messages"]:
        _, _, channel, _, message = reference["$ref"].split("/")
        name = document["channels"][channel]["messages"][message]["$ref"].split("/")[-1]
        yield document["components"]["messages"][name]["name"]


def rules_of(document):
    """The bus, the detail types and the executable of each rule. Some rules send to a queue or start an import."""
    for operation in document["operations"].values():
        if "x-rule" in operation:
            types = sorted(message_names(document, operation))
            yield operation["x-rule"], (channel_of(operation), types, operation.get("x-function"))


def rules_of_template(template):
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        bus = rule.get("EventBusName", {"Ref": "DefaultBus"}).get("Ref")
        types = sorted(map(str, rule.get("EventPattern", {}).get("detail-type", [])))
        targets = [target.get("Arn", {}).get("Fn::GetAtt", [None])[0] for target in rule.get("Targets", [])]
        yield name, (bus, types, next(filter(None, (binary_of(template, target) for target in targets)), None))


def mappings(document):
    return {
        operation["x-mapping"]: (channel_of(operation), operation["x-function"])
        for operation in document["operations"].values()
        if "x-mapping" in operation
    }


def mappings_of_template(template):
    """The queue and the executable of each mapping; that of the table's stream is of no interest to others."""
    queues = of_type(template, "AWS::SQS::Queue")
    found = {}
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        source = mapping.get("EventSourceArn", {}).get("Fn::GetAtt", [None])[0]
        if source in queues:
            found[name] = (source, binary_of(template, mapping.get("FunctionName", {}).get("Ref")))
    return found


def failures(document):
    found = {}
    for operation in document["operations"].values():
        for source in operation.get("x-failures", []):
            found.setdefault(source, set()).add(channel_of(operation))
    return found


def failures_of_template(template):
    """The queues to which the failures of a queue, a function, a mapping or a rule go, or the events of a rule."""
    queues = of_type(template, "AWS::SQS::Queue")
    found = {}

    def add(source, target):
        queue = (target or {}).get("Fn::GetAtt", [None])[0]
        if queue in queues:
            found.setdefault(source, set()).add(queue)

    for name, queue in queues.items():
        add(name, queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        add(name, mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
    for config in of_type(template, "AWS::Lambda::EventInvokeConfig").values():
        function = config.get("FunctionName", {}).get("Ref")
        add(function, config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule.get("Targets", []):
            add(name, target.get("DeadLetterConfig", {}).get("Arn"))
            add(name, target.get("Arn"))
    return found
