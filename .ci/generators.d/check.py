"""Generates clients from the OpenAPI document, compiles them under strict settings, and calls every endpoint with each."""

import os
import shutil
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "clients.d"))
import process  # noqa: E402
import stack  # noqa: E402

DOCUMENT = HERE.parent.parent / "functions/src/http/openapi.yaml"
# What no generated client is for: agents use a client of the Model Context Protocol.
NOT_CALLED = {"POST /mcp"}

# It validates the document before it begins, and ends with an error if that fails.
OPENAPI_GENERATOR = "openapi-generator-cli generate --input-spec openapi.yaml --output {to} --generator-name"

# `tsc --strict` and more, to CommonJS, where imports need no extensions: the generated programs have none. The resolution
# for CommonJS has another name in TypeScript 6.
TSC = (
    "{modules}/node_modules/.bin/tsc --strict --noImplicitReturns --noFallthroughCasesInSwitch"
    " --target es2023 --lib es2023,dom,dom.iterable --module commonjs --esModuleInterop --outDir js"
    " --types node --typeRoots {modules}/node_modules/@types {program} --moduleResolution "
)
TSC_5, TSC_6 = TSC + "node10", TSC + "bundler --noUncheckedIndexedAccess"

# For each client: the program, the directory of npm packages, what has to be run before it, and what runs it.
CLIENTS = {
    "openapi-typescript": (
        "openapi-fetch.ts",
        "TYPESCRIPT_5",
        ["{modules}/node_modules/.bin/openapi-typescript openapi.yaml --output api.ts", TSC_5 + " --noUncheckedIndexedAccess"],
        "node js/openapi-fetch.js",
    ),
    "@hey-api/openapi-ts": (
        "hey-api.ts",
        "TYPESCRIPT_6",
        ["{modules}/node_modules/.bin/openapi-ts --input openapi.yaml --output generated --silent", TSC_6],
        "node js/hey-api.js",
    ),
    "openapi-generator, typescript-fetch": (
        "typescript-fetch.ts",
        "TYPESCRIPT_5",
        [OPENAPI_GENERATOR.format(to="generated") + " typescript-fetch", TSC_5],
        "node js/typescript-fetch.js",
    ),
    "openapi-python-client": (
        "python_client.py",
        None,
        [
            "openapi-python-client generate --path openapi.yaml --output-path generated --config config.yaml --fail-on-warning",
            "mypy --strict generated/carnet_client python_client.py",
        ],
        "python -B python_client.py",
    ),
    # The templates of this generator have functions without types, which `--strict` refuses.
    "openapi-generator, python": (
        "generated_python.py",
        None,
        [
            OPENAPI_GENERATOR.format(to="generated") + " python --package-name carnet_api",
            "mypy --check-untyped-defs generated_python.py",
        ],
        "python -B generated_python.py",
    ),
}


class Recorder(ThreadingHTTPServer):
    """A proxy before the stack that records which requests succeeded."""

    def __init__(self, url):
        recorder = self
        self.succeeded = set()
        client = httpx.Client(base_url=url, trust_env=False)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in SKIPPED}
                answer = client.request(self.command, self.path, content=body, headers=headers)
                if answer.is_success:
                    recorder.succeeded.add(f"{self.command} {self.path.partition('?')[0]}")
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in SKIPPED:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


SKIPPED = ("host", "connection", "content-length", "content-encoding", "transfer-encoding", "accept-encoding")


class Failed(Exception):
    """A command failed."""


async def run(command, directory, url):
    """Runs a command in the directory of a client; what it prints is shown if it fails."""
    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = ours | {"CARNET_URL": url, "PYTHONPATH": "generated", "MYPYPATH": "generated"}
    status, printed, errors = await process.run(*command.split(), cwd=directory, env=environment)
    if status:
        raise Failed(f"`{command}` ended with {status}:\n{printed}{errors}")


async def try_client(name, work, stack_url, operations):
    """Generates, compiles and runs one client. Returns what is wrong, or None."""
    program, modules, steps, last = CLIENTS[name]
    modules = modules and os.environ[modules]
    directory = work / Path(program).stem
    directory.mkdir()
    shutil.copy(HERE / program, directory)
    shutil.copy(DOCUMENT, directory / "openapi.yaml")
    # openapi-python-client reads JSON and bytes.
    (directory / "config.yaml").write_text("content_type_overrides: { application/yaml: application/octet-stream }\n")
    if modules:
        (directory / "node_modules").symlink_to(Path(modules, "node_modules"))
    recorder = Recorder(stack_url)
    try:
        for step in steps:
            await run(step.format(modules=modules, program=program), directory, recorder.url)
        await run(last, directory, recorder.url)
    except Failed as error:
        return str(error)
    finally:
        recorder.shutdown()
        recorder.server_close()
    if missing := operations - recorder.succeeded:
        return f"{program} does not call {', '.join(sorted(missing))} successfully: add the call"
    return None


async def main(work):
    document = yaml.safe_load(DOCUMENT.read_text())
    operations = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item if method in ("get", "post")
    } - NOT_CALLED
    failed = 0
    async with stack.running() as url:
        for name in CLIENTS:
            started = time.monotonic()
            problem = await try_client(name, work, url, operations)
            failed += bool(problem)
            seconds = time.monotonic() - started
            print(f"{'FAILED' if problem else 'ok':8}{name:40}{seconds:4.0f} s  {problem or ''}", flush=True)
    print(f"{len(CLIENTS)} generators, {len(operations)} operations, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    stack.main(main(Path(sys.argv[1])))
