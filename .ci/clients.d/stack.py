"""The local stack that the snippets call."""

import asyncio
import os
import signal
import sys
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


def main(check):
    """Runs the coroutine `check`, which uses the stack, and exits with its result. On a signal the stack is ended first."""

    async def cancelled_by_signals():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for reason in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(reason, task.cancel)
        return await check

    try:
        sys.exit(asyncio.run(cancelled_by_signals()))
    except asyncio.CancelledError:
        sys.exit("stopped")
