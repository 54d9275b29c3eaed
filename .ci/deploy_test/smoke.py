"""Runs `carnet smoke`, the check of a real deployment, against the deployment of this test."""

import json
import os
import re
import subprocess
import time

import access
from build import ROOT

# A known difference is one that `carnet smoke` accepts of every deployment, with its reason.
PASSED = "^(ok|known-difference)$"


def check(emulator, report, deployed):
    """Every case of `carnet smoke` is one call of the report."""
    who = access.make(emulator, deployed.outputs["AccessTable"], "smoke", rate_limit=0)
    command = [
        "cargo", "run", "--quiet", "--locked", "--features", "cloud", "--", "smoke", "--json", "--url",
        deployed.outputs["ApiUrl"], "--slug", who.slug, "--invoke", deployed.name, "--dead-letters", "2m",
    ]
    start = time.monotonic()
    environment = os.environ | emulator.environment | {"CARNET_TOKEN": who.key}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    print(f"carnet smoke: {time.monotonic() - start:.0f} s", flush=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"carnet smoke ended with {run.returncode}: {run.stdout[-1000:]}{run.stderr[-3000:]}")
    for case in json.loads(run.stdout)["cases"]:
        reason = "; ".join([case["note"] or "", *case["differences"]])
        name = f"carnet smoke: {case['group']}: {case['name']} ({reason})"
        report.expect(name, case["verdict"], re.compile(PASSED))
    report.expect("exit status of carnet smoke", run.returncode, 0)
