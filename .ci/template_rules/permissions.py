"""Permissions: each function has exactly the grants that it needs. The local stack enforces none of them."""

from .resources import arn, as_list, binary_of, of_type, sub
from .tables import INDEXES, OPERATORS_INDEXES

# The AWS managed policy that SAM attaches to every function.
LOGS_POLICY = "AWSLambdaBasicExecutionRole"

# Actions on the contacts table: to read contacts, also to create them, also to remove their tags or them.
READS = ("GetItem", "BatchGetItem")
MAKES = (*READS, "PutItem")
WRITES = (*MAKES, "DeleteItem")
# For each binary with an HTTP route: its actions on the contacts table, and the indexes it queries.
NEEDS = {
    "add-tag": (("BatchGetItem", "PutItem"), ()),
    "batch-upsert-contacts": (WRITES, ()),
    "create-contact": (WRITES, ()),
    "delete-contact": (WRITES, ()),
    "flowiq-create-contact": (MAKES, ()),
    "flowiq-get-contact": (("GetItem",), ()),
    "get-contact": (("GetItem",), ("email",)),
    "list-tags": (("Query",), ()),
    "mcp": (WRITES, ("email", "phone", "tag")),
    "me": ((), ()),
    "remove-tag": (WRITES, ()),
    "search-contacts": (READS, ("email", "phone", "tag")),
    "update-contact": (WRITES, ()),
}
# For each binary that reads a queue: its actions on the contacts table, and the queue.
NEEDS_OF_EVENTS = {
    "record-consent": (MAKES, "ConsentQueue"),
    "record-message": (("BatchGetItem", "PutItem"), "MessageQueue"),
    "set-contact-state": (MAKES, "StateQueue"),
}
# For each binary that is only invoked: its actions on the contacts table.
NEEDS_OF_INVOKED = {"import-contacts": WRITES}
# Binaries that use no table.
NEEDS_NOTHING = ("openapi",)

READ_QUEUE = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
READ_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator")
# The only resource with a `*`: AWS has no narrower one for listing the streams of a table.
STREAMS_OF_TABLE = sub("${ContactsTable.Arn}/stream/*")
STREAM = {"Fn::GetAtt": ["ContactsTable", "StreamArn"]}

# Only Lambda may assume the role of a function.
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}},
    ],
}
# SAM's grant for failed asynchronous invocations. SAM gives its document no version.
INVOCATIONS_GRANT = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn("InvocationDeadLetters")}


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
            documents.append(own[policy["Ref"]]["PolicyDocument"])
        else:
            of_aws.append(str(policy).rsplit("/", 1)[-1])
    return documents, of_aws


def grants(document):
    """The grants of a policy document as (action, resource, leading keys), and what is wrong with it."""
    granted, problems = set(), []
    statements = as_list(document["Statement"])
    if document.get("Version") != "2012-10-17" and statements != [INVOCATIONS_GRANT]:
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
            if isinstance(resource, str) or "*" in str(resource) and resource != STREAMS_OF_TABLE:
                problems.append(f"a grant on {resource} instead of one resource of this template")
            if "/index/" in str(resource) and actions != ["dynamodb:Query"]:
                problems.append(f"more than Query is allowed on {resource}")
        keys = leading_keys(statement.get("Condition"))
        granted |= {(action, str(resource), keys) for action in actions for resource in resources}
    return granted, problems


def needs(binary):
    """The grants a binary needs, as `grants` gives them."""
    contacts, access = str(arn("ContactsTable")), str(arn("AccessTable"))
    tenants = ("dynamodb:GetItem", access, "tenant#*")
    if binary in NEEDS_NOTHING:
        return set()
    if binary in NEEDS_OF_EVENTS:
        actions, queue = NEEDS_OF_EVENTS[binary]
        return {
            tenants,
            ("sqs:SendMessage", str(arn("InvocationDeadLetters")), None),
            *((f"dynamodb:{action}", contacts, None) for action in actions),
            *((f"sqs:{action}", str(arn(queue)), None) for action in READ_QUEUE),
        }
    if binary in NEEDS_OF_INVOKED:
        return {tenants, *((f"dynamodb:{action}", contacts, None) for action in NEEDS_OF_INVOKED[binary])}
    if binary == "publish-changes":
        return {
            tenants,
            ("events:PutEvents", str(arn("Bus")), None),
            ("sqs:SendMessage", str(arn("StreamDeadLetters")), None),
            *((f"dynamodb:{action}", str(STREAM), None) for action in READ_STREAM),
            ("dynamodb:ListStreams", str(STREAMS_OF_TABLE), None),
        }
    actions, indexes = NEEDS.get(binary, ((), ()))
    # A function that authenticates a token reads the access table and writes only the rate limit's items.
    needed = {("dynamodb:GetItem", access, None), ("dynamodb:UpdateItem", access, "calls#*")}
    needed |= {(f"dynamodb:{action}", contacts, None) for action in actions}
    needed |= {("dynamodb:Query", index_arn("ContactsTable", index), None) for index in indexes}
    return needed


def index_arn(table, index):
    return str(sub(f"${{{table}.Arn}}/index/{index}"))


def permission_problems(template):
    """Each function has a role of its own with exactly the grants it needs."""
    indexes = {
        index_arn(table, index)
        for table, of_table in INDEXES.items()
        for index in of_table
        if (table, index) not in OPERATORS_INDEXES
    }
    queried, attached, roles = set(), set(), set()
    known = (*NEEDS, *NEEDS_OF_EVENTS, *NEEDS_OF_INVOKED, *NEEDS_NOTHING, "publish-changes")
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        role = function["Role"]["Fn::GetAtt"][0]
        if role in roles:
            yield f"{name}: shares its role with another function"
        roles.add(role)
        role = template["Resources"][role]["Properties"]
        if role.get("AssumeRolePolicyDocument") != TRUST or "PermissionsBoundary" in role:
            yield f"{name}: only Lambda may assume its role, and nothing else limits it"
        attached |= {policy.get("Ref") for policy in role.get("ManagedPolicyArns", []) if isinstance(policy, dict)}
        if not all(policy.get("PolicyName") for policy in role.get("Policies", [])):
            yield f"{name}: an inline policy has no name"
        documents, of_aws = policies(template, role)
        granted = set()
        for document in documents:
            more, problems = grants(document)
            granted |= more
            yield from (f"{name}: {problem}" for problem in problems)
        binary = binary_of(template, name)
        if binary not in known:
            yield f"{name}: add {binary} to NEEDS in .ci/template_rules/permissions.py, with its actions on the table"
        if of_aws != [LOGS_POLICY]:
            yield f"{name}: attaches the managed policies {of_aws} instead of {[LOGS_POLICY]}"
        needed = needs(binary)
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
