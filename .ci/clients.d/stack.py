"""The stack that the snippets talk to."""

import asyncio
import os
from contextlib import asynccontextmanager

COMMAND = ["cargo", "run", "--quiet", "--locked", "--", "--memory", "--port", "0", "--empty"]


@asynccontextmanager
async def running():
    """The address of the stack in CARNET_URL, or else of one of our own, which ends with us."""
    if url := os.environ.get("CARNET_URL"):
        yield url.rstrip("/")
        return
    # Cargo becomes what it runs: one process, one id.
    quiet = {"AWS_LAMBDA_LOG_LEVEL": "WARN", **os.environ}
    process = await asyncio.create_subprocess_exec(*COMMAND, env=quiet, stdout=asyncio.subprocess.PIPE)
    try:
        ready, _, url = (await process.stdout.readline()).decode().strip().partition(" ")
        if ready != "ready":
            raise SystemExit("the stack doesn't start")
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
