"""Spoils items of a deployed stack, and runs `carnet doctor`, which has to find and to repair them."""

import json
import os
import subprocess

import access
from build import ROOT


def check(emulator, report, deployed):
    """A tenant is healthy before its items are spoiled, and after they have been repaired."""
    who = access.make(emulator, deployed.outputs["AccessTable"], "doctored")
    dynamodb, table = emulator.client("dynamodb"), deployed.outputs["ContactsTable"]
    deployed.request("POST", "/api/v1/actions/create-contact", {"phone": "+14155550190", "tags": "vip"}, {
        "Authorization": f"Bearer {who.token}",
    })
    doctor = Doctor(emulator, deployed, who.slug)
    report.expect("carnet doctor", doctor.run(), (0, [], None))
    (row,) = dynamodb.query(
        TableName=table, KeyConditionExpression="tenant_id = :tenant AND begins_with(#item, :prefix)",
        ExpressionAttributeNames={"#item": "item"},
        ExpressionAttributeValues={":tenant": {"S": who.tenant}, ":prefix": {"S": "tag#vip#"}},
    )["Items"]
    contact = row["id"]["S"]
    dynamodb.delete_item(TableName=table, Key={"tenant_id": row["tenant_id"], "item": row["item"]})
    dynamodb.put_item(TableName=table, Item=row | {"item": {"S": f"tag#old#{contact}"}, "tag": {"S": "old"}})
    dynamodb.update_item(
        TableName=table, Key={"tenant_id": row["tenant_id"], "item": {"S": f"contact#{contact}"}},
        UpdateExpression="SET phone_key = :wrong", ExpressionAttributeValues={":wrong": {"S": "+1"}},
    )
    kinds = ["missing_membership", "extra_membership", "wrong_index_attributes"]
    report.expect("carnet doctor with spoiled items", doctor.run(), (1, kinds, None))
    report.expect("carnet doctor --repair", doctor.run("--repair", "--yes"), (0, kinds, []))
    report.expect("carnet doctor after the repair", doctor.run(), (0, [], None))


class Doctor:
    """The command for one tenant of a stack."""

    def __init__(self, emulator, deployed, slug):
        self.environment = os.environ | emulator.environment
        self.target = ["--stack", deployed.name, "--tenant", slug]

    def run(self, *arguments):
        """The status, the kinds of findings, and of those that were left after a repair."""
        command = ["cargo", "run", "--quiet", "--locked", "--features", "cloud", "--", "doctor", "--json"]
        run = subprocess.run(
            [*command, *self.target, *arguments], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )
        if not run.stdout:
            raise SystemExit(f"carnet doctor ended with {run.returncode}: {run.stderr[-3000:]}")
        (tenant,) = json.loads(run.stdout)["tenants"]
        kinds = lambda findings: findings if findings is None else [each["kind"] for each in findings]
        return run.returncode, kinds(tenant["findings"]), kinds(tenant["left"])
