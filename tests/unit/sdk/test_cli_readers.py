"""Who follows something ends when nobody reads it any more, though there is nothing to write."""

import asyncio
import os
import sys
from typing import TextIO

import pytest

from flyte._cli.readers import while_somebody_reads


async def waiting_on(output: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for ever, with this as standard output (pytest puts its own there before each phase)."""
    monkeypatch.setattr(sys, "stdout", output)
    async with while_somebody_reads():
        await asyncio.Event().wait()


async def test_a_reader_that_has_gone_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as output:
        waiting = asyncio.create_task(waiting_on(output, monkeypatch))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            await waiting
    assert not waiting.cancelling()


async def test_whoever_is_cancelled_otherwise_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as output, os.fdopen(reader):
        waiting = asyncio.create_task(waiting_on(output, monkeypatch))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_what_is_read_to_its_end_ends_as_ever() -> None:
    async with while_somebody_reads():
        await asyncio.sleep(0)
