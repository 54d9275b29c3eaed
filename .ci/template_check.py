"""Checks template.yaml further than `sam validate` does.

SAM expands it here, and cfn-lint reads the expansion, where roles and permissions have become
visible. Then the rules of our own: faults that deploy without a word, or surface when it is late.
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

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
LOGS_POLICY = "AWSLambdaBasicExecutionRole"
# What SAM gives a function beside, so that Lambda may read for it.
SOURCE_POLICIES = {
    "AWSLambdaDynamoDBExecutionRole": ("publish-changes",),
    "AWSLambdaSQSQueueExecutionRole": ("record-message", "record-consent", "set-contact-state"),
}
ENVIRONMENT = {
    "CONTACTS_TABLE": {"Ref": "ContactsTable"},
    "ACCESS_TABLE": {"Ref": "AccessTable"},
    "RATE_LIMIT": {"Ref": "RateLimit"},
}
# With these a function knows a token and logs its calls, and can't write anything else beside them.
ACCESS = {("dynamodb:GetItem", None), ("dynamodb:UpdateItem", "calls#*")}

# What each binary asks of the table of contacts, and the indexes it queries.
READS = ("GetItem", "BatchGetItem")
MAKES = (*READS, "PutItem")
WRITES = (*MAKES, "DeleteItem")
NEEDS = {
    "add-tag": (("BatchGetItem", "PutItem"), ()),
    "create-contact": (WRITES, ()),
    "flowiq-create-contact": (MAKES, ()),
    "flowiq-get-contact": (("GetItem",), ()),
    "get-contact": (READS, ("email",)),
    "list-tags": (("Query",), ()),
    "me": ((), ()),
    "remove-tag": (WRITES, ()),
    "search-contacts": (READS, ("email", "phone", "tag")),
    "update-contact": (WRITES, ()),
}
# What takes events alone, knows tenants and no tokens.
NEEDS_OF_EVENTS = {
    "publish-changes": (),
    "record-consent": MAKES,
    "record-message": ("BatchGetItem", "PutItem"),
    "set-contact-state": MAKES,
}
# Serves the contract alone.
NEEDS_NOTHING = ("openapi",)


DEAD_LETTERS_GRANT = {
    "Effect": "Allow",
    "Action": "sqs:SendMessage",
    "Resource": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
}


def expand(template):
    """What CloudFormation is given: SAM resources replaced by plain ones."""
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
        yield f"{match.rule.id} {match.message[:160]} ({'/'.join(map(str, match.path or []))})"


def binary_problems(template, binaries):
    """Every binary is one function, and a function's names are its binary's."""
    built = Counter()
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        binary = function.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
        built[binary] += 1
        if binary not in binaries:
            yield f"{name}: no binary {binary!r} in functions/Cargo.toml"
        if function["Properties"].get("FunctionName") != {"Fn::Sub": f"${{AWS::StackName}}-{binary}"}:
            yield f"{name}: FunctionName is not that of {binary}"
    for binary in binaries:
        if built[binary] != 1:
            yield f"{binary}: {built[binary]} functions build it"


def function_problems(template):
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        properties = function["Properties"]
        if properties.get("Architectures") != ["arm64"]:
            yield f"{name}: not arm64"
        variables = properties.get("Environment", {}).get("Variables", {})
        if variables | ENVIRONMENT != variables:
            yield f"{name}: is not told the tables"
        group = groups.get(properties.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref"))
        if not group:
            yield f"{name}: no log group of its own"
            continue
        # Lambda's own naming, and proof that no two functions share a group.
        named = "/aws/lambda/" + properties.get("FunctionName", {}).get("Fn::Sub", "")
        if group["Properties"].get("LogGroupName") != {"Fn::Sub": named}:
            yield f"{name}: its log group is not named {named}"
        if not group["Properties"].get("RetentionInDays"):
            yield f"{name}: its logs are kept for ever"


def items(condition):
    """The partition keys a grant is limited to, or None; any other condition as text."""
    match condition:
        case None:
            return None
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]}, **rest} if not rest:
            return keys
        case other:
            return str(other)


def permission_problems(template):
    """Grants name actions and resources one by one, never Scan, and reach indexes that exist."""
    tables = of_type(template, "AWS::DynamoDB::Table")
    indexes = {
        f"${{{table}.Arn}}/index/{index['IndexName']}"
        for table, resource in tables.items()
        for index in resource["Properties"].get("GlobalSecondaryIndexes", [])
    }
    queried = set()
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        role = template["Resources"][function["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        binary = function.get("Metadata", {}).get("BuildProperties", {}).get("Binary")
        for policy in role.get("ManagedPolicyArns", []):
            managed = str(policy).rsplit("/", 1)[-1]
            if managed != LOGS_POLICY and binary not in SOURCE_POLICIES.get(managed, ()):
                yield f"{name}: managed policy {policy}"
        granted = set()
        for policy in role.get("Policies", []):
            statements = as_list(policy["PolicyDocument"]["Statement"])
            # SAM's own, for what failed for good.
            if statements == [DEAD_LETTERS_GRANT]:
                continue
            if policy["PolicyDocument"].get("Version") != "2012-10-17":
                yield f"{name}: a policy in an old version of the language"
            for statement in statements:
                if statement.get("Effect") != "Allow" or {"NotAction", "NotResource"} & statement.keys():
                    yield f"{name}: a statement that is no plain grant"
                    continue
                actions = as_list(statement["Action"])
                resources = as_list(statement["Resource"])
                for action in actions:
                    if "*" in action or action == "dynamodb:Scan":
                        yield f"{name}: may {action}"
                for resource in resources:
                    if isinstance(resource, str) or "*" in str(resource):
                        yield f"{name}: grants on {resource}, not on one resource of this template"
                    index = resource.get("Fn::Sub", "") if isinstance(resource, dict) else ""
                    if "/index/" in index:
                        queried.add(index)
                        if index not in indexes:
                            yield f"{name}: no index {index}"
                        if actions != ["dynamodb:Query"]:
                            yield f"{name}: more than Query on {index}"
                only = items(statement.get("Condition"))
                granted |= {(action, str(resource), only) for action in actions for resource in resources}
        # Nothing on a developer's machine refuses a request: a grant too few is noticed here.
        contacts, access, bus = (str({"Fn::GetAtt": [id, "Arn"]}) for id in ("ContactsTable", "AccessTable", "Bus"))
        if binary in NEEDS_NOTHING:
            needed = set()
        elif binary in NEEDS_OF_EVENTS:
            needed = {("dynamodb:GetItem", access, "tenant#*")}
            needed |= {(f"dynamodb:{action}", contacts, None) for action in NEEDS_OF_EVENTS[binary]}
            if binary == "publish-changes":
                needed.add(("events:PutEvents", bus, None))
        else:
            actions, queries = NEEDS.get(binary, ((), ()))
            index = "${{ContactsTable.Arn}}/index/{}"
            needed = {(action, access, only) for action, only in ACCESS}
            needed |= {(f"dynamodb:{action}", contacts, None) for action in actions}
            needed |= {("dynamodb:Query", str({"Fn::Sub": index.format(query)}), None) for query in queries}
        for action, resource, only in sorted(needed - granted, key=str):
            yield f"{name}: may not {action} on {resource}, items {only or 'of any key'}"
        for action, resource, only in sorted(granted - needed, key=str):
            yield f"{name}: has no need to {action} on {resource}, items {only or 'of any key'}"
    for index in sorted(indexes - queried):
        yield f"{index}: no function may query it"


def table_problems(template):
    """Tables outlive mistakes, and keys are what DynamoDB takes: cfn-lint passes any KeyType."""
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        if {table.get("DeletionPolicy"), table.get("UpdateReplacePolicy")} != {"Retain"}:
            yield f"{name}: not retained"
        if properties.get("DeletionProtectionEnabled") is not True:
            yield f"{name}: one call may delete it"
        if properties.get("BillingMode") != "PAY_PER_REQUEST":
            yield f"{name}: not on demand"
        if properties.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{name}: no time to live on expires_at"
        if not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{name}: no point-in-time recovery"
        for keyed in [properties, *properties.get("GlobalSecondaryIndexes", [])]:
            kinds = [key["KeyType"] for key in keyed["KeySchema"]]
            if kinds != sorted(kinds) or not {"HASH"} <= set(kinds) <= {"HASH", "RANGE"}:
                yield f"{name}: key types {kinds} in {keyed.get('IndexName', 'the table')}"
    contacts = template["Resources"]["ContactsTable"]["Properties"]
    if contacts.get("StreamSpecification", {}).get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        yield "ContactsTable: no stream of new and old images"


def event_problems(template):
    """Nothing sent is lost: what fails comes again, and in the end to the dead letters."""
    functions = of_type(template, "AWS::Lambda::Function")
    queues = of_type(template, "AWS::SQS::Queue")
    dead_letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    for name, queue in queues.items():
        properties = queue["Properties"]
        if name == "DeadLetters":
            if properties.get("MessageRetentionPeriod") != 1_209_600:
                yield f"{name}: not kept for as long as SQS keeps anything"
            continue
        redrive = properties.get("RedrivePolicy", {})
        if redrive.get("deadLetterTargetArn") != dead_letters or not 3 <= redrive.get("maxReceiveCount", 0) <= 10:
            yield f"{name}: what fails does not get to the dead letters after a few attempts"
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        properties = mapping["Properties"]
        function = functions[properties["FunctionName"]["Ref"]]["Properties"]
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one that fails takes the whole batch with it"
        id, attribute = properties["EventSourceArn"]["Fn::GetAtt"]
        if attribute == "StreamArn":
            if not template["Resources"][id]["Properties"].get("StreamSpecification"):
                yield f"{name}: {id} has no stream"
            if properties.get("StartingPosition") != "TRIM_HORIZON":
                yield f"{name}: what happens before it is ready is not told"
            if not properties.get("BisectBatchOnFunctionError") or properties.get("MaximumRetryAttempts") != -1:
                yield f"{name}: gives up too early"
            if properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") != dead_letters:
                yield f"{name}: what fails for good is lost"
            if "contact#" not in str(properties.get("FilterCriteria")):
                yield f"{name}: is called for what is no contact"
            continue
        if queues[id]["Properties"].get("VisibilityTimeout", 30) < 6 * function.get("Timeout", 3):
            yield f"{name}: a message is shown again while it may still be worked on"
        if properties.get("Enabled") != {"Fn::If": ["QueuesArePolled", True, False]}:
            yield f"{name}: asks its queue though nobody said so, which costs"
    if template["Parameters"]["PollQueues"]["Default"] != "false":
        yield "PollQueues: a deployment nobody calls is to cost nothing"
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            if target.get("DeadLetterConfig") != {"Arn": dead_letters}:
                yield f"{name}: what can't be handed over is lost"
            function = target["Arn"]["Fn::GetAtt"][0]
            configs = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
            config = [c["Properties"] for c in configs if c["Properties"]["FunctionName"] == {"Ref": function}]
            found = config and config[0].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            if found != dead_letters:
                yield f"{name}: an event that {function} fails is lost"


def main(path):
    try:
        template = expand(yaml_parse(path.read_text()))
    except InvalidDocumentException as refusal:
        print(*(cause.message for cause in refusal.causes), sep="\n")
        return True
    cargo = tomllib.loads((ROOT / "functions/Cargo.toml").read_text())
    problems = [
        *lint_problems(template),
        *binary_problems(template, [binary["name"] for binary in cargo["bin"]]),
        *function_problems(template),
        *permission_problems(template),
        *table_problems(template),
        *event_problems(template),
    ]
    for problem in problems:
        print(problem)
    functions = len(of_type(template, "AWS::Lambda::Function"))
    print(f"{path.name}: {functions} functions, {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "template.yaml"))
