"""Checks template.yaml further than `sam validate` does.

SAM's translator expands the template, so that roles and permissions become visible, and cfn-lint reads the
expansion. Then this script applies Carnet's own rules, to a stack with tables of its own and to one with existing
tables. They find mistakes that deploy without an error and would only show in production, such as a missing grant, a
table without retention, or a lost event.
"""

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path

import boto3
from cfnlint.api import ManualArgs, lint
from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from template_shapes import rule_problems, shapes

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
# The AWS managed policies that SAM attaches: to every function, and to those with an event source mapping.
LOGS_POLICY = "AWSLambdaBasicExecutionRole"
STREAM_POLICY = "AWSLambdaDynamoDBExecutionRole"
QUEUE_POLICY = "AWSLambdaSQSQueueExecutionRole"

# The environment variables that every function needs.
ENVIRONMENT = {
    "CONTACTS_TABLE": {"Ref": "ContactsTable"},
    "ACCESS_TABLE": {"Ref": "AccessTable"},
    "RATE_LIMIT": {"Ref": "RateLimit"},
}

# Actions on the contacts table: to read contacts, also to create them, also to remove their tags.
READS = ("GetItem", "BatchGetItem")
MAKES = (*READS, "PutItem")
WRITES = (*MAKES, "DeleteItem")
# For each binary with an HTTP route: its actions on the contacts table, and the indexes it queries.
NEEDS = {
    "add-tag": (("BatchGetItem", "PutItem"), ()),
    "create-contact": (WRITES, ()),
    "flowiq-create-contact": (MAKES, ()),
    "flowiq-get-contact": (("GetItem",), ()),
    "get-contact": (("GetItem",), ("email",)),
    "list-tags": (("Query",), ()),
    "me": ((), ()),
    "remove-tag": (WRITES, ()),
    "search-contacts": (READS, ("email", "phone", "tag")),
    "update-contact": (WRITES, ()),
}
# For each binary that only takes events: its actions on the contacts table, and its event source mapping's policy.
NEEDS_OF_EVENTS = {
    "publish-changes": ((), STREAM_POLICY),
    "record-consent": (MAKES, QUEUE_POLICY),
    "record-message": (("BatchGetItem", "PutItem"), QUEUE_POLICY),
    "set-contact-state": (MAKES, QUEUE_POLICY),
}
# Binaries that use no table.
NEEDS_NOTHING = ("openapi",)

# The only index that no function queries, because it is for operators. The attribute `namespace` is secret and must
# not be in it.
OPERATORS_INDEX = {
    "IndexName": "tenant",
    "KeySchema": [
        {"AttributeName": "tenant_id", "KeyType": "HASH"},
        {"AttributeName": "key", "KeyType": "RANGE"},
    ],
    "Projection": {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": [
            *("name", "slug", "created_at", "rate_limit"),
            *("user", "label", "last_four", "expires_at"),
        ],
    },
}

# SAM's grant for failed asynchronous invocations and failed stream records. SAM gives its document no version.
DEAD_LETTERS_GRANT = {
    "Effect": "Allow",
    "Action": "sqs:SendMessage",
    "Resource": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
}


def expand(template):
    """The template as CloudFormation gets it, with SAM's resources replaced by plain ones."""
    template["Globals"]["Function"]["CodeUri"] = "s3://some-bucket/code.zip"
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(template, {})


def of_type(template, kind):
    resources = template["Resources"].items()
    return {name: resource for name, resource in resources if resource["Type"] == kind}


def as_list(value):
    return value if isinstance(value, list) else [value]


def lint_problems(template):
    for match in lint(json.dumps(template), config=ManualArgs(regions=[REGION])):
        # Its default is empty, and cfn-lint does not see that it is used only when it is not.
        if match.rule.id == "W1030" and "ExistingContactsTableStream" in match.message:
            continue
        yield f"{match.rule.id} {match.message[:160]} ({'/'.join(map(str, match.path or []))})"


