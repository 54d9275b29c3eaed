"""Builds the functions in release mode and limits their size, because a larger executable makes cold starts slower."""

import json
import subprocess
import sys
from pathlib import Path

LIMIT_BYTES = 5_500_000


def main():
    # Only this package: in a build with the tool, cargo would also give them the tool's dependency features.
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
        print(f"{name:24} {size:>12,}{'  over ' + format(LIMIT_BYTES, ',') if size > LIMIT_BYTES else ''}")
    return not sizes or max(sizes.values()) > LIMIT_BYTES


if __name__ == "__main__":
    sys.exit(main())
