"""The local stack that the snippets call."""

import asyncio
import os
import tempfile
from contextlib import asynccontextmanager

COMMAND = ["cargo", "run", "--quiet", "--locked", "--", "--memory", "--port", "0", "--empty"]


@asynccontextmanager
async def running():
    """Yields the URL in CARNET_URL, or else starts a stack, yields its URL, and ends it afterwards."""
    if url := os.environ.get("CARNET_URL"):
        yield url.rstrip("/")
        return
    with tempfile.TemporaryFile() as log:
        # `cargo run` replaces itself with the stack, so this process id is the stack's.
        process = await asyncio.create_subprocess_exec(*COMMAND, stdout=asyncio.subprocess.PIPE, stderr=log)
        try:
            ready, _, url = (await process.stdout.readline()).decode().strip().partition(" ")
            if ready != "ready":
                log.seek(0)
                raise SystemExit(f"the local stack did not start:\n{log.read().decode(errors='replace')}")
            yield url
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