def binary_problems(template, binaries):
    """Each binary belongs to exactly one function, and the function is named after it."""
    built = Counter()
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        binary = function.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
        built[binary] += 1
        if binary not in binaries:
            yield f"{name}: functions/Cargo.toml has no binary {binary!r}"
        if function["Properties"].get("FunctionName") != {"Fn::Sub": f"${{AWS::StackName}}-{binary}"}:
            yield f"{name}: FunctionName has to be the stack's name, a hyphen and {binary}"
    for binary in binaries:
        if built[binary] != 1:
            yield f"{binary}: {built[binary]} functions build this binary; exactly one has to"


def function_problems(template):
    """Each function runs on the chosen architecture, knows its tables, and logs to a group of its own that expires."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        properties = function["Properties"]
        if properties.get("Architectures") != [{"Ref": "Architecture"}]:
            yield f"{name}: its architecture has to be the parameter Architecture"
        variables = properties.get("Environment", {}).get("Variables", {})
        if variables | ENVIRONMENT != variables:
            yield f"{name}: an environment variable of {sorted(ENVIRONMENT)} is missing or different"
        group = groups.get(properties.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref"))
        if not group:
            yield f"{name}: has no log group of its own"
            continue
        # The name that Lambda itself would choose. As function names are unique, no two functions share a group.
        named = "/aws/lambda/" + properties.get("FunctionName", {}).get("Fn::Sub", "")
        if group["Properties"].get("LogGroupName") != {"Fn::Sub": named}:
            yield f"{name}: its log group has to be named {named}"
        if not group["Properties"].get("RetentionInDays"):
            yield f"{name}: its log group has no RetentionInDays, so logs would never expire"


def leading_keys(condition):
    """The partition keys that a condition limits a grant to, or None; any other condition as text."""
    match condition:
        case None:
            return None
        # `ForAllValues` alone is also true for a request without keys.
        case {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]},
            "Null": {"dynamodb:LeadingKeys": "false"},
            **rest,
        } if not rest:
            return keys
        case other:
            return str(other)


def policies(template, role):
    """What a role attaches: policy documents, and the names of AWS managed policies.

    Documents are the role's inline ones and those of managed policies of this template.
    """
    documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    of_aws = []
    own = of_type(template, "AWS::IAM::ManagedPolicy")
    for policy in role.get("ManagedPolicyArns", []):
        if isinstance(policy, dict) and policy.get("Ref") in own:
            documents.append(own[policy["Ref"]]["Properties"]["PolicyDocument"])
        else:
            of_aws.append(str(policy).rsplit("/", 1)[-1])
    return documents, of_aws


def grants(document):
    """The grants of a policy document as (action, resource, leading keys), and what is wrong with it."""
    granted, problems = set(), []
    statements = as_list(document["Statement"])
    if document.get("Version") != "2012-10-17" and statements != [DEAD_LETTERS_GRANT]:
        problems.append("a policy document has an old Version of the policy language")
    for statement in statements:
        if statement.get("Effect") != "Allow" or {"NotAction", "NotResource"} & statement.keys():
            problems.append("a statement is not a plain Allow of actions on resources")
            continue
        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        for action in actions:
            if "*" in action or action == "dynamodb:Scan":
                problems.append(f"a statement allows {action}")
        for resource in resources:
            if isinstance(resource, str) or "*" in str(resource):
                problems.append(f"a grant on {resource} instead of one resource of this template")
            if "/index/" in str(resource) and actions != ["dynamodb:Query"]:
                problems.append(f"more than Query is allowed on {resource}")
        keys = leading_keys(statement.get("Condition"))
        granted |= {(action, str(resource), keys) for action in actions for resource in resources}
    return granted, problems


def needs(binary):
    """The grants a binary needs, as `grants` gives them, and the AWS managed policies."""
    contacts, access, bus, dead = (
        str({"Fn::GetAtt": [id, "Arn"]}) for id in ("ContactsTable", "AccessTable", "Bus", "DeadLetters")
    )
    if binary in NEEDS_NOTHING:
        return set(), [LOGS_POLICY]
    if binary in NEEDS_OF_EVENTS:
        actions, source_policy = NEEDS_OF_EVENTS[binary]
        needed = {("dynamodb:GetItem", access, "tenant#*"), ("sqs:SendMessage", dead, None)}
        needed |= {(f"dynamodb:{action}", contacts, None) for action in actions}
        if binary == "publish-changes":
            needed.add(("events:PutEvents", bus, None))
        return needed, [LOGS_POLICY, source_policy]
    actions, indexes = NEEDS.get(binary, ((), ()))
    # A function that authenticates a token reads the access table and writes only the rate limit's items.
    needed = {("dynamodb:GetItem", access, None), ("dynamodb:UpdateItem", access, "calls#*")}
    needed |= {(f"dynamodb:{action}", contacts, None) for action in actions}
    needed |= {("dynamodb:Query", index_arn("ContactsTable", index), None) for index in indexes}
    return needed, [LOGS_POLICY]


def index_arn(table, index):
    return str({"Fn::Sub": f"${{{table}.Arn}}/index/{index}"})


def permission_problems(template):
    """Each function has exactly the grants it needs. The local stack enforces none of them."""
    indexes = {
        index_arn(table, index["IndexName"])
        for table, resource in of_type(template, "AWS::DynamoDB::Table").items()
        for index in resource["Properties"].get("GlobalSecondaryIndexes", [])
        if index != OPERATORS_INDEX
    }
    queried, attached = set(), set()
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        role = template["Resources"][function["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        attached |= {policy.get("Ref") for policy in role.get("ManagedPolicyArns", []) if isinstance(policy, dict)}
        documents, of_aws = policies(template, role)
        granted = set()
        for document in documents:
            more, problems = grants(document)
            granted |= more
            yield from (f"{name}: {problem}" for problem in problems)
        binary = function.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
        if not any(binary in table for table in (NEEDS, NEEDS_OF_EVENTS, NEEDS_NOTHING)):
            yield f"{name}: add {binary} to NEEDS in .ci/template_check.py, with its actions on the contacts table"
        needed, needed_of_aws = needs(binary)
        if sorted(of_aws) != sorted(needed_of_aws):
            yield f"{name}: attaches the managed policies {of_aws} instead of {needed_of_aws}"
        for action, resource, keys in sorted(needed - granted, key=str):
            yield f"{name}: needs {action} on {resource}, keys {keys or 'of any kind'}, and has no such grant"
        for action, resource, keys in sorted(granted - needed, key=str):
            yield f"{name}: does not need its grant of {action} on {resource}, keys {keys or 'of any kind'}"
        used = {resource for action, resource, _ in granted if "/index/" in resource}
        queried |= used
        for index in sorted(used - indexes):
            yield f"{name}: is granted Query on {index}, which does not exist"
    for index in sorted(indexes - queried):
        yield f"{index}: no function is granted Query on this index"
    yield from policy_problems(template, attached)


def policy_problems(template, attached):
    """Only the Policies of a function say what it may do; nothing attaches itself to a role from elsewhere."""
    for name, resource in template["Resources"].items():
        if not resource["Type"].startswith("AWS::IAM::") or resource["Type"] == "AWS::IAM::Role":
            continue
        if resource["Type"] != "AWS::IAM::ManagedPolicy":
            yield f"{name}: {resource['Type']} is not allowed here; use AWS::IAM::ManagedPolicy"
        # A policy's own name would need CAPABILITY_NAMED_IAM, and Roles would attach it behind a function's back.
        elif extra := sorted(resource["Properties"].keys() - {"PolicyDocument"}):
            yield f"{name}: a managed policy has only a PolicyDocument, not {extra}"
        elif "Condition" in resource:
            yield f"{name}: a managed policy must not depend on a condition"
        elif name not in attached:
            yield f"{name}: no function attaches this managed policy"


def output_problems(template):
    """The outputs name the tables that the functions use."""
    for table in ("ContactsTable", "AccessTable"):
        if template["Outputs"].get(table, {}).get("Value") != {"Ref": table}:
            yield f"Outputs: {table} has to be the name of the table"


def table_problems(template):
    """Tables survive operators' mistakes, and their keys are valid. (cfn-lint accepts any KeyType.)"""
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        if table.get("DeletionPolicy") != "RetainExceptOnCreate" or table.get("UpdateReplacePolicy") != "Retain":
            yield f"{name}: DeletionPolicy has to be RetainExceptOnCreate, and UpdateReplacePolicy Retain"
        if properties.get("DeletionProtectionEnabled") is not True:
            yield f"{name}: DeletionProtectionEnabled has to be true"
        if properties.get("BillingMode") != "PAY_PER_REQUEST":
            yield f"{name}: BillingMode has to be PAY_PER_REQUEST"
        if properties.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{name}: TimeToLiveSpecification has to be enabled on expires_at"
        if not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{name}: PointInTimeRecoveryEnabled has to be true"
        for keyed in [properties, *properties.get("GlobalSecondaryIndexes", [])]:
            kinds = [key["KeyType"] for key in keyed["KeySchema"]]
            if kinds != sorted(kinds) or not {"HASH"} <= set(kinds) <= {"HASH", "RANGE"}:
                yield f"{name}: the key types of {keyed.get('IndexName', 'the table')} are {kinds}"
    contacts = template["Resources"]["ContactsTable"]["Properties"]
    if contacts.get("StreamSpecification", {}).get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        yield "ContactsTable: StreamViewType has to be NEW_AND_OLD_IMAGES"
    if template["Resources"]["AccessTable"]["Properties"].get("GlobalSecondaryIndexes") != [OPERATORS_INDEX]:
        yield "AccessTable: its only index has to be OPERATORS_INDEX of .ci/template_check.py"


