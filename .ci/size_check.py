"""Limits the size of the executables that .ci/build has made, because a larger one makes cold starts slower.

They are those that `sam build` deploys: cargo-lambda links them with another linker than cargo does.
"""

import json
import subprocess
import sys
from pathlib import Path

LIMIT_BYTES = 5_500_000
# The MCP server has the code of all actions.
LARGER = {"mcp": 5_800_000}


def main():
    command = ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    (package,) = (package for package in metadata["packages"] if package["name"] == "functions")
    built = Path(metadata["target_directory"], "lambda")
    names = sorted(target["name"] for target in package["targets"] if "bin" in target["kind"])
    if missing := [name for name in names if not (built / name / "bootstrap").exists()]:
        print(f"not built: {', '.join(missing)}. Run `bash .ci/build` first.")
        return True
    sizes = {name: (built / name / "bootstrap").stat().st_size for name in names}
    limits = {name: LARGER.get(name, LIMIT_BYTES) for name in names}
    for name, size in sizes.items():
        print(f"{name:24} {size:>12,}{f'  over {limits[name]:,}' if size > limits[name] else ''}")
    return any(size > limits[name] for name, size in sizes.items())


if __name__ == "__main__":
    sys.exit(main())
