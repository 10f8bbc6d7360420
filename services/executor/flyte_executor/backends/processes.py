"""The end of a process, ours or not: wait for it, bring it about."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

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
            if is_alive(pid, started):  # still: the descriptor is that process's, not of a later one
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


async def end(pid: int, started: str, grace_s: float) -> bool:
    """SIGTERM, and after `grace_s` SIGKILL to it and its group, until it is gone; whether it was killed."""
    if not is_alive(pid, started):
        return False
    _send(os.kill, pid, signal.SIGTERM)
    _send(os.kill, pid, signal.SIGCONT)  # one that is paused hears of it only when it goes on
    try:
        await asyncio.wait_for(ended(pid, started), grace_s)
        return False
    except TimeoutError:
        _send(os.killpg, pid, signal.SIGKILL)
        _send(os.kill, pid, signal.SIGKILL)  # it may lead no group
        await ended(pid, started)
        return True


def _send(kill: Callable[[int, int], None], pid: int, number: signal.Signals) -> None:
    """Quiet when the process is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(pid, number)
