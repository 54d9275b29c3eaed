"""Tables: keys, indexes, and that they survive operators' mistakes.

Keys, indexes and projections cannot be changed once there is data, so they are held here exactly.
"""

from .resources import differences, of_type, ref

ACTIVITY = ["phone", "name", "email", "source", "tags", "last_message_at", "created_at", "search_text"]
FILTERS = ["opted_out_at", "bot_status", "archived", "blocked"]
# For each table: its key, and the keys and projected attributes of its indexes. All key attributes are strings.
KEYS = {"ContactsTable": (["tenant_id"], ["item"]), "AccessTable": (["key"], [])}
INDEXES = {
    "ContactsTable": {
        "phone": (["tenant_id"], ["phone_key"], None),
        "email": (["tenant_id"], ["email_key", "created_at", "id"], None),
        "tag": (["tenant_id", "tag"], ["active_at", "id"], [*ACTIVITY, *FILTERS]),
    },
    # For operators. The attribute `namespace` is secret and must not be in it.
    "AccessTable": {
        "tenant": (
            ["tenant_id"],
            ["key"],
            [
                *("name", "slug", "created_at", "rate_limit", "deleting_since"),
                *("user", "label", "last_four", "kind", "expires_at"),
            ],
        ),
    },
}
# The indexes that no function queries.
OPERATORS_INDEXES = [("AccessTable", "tenant")]
STREAMS = {"ContactsTable": {"StreamViewType": "NEW_AND_OLD_IMAGES"}}


def key_schema(hashes, ranges):
    return [
        {"AttributeName": name, "KeyType": kind}
        for names, kind in ((hashes, "HASH"), (ranges, "RANGE"))
        for name in names
    ]


def index(name, hashes, ranges, projected):
    projection = {"ProjectionType": "KEYS_ONLY"}
    if projected:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": projected}
    return {
        "IndexName": name,
        "KeySchema": key_schema(hashes, ranges),
        "Projection": projection,
        "OnDemandThroughput": {"MaxReadRequestUnits": ref("MaxReadUnitsPerSecond")},
    }


def table_problems(template):
    """Each table has its keys, indexes, stream, expiry, recovery and ceilings, and cannot be lost."""
    for name, keys in KEYS.items():
        table = template["Resources"].get(name, {})
        kept = {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
        }
        yield from differences(name, table, kept)
        indexes = INDEXES[name]
        named = [*keys, *(keys for hashes, ranges, _ in indexes.values() for keys in (hashes, ranges))]
        attributes = {attribute for names in named for attribute in names}
        properties = table.get("Properties", {})
        expected = {
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": True,
            "KeySchema": key_schema(*keys),
            "GlobalSecondaryIndexes": [index(name, *schema) for name, schema in indexes.items()],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "StreamSpecification": STREAMS.get(name),
            "OnDemandThroughput": {
                "MaxReadRequestUnits": ref("MaxReadUnitsPerSecond"),
                "MaxWriteRequestUnits": ref("MaxWriteUnitsPerSecond"),
            },
        }
        # A table with a name of its own could not be replaced, nor exist twice in an account.
        yield from differences(name, properties, expected, ["TableName"])
        defined = {each["AttributeName"]: each["AttributeType"] for each in properties.get("AttributeDefinitions", [])}
        if defined != dict.fromkeys(attributes, "S"):
            yield f"{name}: AttributeDefinitions have to be the strings {sorted(attributes)}, not {defined}"
    # They hold the ARNs of the tables in use: see `shapes`.
    for name, parameter in of_type(template, "AWS::SSM::Parameter").items():
        yield from differences(name, parameter, {"Type": "String"})
