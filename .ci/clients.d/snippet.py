"""Runs a snippet as its reader would, and hears what the stack answers it.

A snippet is kept as its page prints it. Its host, token and organisation are filled in when it is run, and
what it needs around it to be a program is added: a line before, and one after that prints its result.
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

HERE = Path(__file__).resolve().parent
PATIENCE = 60

HOSTS = ("https://www.qyvo.io", "https://api.flowiq.live", "http://127.0.0.1:3000")
TOKENS = ("YOUR_TOKEN_HERE", "<token>", "fiq_YOUR_API_KEY")
ORGANISATION = "your-org"

# Prints what a function said that the AWS CLI has called.
OUT = """
import json
out = json.load(open("out.json"))
print(json.dumps([out["statusCode"], json.loads(out["body"])]))"""

# By the name of the file: the command, the line before, the line after.
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
    # The CLI prints what it thinks of the call, and writes what the function said to a file.
    "aws.sh": (["bash"], "exec 3>&1 >&2", f"python -c '{OUT}' >&3"),
}


@dataclass
class Answer:
    """What a snippet was answered, and what it made of that."""

    status: int
    body: object
    printed: object


class Unanswered(Exception):
    """The snippet failed, or the answer isn't JSON."""


class Tap:
    """Passes bytes between clients and the stack, untouched, and keeps what the stack says."""

    def __init__(self, stack):
        self.stack = urlsplit(stack)
        self.said = bytearray()

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
        await asyncio.gather(self.pass_on(reader, to_stack), self.pass_on(from_stack, writer, self.said))

    async def pass_on(self, reader, writer, kept=None):
        with suppress(OSError):
            while data := await reader.read(65536):
                if kept is not None:
                    kept += data
                writer.write(data)
                await writer.drain()
        writer.close()

    def answer(self):
        """Status and body of what was heard."""
        answer = HTTPResponse(SimpleNamespace(makefile=lambda _: BytesIO(self.said)))
        answer.begin()
        return answer.status, answer.read()


def program(text, client, url, token, result):
    """The snippet, filled in, with what makes it a program."""
    for host in HOSTS:
        text = text.replace(host, url)
    for placeholder in TOKENS:
        text = text.replace(placeholder, token)
    text = text.replace(ORGANISATION, "demo")
    _, before, after = CLIENTS[client]
    # The variable that the snippet assigns, if nothing else is asked for.
    variable = re.search(r"\$?contacts?(?= = )", text)
    result = result or (variable and variable[0])
    return "\n".join([before, text, after.replace("{result}", result or "")]).lstrip()


def environment(token):
    """Ours, without proxies and AWS accounts: everything here is on this machine."""
    ours = os.environ.items()
    ours = {name: value for name, value in ours if not re.search("^AWS_|_proxy$", name, re.IGNORECASE)}
    aws = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return ours | aws | files | {"QYVO_TOKEN": token}


async def run(stack, page, client, token, result=None):
    """Runs the snippet of a page for a client. `result` is the expression to print, if not its variable."""
    with tempfile.TemporaryDirectory() as directory:
        async with Tap(stack) as tap:
            for file in (HERE / page).glob("*.json"):
                text = file.read_text().replace(TOKENS[0], token)
                Path(directory, file.name).write_text(text)
            path = Path(directory, "snippet" + Path(client).suffix)
            path.write_text(program((HERE / page / client).read_text(), client, tap.url, token, result))
            process = await asyncio.create_subprocess_exec(
                *CLIENTS[client][0],
                path,
                cwd=directory,
                env=environment(token),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                printed, complaint = await asyncio.wait_for(process.communicate(), PATIENCE)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
    if process.returncode:
        said = (printed + complaint).decode(errors="replace")
        raise Unanswered(f"it ends with {process.returncode}: {said}")
    try:
        status, body = tap.answer()
        return Answer(status, json.loads(body), json.loads(printed))
    except (ValueError, HTTPException) as error:
        raise Unanswered(f"{error}: {bytes(tap.said)!r}, printed: {printed!r}") from error
