"""Tenants and tokens, made as an operator makes them."""

import hashlib
import os
import re
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from boto3.dynamodb.types import TypeSerializer

README = Path(__file__).resolve().parents[2] / "README.md"


@dataclass
class Access:
    """A tenant and its tokens."""

    tenant: str
    slug: str
    token: str
    # A token of the same tenant that FlowIQ's clients use.
    key: str


def make_with_readme(emulator, table, programs):
    """Runs the commands of README.md that make the tenant `me` and its first token: their output, the token.

    `programs` is the directory of the AWS CLI.
    """
    (commands,) = re.findall(r"```sh\n(TENANT=.*?)```", README.read_text(), re.DOTALL)
    environment = os.environ | emulator.environment | {
        "ACCESS_TABLE": table,
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], env=environment, capture_output=True, text=True
    )
    if run.returncode:
        raise SystemExit(f"the commands of README.md failed: {run.stderr[-2000:]}")
    return run.stdout.split()[-1]


def make(emulator, table, slug, **attributes):
    """Makes a tenant with a token and a FlowIQ key, with the items that README.md describes.

    Attributes are added to the tenant's item.
    """
    tenant = str(uuid.uuid4())
    put(emulator, table, {"key": f"slug#{slug}", "tenant_id": tenant})
    put(emulator, table, {
        "key": f"tenant#{tenant}", "tenant_id": tenant, "created_at": now(), "name": slug, "slug": slug,
        "namespace": uuid.uuid4().hex, **attributes,
    })
    token, key = (issue(emulator, table, tenant, prefix) for prefix in ("", "fiq_"))
    return Access(tenant, slug, token, key)


def of_token(emulator, table, token):
    """The tenant of a token with a FlowIQ key of its own."""
    item = emulator.client("dynamodb").get_item(TableName=table, Key={"key": {"S": token_key(token)}})["Item"]
    tenant = item["tenant_id"]["S"]
    return Access(tenant, "me", token, issue(emulator, table, tenant, "fiq_"))


def token_key(token):
    return f"token#{hashlib.sha256(token.encode()).hexdigest()}"


def issue(emulator, table, tenant, prefix="", **attributes):
    """Makes a token of a tenant, or of a user without one if that is None. Attributes are added to its item."""
    token = prefix + uuid.uuid4().hex
    item = {
        "key": token_key(token), "created_at": now(), "label": "deploy-test",
        "last_four": token[-4:], "user": {"id": 1, "email": "me@example.com"}, **attributes,
    }
    put(emulator, table, item | ({"tenant_id": tenant} if tenant else {}))
    return token


def put(emulator, table, item):
    serialize = TypeSerializer().serialize
    emulator.client("dynamodb").put_item(
        TableName=table, Item={name: serialize(value) for name, value in item.items()}
    )


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
