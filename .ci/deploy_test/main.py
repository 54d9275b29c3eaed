"""Proves that template.yaml deploys and works, and that mistakes in it are seen: see .ci/deploy-test."""

import argparse
import json
import signal
import sys
import time
from contextlib import ExitStack
from functools import cache

import access
import build
import doctor
import drive
import import_calls
import judge
import redrive
import restore
import smoke
import stack
import template_check
from emulator import Emulator
from report import Report

# The stack's name in samconfig.toml.
STACK = "carnet"
PARAMETERS = {"PollQueues": "true"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("part", nargs="?", choices=["deployment", "mutations"])
    arguments.add_argument("--emulator", required=True, help="the directory of the programs of requirements-deploy.txt")
    arguments.add_argument("--builder", required=True, help="the directory of cargo-lambda")
    arguments.add_argument("--sam", required=True, help="the directory of the SAM CLI")
    arguments.add_argument("--work", required=True, help="an empty directory for files of this run")
    given = arguments.parse_args()
    # So that the emulator, which has a process group of its own, is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sam = build.Sam([given.builder, given.sam], given.work)
    report, mutated, caught = Report(), 0, 0
    with ExitStack() as running:
        @cache
        def emulator():
            """The emulator, started when it is needed; the mutations need it only if the static checks miss some."""
            sam.build()
            started = Emulator(given.emulator, given.work)
            running.callback(started.stop)
            return started

        if given.part != "mutations":
            deployment(emulator(), sam, report, given.emulator)
        if given.part != "deployment":
            mutated, caught = mutate(emulator, sam)
        if report.failures:
            print(f"The last lines of MiniStack and of the functions:\n{emulator().log.read_text()[-4000:]}")
    print(f"deploy-test: {report.calls} calls, {report.ok} ok; {mutated} mutations, {caught} caught")
    return report.ok < report.calls or caught < mutated


def mutate(emulator, sam):
    """How many mutations of the template there are, and how many of them a check sees."""
    # As JSON and back: SAM's translator returns dicts of a class of its own, which cannot be copied.
    template = json.loads(json.dumps(template_check.expand((build.ROOT / "template.yaml").read_text())))
    parameters = PARAMETERS | {"Architecture": build.ARCHITECTURE}
    return judge.judge(template, lambda: judge.Deployment(emulator(), template, sam.bootstrap, parameters))


def deployment(emulator, sam, report, programs):
    """Deploys the stack, calls everything, redrives dead letters, restores tables, and deletes the stack."""
    sam.deploy(emulator, **PARAMETERS)
    deployed = stack.Stack(emulator, STACK)
    table = deployed.outputs["AccessTable"]
    token = access.make_with_readme(emulator, table, programs)
    who = access.of_token(emulator, table, token)
    start = time.monotonic()
    drive.drive(deployed, report, who)
    print(f"calls: {time.monotonic() - start:.0f} s", flush=True)
    import_calls.rehearse(emulator, sam, report, deployed, who, programs)
    redrive.rehearse(emulator, sam, report, deployed, who, programs)
    doctor.check(emulator, report, deployed)
    smoke.check(emulator, report, deployed)
    # Again, without a change: a deployment of the same template succeeds and leaves the stack as it is.
    sam.deploy(emulator, **PARAMETERS)
    again = stack.Stack(emulator, STACK)
    report.expect("outputs after a second deployment", again.outputs, deployed.outputs)
    restore.rehearse(emulator, sam, report, deployed, who, programs)


if __name__ == "__main__":
    sys.exit(main())
