"""Rehearses docs/operations.md: restoring a table step by step, deleting the stack, using its tables in another one.

`sam build` is left out, as everything is built.
"""

import http_calls
import stack
from botocore.exceptions import ClientError
from operations import Shell


def rehearse(emulator, sam, report, deployed, who, programs):
    """Leaves the emulator without stacks, and with the tables, which outlive them."""
    dynamodb = emulator.client("dynamodb")
    tables = {name: deployed.outputs[name] for name in ("ContactsTable", "AccessTable")}
    for name, table in tables.items():
        report.expect(f"DeleteTable of {name}, which is protected", refusal(dynamodb, table), "ValidationException")
    sam.delete(emulator, deployed.name)
    report.expect("the stack after sam delete", stack.wait(emulator.client("cloudformation"), deployed.name), "DELETE_COMPLETE")
    left = set(dynamodb.list_tables()["TableNames"])
    report.expect("tables after sam delete", sorted(set(tables.values()) - left), [])

    shell = Shell(emulator, sam, programs)
    # The page's `sam build`, which has been run, and its `sam deploy` with what the emulator needs besides.
    printed = 'sam build --config-env "$ENVIRONMENT" && sam deploy --config-env "$ENVIRONMENT" --parameter-overrides'
    deploy = {printed: " ".join(map(str, sam.deploy_command(PollQueues="true")))}
    shell.run("Use the tables of a deleted stack", deploy | {
        "carnet-ContactsTable-…": tables["ContactsTable"],
        "carnet-AccessTable-…": tables["AccessTable"],
    })
    adopted = stack.Stack(emulator, deployed.name)
    report.expect("the adopted tables", {name: adopted.outputs[name] for name in tables}, tables)
    works(adopted, report, who, "with the tables of a deleted stack")

    restored = shell.run("Restore a table", deploy | {
        # The emulator's tables are younger than the page.
        "--restore-date-time 2026-11-20T10:58:35Z": "--use-latest-restorable-time",
    })
    changed = stack.Stack(emulator, deployed.name)
    report.expect("the restored table", changed.outputs["ContactsTable"], restored["RESTORED"])
    check_settings(dynamodb, report, restored["RESTORED"])
    works(changed, report, who, "with a restored table")
    report.expect("the earlier table is deleted", restored["CONTACTS"] in dynamodb.list_tables()["TableNames"], False)
    sam.delete(emulator, deployed.name)


def refusal(dynamodb, table):
    """Tries to delete a table: the code of the error, or None."""
    try:
        dynamodb.delete_table(TableName=table)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def works(deployed, report, who, name):
    """The contact that the calls have left is there, can be changed, and its change is published."""
    api = http_calls.Api(deployed, report)
    phone = http_calls.PHONE
    api.action(f"get {name}", "get-contact", {"phone": phone}, who.token, (200, {"phone": phone, "name": "Zoé", ...: 0}))
    api.action(f"search {name}", "search-contacts", {"query": "zoe"}, who.token, (200, lambda found: bool(found)))
    api.action(f"change {name}", "add-tag", {"phone": phone, "tag": name}, who.token, (200, {"tag_added": name, ...: 0}))
    functions = [each for each in deployed.of_type("AWS::Lambda::EventSourceMapping")]
    mappings = [
        deployed.emulator.client("lambda").get_event_source_mapping(UUID=deployed.resources[each]) for each in functions
    ]
    streams = [each["EventSourceArn"] for each in mappings if ":dynamodb:" in each["EventSourceArn"]]
    table = deployed.outputs["ContactsTable"]
    report.expect(f"the stream {name}", [f":table/{table}/stream/" in arn for arn in streams], [True])


def check_settings(dynamodb, report, table):
    """The settings that a restored table does not have by itself."""
    described = dynamodb.describe_table(TableName=table)["Table"]
    report.expect("deletion protection of a restored table", described["DeletionProtectionEnabled"], True)
    report.expect("stream of a restored table", described["StreamSpecification"], {
        "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES",
    })
    indexes = sorted(each["IndexName"] for each in described["GlobalSecondaryIndexes"])
    report.expect("indexes of a restored table", indexes, ["email", "phone", "tag"])
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    report.expect("TTL of a restored table", ttl, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"})
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    status = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    report.expect("point-in-time recovery of a restored table", status, "ENABLED")
