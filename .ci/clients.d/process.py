"""Running the programs of clients."""

import asyncio


async def run(*command, timeout=None, **options):
    """Runs a program without input. Returns its exit status, what it printed, and what it wrote to standard error.

    A program that still runs after `timeout` seconds, or when the test is stopped, is killed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **options,
    )
    try:
        printed, errors = await asyncio.wait_for(process.communicate(), timeout)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, printed.decode(errors="replace"), errors.decode(errors="replace")