def event_problems(template):
    """Failed events are retried, and events that fail for good end in the dead-letter queue."""
    functions = of_type(template, "AWS::Lambda::Function")
    queues = of_type(template, "AWS::SQS::Queue")
    dead_letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    for name, queue in queues.items():
        properties = queue["Properties"]
        if name == "DeadLetters":
            if properties.get("MessageRetentionPeriod") != 1_209_600:
                yield f"{name}: MessageRetentionPeriod has to be 1209600 (14 days), the most that SQS allows"
            continue
        redrive = properties.get("RedrivePolicy", {})
        if redrive.get("deadLetterTargetArn") != dead_letters or not 3 <= redrive.get("maxReceiveCount", 0) <= 10:
            yield f"{name}: RedrivePolicy has to name DeadLetters and 3 to 10 receives"
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        properties = mapping["Properties"]
        function = functions[properties["FunctionName"]["Ref"]]["Properties"]
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: without ReportBatchItemFailures, one failed record fails its whole batch"
        if "Fn::GetAtt" not in properties["EventSourceArn"]:
            yield f"{name}: EventSourceArn has to be a table's stream or a queue of this template"
            continue
        id, attribute = properties["EventSourceArn"]["Fn::GetAtt"]
        if attribute == "StreamArn":
            if not template["Resources"][id]["Properties"].get("StreamSpecification"):
                yield f"{name}: the table {id} has no stream"
            if properties.get("StartingPosition") != "TRIM_HORIZON":
                yield f"{name}: StartingPosition has to be TRIM_HORIZON, or the first changes are skipped"
            if not properties.get("BisectBatchOnFunctionError") or properties.get("MaximumRetryAttempts") != -1:
                yield f"{name}: has to bisect failed batches and to retry until the records expire"
            if properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") != dead_letters:
                yield f"{name}: OnFailure has to be DeadLetters, or records that fail for good are lost"
            # On the keys only, so that a record whose images are broken still reaches the function.
            filters = properties.get("FilterCriteria", {}).get("Filters", [])
            patterns = [json.loads(each["Pattern"]) for each in filters]
            if patterns != [{"dynamodb": {"Keys": {"item": {"S": [{"prefix": "contact#"}]}}}}]:
                yield f"{name}: its filter has to select the items contact#…, by their keys only"
            continue
        if queues[id]["Properties"].get("VisibilityTimeout", 30) < 6 * function.get("Timeout", 3):
            yield f"{name}: the VisibilityTimeout of {id} has to be six times the function's timeout"
        if properties.get("Enabled") != {"Fn::If": ["QueuesArePolled", True, False]}:
            yield f"{name}: Enabled has to depend on QueuesArePolled, as polling costs money"
    if template["Parameters"]["PollQueues"]["Default"] != "false":
        yield "PollQueues: the default has to be false, so that an idle deployment costs nothing"
    yield from unpublished_change_problems(template, dead_letters)
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            if target["Arn"] == dead_letters:
                continue
            if target.get("DeadLetterConfig") != {"Arn": dead_letters}:
                yield f"{name}: DeadLetterConfig has to be DeadLetters, or undelivered events are lost"
            function = target["Arn"]["Fn::GetAtt"][0]
            configs = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
            config = [c["Properties"] for c in configs if c["Properties"]["FunctionName"] == {"Ref": function}]
            found = config and config[0].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            if found != dead_letters:
                yield f"{name}: {function} needs an OnFailure destination, or the events it fails are lost"


