"""Spoils items of a deployed stack, and runs `carnet doctor`, which has to find and to repair them."""

import json
import os
import subprocess

from build import ROOT


def check(emulator, report, deployed, who):
    """The stack is healthy before the items are spoiled, and after they have been repaired."""
    table = emulator.resource("dynamodb").Table(deployed.outputs["ContactsTable"])
    doctor = Doctor(emulator, deployed)
    report.expect("carnet doctor", doctor.run("--all"), (0, [], None))
    deployed.request("POST", "/api/v1/actions/create-contact", {"phone": "+14155550190", "tags": "doctored"}, {
        "Authorization": f"Bearer {who.token}",
    })
    prefix = "tag#doctored#"
    (row,) = table.query(
        KeyConditionExpression="tenant_id = :tenant AND begins_with(#item, :prefix)",
        ExpressionAttributeNames={"#item": "item"},
        ExpressionAttributeValues={":tenant": who.tenant, ":prefix": prefix},
    )["Items"]
    contact = row["item"].removeprefix(prefix)
    table.delete_item(Key={"tenant_id": who.tenant, "item": row["item"]})
    table.put_item(Item=row | {"item": f"tag#old#{contact}", "tag": "old"})
    table.update_item(
        Key={"tenant_id": who.tenant, "item": f"contact#{contact}"},
        UpdateExpression="SET phone_key = :wrong", ExpressionAttributeValues={":wrong": "+1"},
    )
    kinds = ["missing_membership", "extra_membership", "wrong_index_attributes"]
    report.expect("carnet doctor with spoiled items", doctor.run("--tenant", who.slug), (1, kinds, None))
    report.expect("carnet doctor --repair", doctor.run("--tenant", who.slug, "--repair", "--yes"), (0, kinds, []))
    report.expect("carnet doctor after the repair", doctor.run("--tenant", who.slug), (0, [], None))


class Doctor:
    def __init__(self, emulator, deployed):
        self.environment, self.stack = os.environ | emulator.environment, deployed.name

    def run(self, *arguments):
        """The status, the kinds of findings, and of those that were left after a repair."""
        command = ["cargo", "run", "--quiet", "--locked", "--features", "cloud", "--", "doctor", "--json", "--rate", "0"]
        command += ["--stack", self.stack, *arguments]
        run = subprocess.run(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if not run.stdout:
            raise SystemExit(f"carnet doctor ended with {run.returncode}: {run.stderr[-3000:]}")
        tenants = json.loads(run.stdout)["tenants"]
        found = [each["kind"] for tenant in tenants for each in tenant["findings"]]
        (left,) = {json.dumps(tenant["left"] and [each["kind"] for each in tenant["left"]]) for tenant in tenants}
        return run.returncode, found, json.loads(left)
