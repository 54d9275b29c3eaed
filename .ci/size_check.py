"""Builds the functions as they are deployed and weighs them: a cold start pays for every byte."""

import json
import subprocess
import sys
from pathlib import Path

LIMIT = 9_000_000


def main():
    # By themselves: together with the tool, cargo would give them the tool's dependency features.
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "functions", "--bins"], check=True)
    command = ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    (package,) = (package for package in metadata["packages"] if package["name"] == "functions")
    release = Path(metadata["target_directory"], "release")
    sizes = {
        target["name"]: (release / target["name"]).stat().st_size
        for target in package["targets"]
        if "bin" in target["kind"]
    }
    for name, size in sorted(sizes.items()):
        print(f"{name:24} {size:>12,}{'  over ' + format(LIMIT, ',') if size > LIMIT else ''}")
    return not sizes or max(sizes.values()) > LIMIT


if __name__ == "__main__":
    sys.exit(main())
