"""Runs a documentation snippet as a program, and records the stack's answer.

A snippet is stored exactly as its page shows it. When it is run, its host, token and organisation are filled in, and
a line before it and one after it make it a program that prints its result as JSON.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import process

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 60

HOSTS = ("https://www.qyvo.io", "https://api.flowiq.live", "http://127.0.0.1:3000")
TOKENS = ("YOUR_TOKEN_HERE", "<token>", "fiq_YOUR_API_KEY")
ORGANISATION = "your-org"

# Prints the answer of a function that the AWS CLI has invoked.
OUT = """
import json
out = json.load(open("out.json"))
print(json.dumps([out["statusCode"], json.loads(out["body"])]))"""

# For each file name: the command that runs it, the line before the snippet, the line after it.
CLIENTS = {
    "curl.sh": (["bash"], "", ""),
    "curl-reference.sh": (["bash"], "", ""),
    "fetch.mjs": (["node"], "", "console.log(JSON.stringify({result}));"),
    "laravel.php": (
        ["php", f"-dauto_prepend_file={HERE / 'laravel.php'}"],
        "<?php",
        "echo json_encode({result});",
    ),
    "httpx.py": ([sys.executable], "", "import json; print(json.dumps({result}))"),
    # The CLI prints metadata of the invocation, and writes the function's answer to a file.
    "aws.sh": (["bash"], "exec 3>&1 >&2", f"python -c '{OUT}' >&3"),
}


@dataclass
class Answer:
    """The answer that a snippet received, and what it printed."""

    status: int
    body: object
    printed: object


class Failed(Exception):
    """The snippet failed, or its answer or its output is not JSON."""


class Proxy:
    """A TCP proxy before the stack that records the bytes of the stack's answer."""

    def __init__(self, stack):
        self.stack = urlsplit(stack)
        self.answered = bytearray()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def connected(self, reader, writer):
        try:
            from_stack, to_stack = await asyncio.open_connection(self.stack.hostname, self.stack.port or 80)
        except OSError:
            return writer.close()
        await asyncio.gather(self.forward(reader, to_stack), self.forward(from_stack, writer, self.answered))

    async def forward(self, reader, writer, record=None):
        with suppress(OSError):
            while data := await reader.read(65536):
                if record is not None:
                    record += data
                writer.write(data)
                await writer.drain()
        writer.close()

    def answer(self):
        """Status and body of the recorded answer."""
        answer = HTTPResponse(SimpleNamespace(makefile=lambda _: BytesIO(self.answered)))
        answer.begin()
        return answer.status, answer.read()


def program(text, client, url, token, result):
    """The snippet with its placeholders filled in, as a program that prints its result."""
    for host in HOSTS:
        text = text.replace(host, url)
    for placeholder in TOKENS:
        text = text.replace(placeholder, token)
    text = text.replace(ORGANISATION, "demo")
    _, before, after = CLIENTS[client]
    # By default, the result is the variable that the snippet assigns.
    variable = re.search(r"\$?contacts?(?= = )", text)
    result = result or (variable and variable[0])
    return "\n".join([before, text, after.replace("{result}", result or "")]).lstrip()


def environment(token):
    """The current environment without proxies and AWS credentials, because the stack runs on this machine."""
    ours = os.environ.items()
    ours = {name: value for name, value in ours if not re.search("^AWS_|_proxy$", name, re.IGNORECASE)}
    aws = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return ours | aws | files | {"QYVO_TOKEN": token}


async def run(stack, page, client, token, result=None):
    """Runs one page's snippet for one client. `result`: the expression to print, by default the snippet's variable."""
    with tempfile.TemporaryDirectory() as directory:
        async with Proxy(stack) as proxy:
            for file in (HERE / page).glob("*.json"):
                text = file.read_text().replace(TOKENS[0], token)
                Path(directory, file.name).write_text(text)
            path = Path(directory, "snippet" + Path(client).suffix)
            path.write_text(program((HERE / page / client).read_text(), client, proxy.url, token, result))
            status, printed, errors = await process.run(
                *CLIENTS[client][0], path, timeout=TIMEOUT_S, cwd=directory, env=environment(token)
            )
    if status:
        raise Failed(f"exit code {status}: {printed}{errors}")
    try:
        status, body = proxy.answer()
        return Answer(status, json.loads(body), json.loads(printed))
    except (ValueError, HTTPException) as error:
        raise Failed(f"{error}: {bytes(proxy.answered)!r}, printed: {printed!r}") from error
