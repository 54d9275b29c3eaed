"""Builds the functions as `sam build` does, and deploys them with `sam deploy`."""

import os
import subprocess
import sys
import time
from pathlib import Path

from emulator import REGION

ROOT = Path(__file__).resolve().parents[2]
# What the machine of this test runs; the template's default is arm64.
ARCHITECTURE = "x86_64"


def run(command, **environment):
    """Runs a command that must succeed, and says how long it took."""
    start = time.monotonic()
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if result.returncode:
        print(result.stdout[-3000:], result.stderr[-5000:], sep="\n", file=sys.stderr)
        raise SystemExit(f"{' '.join(map(str, command))} failed")
    print(f"{' '.join(map(str, command[:3]))}: {time.monotonic() - start:.0f} s", flush=True)
    return result.stdout


class Sam:
    """The SAM CLI with a build directory of its own. `programs` are the directories of sam and of cargo-lambda."""

    def __init__(self, programs, work):
        self.directory = Path(work, "build")
        state = Path(work, "sam")
        state.mkdir()
        # SAM looks for a newer version of itself unless it has done so lately. This state says that it has.
        (state / "metadata.json").write_text('{"lastVersionCheck": 9999999999.0}')
        self.environment = {
            "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(state),
            "AWS_DEFAULT_REGION": REGION,
        }

    def build(self):
        """`sam build` of the template, after .ci/build has compiled everything in parallel."""
        run(["bash", ".ci/build"])
        run(["sam", "build", "--build-dir", self.directory, "--parameter-overrides", f"Architecture={ARCHITECTURE}"],
            **self.environment)

    def bootstrap(self, function):
        """The executable that was built for a function with this logical id."""
        return self.directory / function / "bootstrap"

    def deploy(self, emulator, **parameters):
        """`sam deploy` with the settings of samconfig.toml."""
        run(self.deploy_command(**parameters), **(self.environment | emulator.environment))

    def deploy_command(self, **parameters):
        pairs = {"Architecture": ARCHITECTURE, **parameters}.items()
        return [
            "sam", "deploy", "--template-file", self.directory / "template.yaml", "--config-file", ROOT / "samconfig.toml",
            "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides",
            *(f"{key}={value}" for key, value in pairs),
        ]

    def delete(self, emulator, stack):
        """`sam delete`."""
        run(["sam", "delete", "--no-prompts", "--stack-name", stack, "--region", REGION],
            **(self.environment | emulator.environment))
