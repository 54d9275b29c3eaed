"""The local stack that the snippets call."""

import asyncio
import os
from contextlib import asynccontextmanager

COMMAND = ["cargo", "run", "--quiet", "--locked", "--", "--memory", "--port", "0", "--empty"]


@asynccontextmanager
async def running():
    """Yields the URL in CARNET_URL, or else starts a stack, yields its URL, and ends it afterwards."""
    if url := os.environ.get("CARNET_URL"):
        yield url.rstrip("/")
        return
    # `cargo run` replaces itself with the stack, so this process id is the stack's.
    quiet = {"AWS_LAMBDA_LOG_LEVEL": "WARN", **os.environ}
    process = await asyncio.create_subprocess_exec(*COMMAND, env=quiet, stdout=asyncio.subprocess.PIPE)
    try:
        ready, _, url = (await process.stdout.readline()).decode().strip().partition(" ")
        if ready != "ready":
            raise SystemExit("the local stack did not start")
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
