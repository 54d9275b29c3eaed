"""Prints how many requests schemathesis sent to each operation and which statuses it got, from its ndjson report.

Fails if the run was cut short, which makes the counts meaningless, and if an operation never succeeded, because a service
that rejects every request passes most checks.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path


class Tally:
    def __init__(self):
        self.phases, self.modes, self.statuses = Counter(), Counter(), Counter()

    def add(self, phase, case, interaction):
        meta = case.get("meta") or {}
        self.phases[phase] += 1
        self.modes[meta.get("generation", {}).get("mode", "without a mode")] += 1
        self.statuses[(interaction.get("response") or {}).get("status_code", "no answer")] += 1

    def succeeded(self):
        return any(200 <= status < 300 for status in self.statuses if isinstance(status, int))


def tallies(report):
    """The counts of each operation, and why the run ended, if it has ended by itself."""
    operations, reason = defaultdict(Tally), None
    for line in report.open():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            # The last line of a run that was killed.
            break
        reason = event.get("EngineFinished", {}).get("stop_reason", reason)
        finished = event.get("ScenarioFinished") or {}
        recorder = finished.get("recorder") or {}
        for id, case in recorder.get("cases", {}).items():
            case = case["value"]
            interaction = recorder["interactions"].get(id) or {}
            operations[case["path"], case["method"]].add(finished["phase"], case, interaction)
    return operations, reason


def main(report):
    operations, reason = tallies(report)
    documented = {key: tally for key, tally in operations.items() if tally.modes.keys() - {"negative"}}
    others = sum((tally.statuses for key, tally in operations.items() if key not in documented), Counter())
    for (path, method), tally in sorted(documented.items()):
        print(f"{method} {path}: {tally.phases.total()} cases")
        for counts in (tally.phases, tally.modes, tally.statuses):
            print("   ", listed(counts))
    print(f"Other methods: {listed(others)}")
    if reason != "completed":
        print(f"The run was cut short ({reason or 'it was ended'}): the counts are those of its first part")
        return True
    silent = [key for key, tally in documented.items() if not tally.succeeded()]
    for path, method in silent:
        print(f"{method} {path} never succeeded")
    return not documented or bool(silent)


def listed(counts):
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items(), key=str))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