def unpublished_change_problems(template, dead_letters):
    """The events with which publish-changes reports what it cannot publish reach the dead-letter queue."""
    rules = [rule["Properties"] for rule in of_type(template, "AWS::Events::Rule").values()]
    # Only with these properties: an input transformer or a schedule would change what is delivered.
    expected = {
        "EventBusName": {"Ref": "Bus"},
        "EventPattern": {"source": ["carnet"], "detail-type": ["stream-record.unpublished"]},
        "Targets": [{"Id": "DeadLetters", "Arn": dead_letters}],
    }
    if [rule for rule in rules if dead_letters in [target["Arn"] for target in rule["Targets"]]] != [expected]:
        yield f"one rule has to send unpublished changes to DeadLetters, with exactly these properties: {expected}"
    source = (ROOT / "functions/src/stream/feed_event.rs").read_text()
    if '"stream-record.unpublished"' not in source:
        yield "functions/src/stream/feed_event.rs has another detail type than the rule of unpublished changes"
    # The part of a rule's ARN before its name is the name of its bus, which is the stack's.
    if template["Resources"]["Bus"]["Properties"].get("Name") != {"Ref": "AWS::StackName"}:
        yield "Bus: its name has to be the stack's, as DeadLettersPolicy says"
    rules_of_bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}/*"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": dead_letters,
        "Condition": {"ArnLike": {"aws:SourceArn": {"Fn::Sub": rules_of_bus}}},
    }
    policies = [policy["Properties"] for policy in of_type(template, "AWS::SQS::QueuePolicy").values()]
    statements = [policy["PolicyDocument"]["Statement"] for policy in policies if {"Ref": "DeadLetters"} in policy["Queues"]]
    if statements != [[statement]]:
        yield f"the policy of DeadLetters has to be {statement}, or the rules of the bus cannot send to it"


def main(path):
    try:
        template = expand(yaml_parse(path.read_text()))
    except InvalidDocumentException as refusal:
        print(*(cause.message for cause in refusal.causes), sep="\n")
        return True
    cargo = tomllib.loads((ROOT / "functions/Cargo.toml").read_text())
    binaries = [binary["name"] for binary in cargo["bin"]]
    problems = [*lint_problems(template), *rule_problems(template)]
    for name, shape, shape_problems in shapes(template):
        found = [
            *shape_problems,
            *binary_problems(shape, binaries),
            *function_problems(shape),
            *permission_problems(shape),
            *output_problems(shape),
            *table_problems(shape),
            *event_problems(shape),
        ]
        # What is wrong with the stack's own tables is not repeated for existing ones.
        problems += [f"{problem} ({name})" if name else problem for problem in found if problem not in problems]
    for problem in problems:
        print(problem)
    functions = len(of_type(template, "AWS::Lambda::Function"))
    print(f"{path.name}: {functions} functions, {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "template.yaml"))
