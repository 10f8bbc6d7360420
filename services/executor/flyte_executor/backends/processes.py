"""The end of a process, ours or not: wait for it, bring it about."""

import asyncio
import contextlib
import os
import signal

from flyte_bus.process import is_alive

POLL_S = 0.2
"""How often a process is looked at where the system cannot tell us of its end."""


async def ended(pid: int, started: str = "") -> None:
    """Return when the process is gone. Works for processes that are not our children."""
    while is_alive(pid, started):
        try:
            descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):
            await asyncio.sleep(POLL_S)
            continue
        try:
            await _readable(descriptor)
        finally:
            os.close(descriptor)
        return


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def send(pid: int, number: signal.Signals, *, group: bool = False) -> None:
    """Signal a process (or its whole group); quiet when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
