"""Runs the official MCP clients: each lists the tools, and creates, finds, changes, tags and deletes a contact."""

import asyncio
import json
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients.d"))
import stack  # noqa: E402  (the local stack, which the other clients use too)

TIMEOUT_S = 120
PYTHON = [sys.executable, "-B", str(HERE / "client.py")]
NODE = ["node", sys.argv[1]]
# Each client: its name, and its command without the URL. The last word is the revision that it has to agree on.
CLIENTS = {
    "python, auto": [*PYTHON, "auto", "2026-07-28"],
    "python, legacy": [*PYTHON, "legacy", "2025-11-25"],
    "typescript sdk": [*NODE, "sdk", "legacy", "2025-11-25"],
    "typescript client, auto": [*NODE, "client", "auto", "2026-07-28"],
    "typescript client, legacy": [*NODE, "client", "legacy", "2025-11-25"],
}
TOOLS = [
    "list_contacts",
    "get_contact",
    "create_contact",
    "update_contact",
    "tag_contact",
    "delete_contact",
    "import_contacts",
]


async def output(*command):
    """The exit status of a program, what it prints, and what it writes to standard error."""
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, **pipes)
    try:
        printed, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, printed.decode(), errors.decode()


async def lint(url):
    """The inspector lists the tools without a complaint about a schema. Returns what is wrong."""
    header = ["--header", "Authorization: Bearer demo-token"]
    options = ["--transport", "http", *header, "--method", "tools/list", "--strict"]
    status, printed, errors = await output("mcp-inspector", "--cli", f"{url}/mcp", *options)
    if status or errors.strip():
        return f"exit status {status}: {errors.strip()}"
    listed = [tool["name"] for tool in json.loads(printed)["tools"]]
    return None if listed == TOOLS else f"the tools are {listed}"


async def main():
    # On a signal, cancel this task, so that `stack.running` ends the stack.
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for reason in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(reason, task.cancel)
    failed = 0
    async with stack.running() as url:
        for name, command in CLIENTS.items():
            status, printed, errors = await output(*command, url)
            problem = None if status == 0 else f"exit status {status}\n{printed}{errors}"
            failed += bool(problem)
            print(f"{'FAILED' if problem else 'ok':8}{name:28}{problem or printed.strip()}", flush=True)
        problem = await lint(url)
        failed += bool(problem)
        print(f"{'FAILED' if problem else 'ok':8}{'inspector':28}{problem or 'no finding'}")
    return bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except asyncio.CancelledError:
        sys.exit("stopped")
