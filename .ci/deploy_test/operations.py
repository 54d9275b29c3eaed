"""Runs the commands of docs/operations.md, as an operator does with a shell, the AWS CLI and jq."""

import os
import re
import subprocess
from pathlib import Path

# Version 1 of the AWS CLI, which is the one on PyPI, has a host name of its own for SQS in place of AWS_ENDPOINT_URL.
ENDPOINT = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
# The page's function, from a directory that is not the clone.
CARNET = 'carnet() {{ cargo run -q --locked --features cloud --manifest-path "{}" -- "$@"; }}'
PAGE = Path(__file__).resolve().parents[2] / "docs/operations.md"


class Shell:
    """A shell for the commands of sections of the page. `programs` is the directory of the AWS CLI."""

    def __init__(self, emulator, sam, programs):
        self.sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE))
        self.start = blocks(PAGE.read_text().split("\n## ")[0])
        self.environment = os.environ | sam.environment | emulator.environment
        self.environment["PATH"] = f"{programs}:{self.environment['PATH']}"
        self.directory = emulator.work

    def run(self, section, replacements):
        """Runs the commands of a section after these replacements, and returns the variables that they set."""
        carnet = CARNET.format(PAGE.parents[1] / "Cargo.toml")
        commands = "\n".join([ENDPOINT, self.start, carnet, blocks(self.sections[section])])
        for printed, actual in replacements.items():
            if printed not in commands:
                raise SystemExit(f"docs/operations.md, {section}, does not have {printed!r} any more")
            commands = commands.replace(printed, actual)
        commands += "\ndeclare -p CONTACTS RESTORED STREAM 2>/dev/null || true\n"
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], env=self.environment, cwd=self.directory,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )
        if run.returncode:
            raise SystemExit(
                f"the commands of docs/operations.md, {section}, failed:\n{commands}\n{run.stdout[-1000:]}{run.stderr[-3000:]}"
            )
        return dict(re.findall(r'^declare -- (\w+)="(.*)"$', run.stdout, re.MULTILINE))


def blocks(text):
    """The commands of the shell blocks of a text."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
