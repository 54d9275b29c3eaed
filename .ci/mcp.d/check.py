"""Runs the official MCP clients: each lists the tools, and creates, finds, changes, tags and deletes a contact."""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients.d"))
import process  # noqa: E402  (what the other clients use too)
import stack  # noqa: E402

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


async def output(*command, **environment):
    """The exit status of a program, what it prints, and what it writes to standard error."""
    return await process.run(*command, timeout=TIMEOUT_S, env={**os.environ, **environment})


async def lint(url):
    """The inspector lists the tools without a complaint about a schema. Returns what is wrong."""
    header = ["--header", "Authorization: Bearer demo-token"]
    options = ["--transport", "http", *header, "--method", "tools/list", "--strict"]
    status, printed, errors = await output("mcp-inspector", "--cli", f"{url}/mcp", *options)
    if status or errors.strip():
        return f"exit status {status}: {errors.strip()}"
    listed = [tool["name"] for tool in json.loads(printed)["tools"]]
    return None if listed == TOOLS else f"the tools are {listed}"


def documented(language):
    """The blocks of code in this language in the section about MCP of docs/clients.md."""
    text = (HERE.parent.parent / "docs/clients.md").read_text()
    section = re.search(r"^## MCP$(.*?)(?=^## |\Z)", text, re.M | re.S)[1]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)


async def documentation(url):
    """The documented programs run, and a client accepts the documented configuration. Returns what is wrong."""
    environment = {"API_URL": url, "CARNET_TOKEN": "demo-token"}
    configuration = documented("json")[0].replace("https://YOUR_API_HERE", url).replace("YOUR_TOKEN_HERE", "demo-token")
    # Beside the packages, which the program imports.
    directory = Path(sys.argv[1]).parent
    with tempfile.TemporaryDirectory(dir=directory) as work:
        files = {"program.py": documented("python")[0], "program.mjs": documented("js")[0], "mcp.json": configuration}
        for name, text in files.items():
            Path(work, name).write_text(text)
        commands = {
            "Python": ([sys.executable, "-B", f"{work}/program.py"], "created\n1\n"),
            "JavaScript": (["node", f"{work}/program.mjs"], "unchanged\n1\n"),
        }
        for name, (command, expected) in commands.items():
            status, printed, errors = await output(*command, **environment)
            if status or printed != expected:
                return f"{name}: exit status {status}: {printed}{errors}"
        options = ["--config", f"{work}/mcp.json", "--server", "carnet", "--method", "tools/call", "--tool-name", "list_contacts"]
        status, printed, errors = await output("mcp-inspector", "--cli", *options)
    if status or json.loads(printed)["structuredContent"]["meta"]["total"] != 1:
        return f"mcp.json: exit status {status}: {printed}{errors}"
    return None


async def main():
    failed = 0
    async with stack.running() as url:
        for name, command in CLIENTS.items():
            status, printed, errors = await output(*command, url)
            problem = None if status == 0 else f"exit status {status}\n{printed}{errors}"
            failed += bool(problem)
            print(f"{'FAILED' if problem else 'ok':8}{name:28}{problem or printed.strip()}", flush=True)
        for name, check in {"inspector": lint, "docs/clients.md": documentation}.items():
            problem = await check(url)
            failed += bool(problem)
            print(f"{'FAILED' if problem else 'ok':8}{name:28}{problem or 'no finding'}", flush=True)
    return bool(failed)


if __name__ == "__main__":
    stack.main(main())
