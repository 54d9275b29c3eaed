"""Events: queues, the bus, the stream. Failed events are retried, and those that fail for good become dead letters."""

import json

from .permissions import NEEDS_OF_EVENTS, STREAM
from .resources import arn, binary_of, differences, functions_by_binary, of_type, only, ref, sub

# The dead-letter queue of each source.
DEAD_LETTERS_OF_QUEUES = {
    "MessageQueue": "MessageDeadLetters",
    "ConsentQueue": "ConsentDeadLetters",
    "StateQueue": "StateDeadLetters",
}
BUS, INVOCATIONS, CHANGES = "BusDeadLetters", "InvocationDeadLetters", "StreamDeadLetters"
IMPORTS = "ImportDeadLetters"
DEAD_LETTERS = [*DEAD_LETTERS_OF_QUEUES.values(), BUS, INVOCATIONS, CHANGES, IMPORTS]
DAY = 86_400
# The detail type of the events with which publish-changes reports what it cannot publish.
UNPUBLISHED = "stream-record.unpublished"
# On the keys only, so that a record whose images are broken still reaches the function.
CONTACTS_ONLY = {"dynamodb": {"Keys": {"item": {"S": [{"prefix": "contact#"}]}}}}


def event_problems(template, root):
    yield from queue_problems(template)
    yield from mapping_problems(template)
    yield from rule_problems(template)
    yield from invocation_problems(template)
    yield from unpublished_change_problems(template, root)


def queue_problems(template):
    """Each queue has a dead-letter queue of its own, and its messages stay hidden while they are processed."""
    queues = of_type(template, "AWS::SQS::Queue")
    for name in sorted(queues.keys() ^ {*DEAD_LETTERS_OF_QUEUES, *DEAD_LETTERS}):
        yield f"{name}: {'.ci/template_rules/events.py does not know it' if name in queues else 'is missing'}"
    timeouts = {
        mapping["EventSourceArn"]["Fn::GetAtt"][0]: template["Resources"][function]["Properties"].get("Timeout", 3)
        for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values()
        if (function := mapping.get("FunctionName", {}).get("Ref")) in template["Resources"]
        and "Fn::GetAtt" in mapping.get("EventSourceArn", {})
    }
    for name, dead_letters in DEAD_LETTERS_OF_QUEUES.items():
        expected = {
            "VisibilityTimeout": 6 * timeouts.get(name, 10),
            "MessageRetentionPeriod": 4 * DAY,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {"deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": 10},
        }
        yield from only(name, queues.get(name, {}), expected)
    for name in DEAD_LETTERS:
        # The most that SQS allows.
        kept = {"MessageRetentionPeriod": 14 * DAY, "SqsManagedSseEnabled": True}
        yield from only(name, queues.get(name, {}), kept)


def mapping_problems(template):
    """Each queue and the stream of the contacts table invoke their function, and one failed record fails only itself."""
    functions = functions_by_binary(template)
    expected = {
        binary: {
            "FunctionName": ref(functions.get(binary)),
            "EventSourceArn": arn(queue),
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            # Polling costs money.
            "Enabled": {"Fn::If": ["QueuesArePolled", True, False]},
        }
        for binary, (_, queue) in NEEDS_OF_EVENTS.items()
    }
    expected["publish-changes"] = {
        "FunctionName": ref(functions.get("publish-changes")),
        "EventSourceArn": STREAM,
        "BatchSize": 100,
        # Later positions would skip the first changes.
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        # Until the records expire; a stream keeps them for a day.
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": DAY - 3_600,
        "FilterCriteria": {"Filters": [{"Pattern": CONTACTS_ONLY}]},
        "DestinationConfig": {"OnFailure": {"Destination": arn(CHANGES)}},
    }
    mapped = []
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        binary = binary_of(template, mapping.get("FunctionName", {}).get("Ref"))
        mapped.append(binary)
        parsed = dict(mapping)
        if "FilterCriteria" in mapping:
            parsed["FilterCriteria"] = {"Filters": [parsed_filter(each) for each in mapping["FilterCriteria"]["Filters"]]}
        yield from only(name, parsed, expected.get(binary, {}))
    if sorted(map(str, mapped)) != sorted(expected):
        yield f"event source mappings have to invoke {sorted(expected)}, not {sorted(map(str, mapped))}"


def parsed_filter(each):
    """A filter with its pattern as JSON, or as it is."""
    try:
        return {**each, "Pattern": json.loads(each["Pattern"])}
    except ValueError:
        return each


