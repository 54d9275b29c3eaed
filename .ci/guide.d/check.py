"""Runs the programs and the n8n workflow of docs/clients.md, on a network that fails now and then."""

import asyncio
import json
import os
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(HERE.parent / "clients.d"))
import process  # noqa: E402
import stack  # noqa: E402

TIMEOUT_S = 120
# The programs find this many contacts with the tag `guide`, in pages of 100.
CONTACTS = 120

# For each language of a code block: the name of the program's file, and the command that runs it.
LANGUAGES = {
    "sh": ("guide.sh", ["bash", "-euo", "pipefail"]),
    "js": ("guide.mjs", ["node"]),
    "python": ("guide.py", [sys.executable]),
    "php": ("guide.php", ["php"]),
}

HOP_BY_HOP = ("host", "connection", "content-length", "content-encoding", "transfer-encoding", "accept-encoding")


class Network(ThreadingHTTPServer):
    """A proxy before the stack. Some requests are throttled, some do not arrive, and some answers are lost.

    `faults` are their kinds by the number of the request: what a program does must not depend on them. The first answer to a
    batch says of one contact that it may not have been written.
    """

    def __init__(self, url, faults):
        network = self
        self.faults = faults
        self.requests = 0
        self.injected = 0
        self.keys = []
        self.unfinished = False
        client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with lock:
                    network.requests += 1
                    fault = network.faults.get(network.requests)
                    network.injected += bool(fault)
                    network.keys.append((self.headers.get("idempotency-key"), fault))
                if isinstance(fault, int):
                    return self.answer(fault, {"Retry-After": "1"}, b'{"message":"Injected.","error":"Injected."}')
                if fault == "not sent":
                    return self.hang_up()
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                answer = client.request(self.command, self.path, content=body, headers=headers)
                if fault == "lost":
                    return self.hang_up()
                headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
                content = answer.content
                if self.path.endswith("/batch-upsert-contacts") and answer.is_success and not network.unfinished:
                    network.unfinished = True
                    batch = answer.json()
                    batch["results"][0] = {"status": 503, "message": "Injected.", "error": "Injected."}
                    content = json.dumps(batch).encode()
                return self.answer(answer.status_code, headers, content)

            do_GET = do_POST

            def answer(self, status, headers, content):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def hang_up(self):
                self.close_connection = True

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()


# curl repeats only what was answered.
FAULTS = {2: 503, 4: "lost", 6: 429, 8: "not sent"}
FAULTS_OF = {"sh": {2: 503, 4: 429}}


class Failed(Exception):
    """A program failed, or printed something else than the guide says."""


def blocks(text):
    """The code blocks: language and content."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def programs(text):
    """For each language, the program that its blocks make, and what it has to print, or None if the guide does not say."""
    found = {language: ("", None) for language in LANGUAGES}
    last = None
    for language, content in blocks(text):
        if language == "text":
            program, printed = found[last]
            found[last] = (program, (printed or "") + content)
        elif language in LANGUAGES:
            last = language
            program, printed = found[language]
            found[language] = (program + content + "\n", printed)
    return found


async def execute(command, directory, url, **variables):
    """Runs a program with more environment variables; returns what it printed."""
    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = ours | {"CARNET_URL": url, "CARNET_TOKEN": "demo-token"} | variables
    try:
        status, printed, errors = await process.run(*command, timeout=TIMEOUT_S, cwd=directory, env=environment)
    except asyncio.TimeoutError as error:
        raise Failed(f"no end after {TIMEOUT_S} s") from error
    if status:
        raise Failed(f"exit code {status}: {printed}{errors}")
    return printed


async def try_program(language, program, expected, url):
    file, command = LANGUAGES[language]
    network = Network(url, FAULTS_OF.get(language, FAULTS))
    try:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, file).write_text(program)
            printed = await execute([*command, file], directory, network.url)
        if expected is not None and printed != expected:
            raise Failed(f"printed {printed!r} instead of {expected!r}")
        if network.injected != len(network.faults):
            raise Failed(f"only {network.injected} of {len(network.faults)} faults happened in {network.requests} requests")
        if any(key is None for key, _ in network.keys):
            raise Failed("a request had no Idempotency-Key")
        for (key, fault), (next_key, _) in zip(network.keys, network.keys[1:]):
            # The programs that call one after the other repeat at once what has failed.
            if fault and language != "js" and key != next_key:
                raise Failed(f"a request was repeated after {fault} with another Idempotency-Key")
        return f"{network.requests} requests, {network.injected} faults"
    finally:
        network.close()


async def try_n8n(url):
    modules = os.environ["N8N_MODULES"]
    command = ["node", str(HERE / "n8n.cjs"), str(ROOT / "docs/n8n-workflow.json"), url, "demo-token"]
    with tempfile.TemporaryDirectory() as home:
        printed = await execute(command, modules, url, N8N_USER_FOLDER=home, N8N_ENCRYPTION_KEY="unused")
    items = json.loads(printed.splitlines()[-1])
    if len(items) != 121 or len({item["id"] for item in items}) != 121:
        raise Failed(f"the last node has {len(items)} items instead of 121")
    contact = next(item for item in items if item["phone"] == "+14155550123")
    if contact["metadata"] != {"shopify_id": "12345", "seen_in": "n8n"} or "n8n" not in contact["tags"]:
        raise Failed(f"the workflow's contact is {contact}")
    return f"{len(items)} items"


def prepare(url):
    """The contacts that the programs and the workflow page through."""
    with httpx.Client(base_url=url, trust_env=False, headers={"Authorization": "Bearer demo-token"}) as client:
        for number in range(CONTACTS):
            body = {"phone": f"+1415556{number:04}", "tags": "guide, n8n"}
            client.post("/api/v1/actions/create-contact", json=body).raise_for_status()


async def main():
    # The clients of the Model Context Protocol need packages of their own, and have a test of their own.
    text, _, _ = (ROOT / "docs/clients.md").read_text().partition("\n## MCP\n")
    failed = 0
    async with stack.running() as url:
        prepare(url)
        tries = [(language, lambda l=language, p=parts: try_program(l, *p, url)) for language, parts in programs(text).items()]
        tries.append(("n8n", lambda: try_n8n(url)))
        for name, attempt in tries:
            try:
                outcome, verdict = await attempt(), "ok"
            except Failed as error:
                outcome, verdict = str(error), "FAILED"
                failed += 1
            print(f"{verdict:8}{name:8}{outcome}", flush=True)
    print(f"{len(tries)} run, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    stack.main(main())