def rule_problems(template):
    """The events whose detail type is the name of a function reach it, and those that cannot reach it are kept."""
    functions = functions_by_binary(template)
    rules = of_type(template, "AWS::Events::Rule")
    if list(of_type(template, "AWS::Events::EventBus")) != ["Bus"]:
        yield "there has to be one event bus, Bus"
    by_target = {
        target["Arn"]["Fn::GetAtt"][0]: (name, rule)
        for name, rule in rules.items()
        for target in rule.get("Targets", [])
    }
    allowed = {
        permission["FunctionName"]["Ref"]: permission
        for permission in of_type(template, "AWS::Lambda::Permission").values()
        if permission.get("Principal") == "events.amazonaws.com"
    }
    for binary in NEEDS_OF_EVENTS:
        function = functions.get(binary)
        name, rule = by_target.get(function, (binary, {}))
        target = {
            "Arn": arn(function),
            "Id": rule.get("Targets", [{}])[0].get("Id"),
            "DeadLetterConfig": {"Arn": arn(BUS)},
        }
        expected = {"EventBusName": ref("Bus"), "EventPattern": {"detail-type": [binary]}, "Targets": [target]}
        yield from only(f"{name}: the rule of {binary}", rule, expected)
        permission = {
            "Action": "lambda:InvokeFunction",
            "FunctionName": ref(function),
            "Principal": "events.amazonaws.com",
            "SourceArn": arn(name),
        }
        yield from only(f"{function}: the bus's permission", allowed.get(function, {}), permission)
    # Three rules for functions, the one of unpublished changes, and the one of imports, which is on the default bus.
    if len(rules) != len(NEEDS_OF_EVENTS) + 2 or len(allowed) != len(NEEDS_OF_EVENTS):
        yield f"there has to be a rule for each of {sorted(NEEDS_OF_EVENTS)}, for unpublished changes and for imports"


def invocation_problems(template):
    """Asynchronous invocations that fail, those by the bus among them, are retried twice and then kept."""
    configs = of_type(template, "AWS::Lambda::EventInvokeConfig")
    functions = functions_by_binary(template)
    by_function = {config.get("FunctionName", {}).get("Ref"): (name, config) for name, config in configs.items()}
    for binary in NEEDS_OF_EVENTS:
        name, config = by_function.get(functions.get(binary), (binary, {}))
        expected = {
            "FunctionName": ref(functions.get(binary)),
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": 2,
            "DestinationConfig": {"OnFailure": {"Destination": arn(INVOCATIONS)}},
        }
        yield from only(f"{name}: asynchronous invocations", config, expected)


def unpublished_change_problems(template, root):
    """The events with which publish-changes reports what it cannot publish reach their dead-letter queue."""
    rules = of_type(template, "AWS::Events::Rule")
    # Only with these properties: an input transformer or a schedule would change what is delivered.
    expected = {
        "EventBusName": ref("Bus"),
        "EventPattern": {"source": ["carnet"], "detail-type": [UNPUBLISHED]},
        "Targets": [{"Id": "DeadLetters", "Arn": arn(CHANGES)}],
    }
    yield from only("UnpublishedChangesRule", rules.get("UnpublishedChangesRule", {}), expected)
    source = (root / "functions/src/stream/feed_event.rs").read_text()
    if f'"{UNPUBLISHED}"' not in source:
        yield "functions/src/stream/feed_event.rs has another detail type than the rule of unpublished changes"
    # The part of a rule's ARN before its name is the name of its bus, which is the stack's.
    bus = template["Resources"].get("Bus", {}).get("Properties", {})
    yield from differences("Bus", bus, {"Name": ref("AWS::StackName")})
    rules_of_bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}/*"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": [arn(BUS), arn(CHANGES)],
        "Condition": {"ArnLike": {"aws:SourceArn": sub(rules_of_bus)}},
    }
    of_imports = {
        **statement,
        "Resource": arn(IMPORTS),
        "Condition": {"ArnEquals": {"aws:SourceArn": arn("ImportRule")}},
    }
    policies = {
        "DeadLettersPolicy": {
            "Queues": [ref(BUS), ref(CHANGES)],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
        "ImportDeadLettersPolicy": {
            "Queues": [ref(IMPORTS)],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [of_imports]},
        },
    }
    if of_type(template, "AWS::SQS::QueuePolicy") != policies:
        yield f"the queues have to have exactly these policies, or rules cannot send to them: {policies}"
