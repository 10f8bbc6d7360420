"""One attempt on the bus in memory, with a user's process that the test plays."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flyte._runtime.messages import Entered, Returned
from flyte_bus.history import read_action
from flyte_bus.process import is_alive
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import ActionAborted, LogWritten
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from testkit.open_attempt import TASK, OpenAttempt
from testkit.played_attempt import KEY, Played, deploy

P = ActionPhase


@pytest.fixture
async def played(attempt: OpenAttempt, tmp_path: Path) -> AsyncIterator[Played]:
    await deploy(attempt)
    pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setpgroup=0)
    played = Played(attempt, tmp_path, pid)
    yield played
    await played.close()
    assert not is_alive(pid)
    assert list((tmp_path / "work").glob("*")) == []


async def test_it_is_claimed_started_and_ends_with_its_last_word(played: Played) -> None:
    start = await played.begin()
    assert (start.version, start.attempt, start.template.name) == (TASK.version, 1, TASK.name)
    os.write(played.out, b"hello\n")
    played.say(Entered(), Returned(outputs={"o0": InlineLiteral(value=1)}))
    state = await played.ends()  # although the process does not end by itself, and holds its pipes
    assert (state.phase, state.log_end) == (P.SUCCEEDED, 6)
    assert state.outputs == {"o0": InlineLiteral(value=1)}
    assert await played.printed() == "hello\n"


async def test_who_prints_for_ever_after_the_end_does_not_keep_the_attempt_from_ending(
    played: Played,
) -> None:
    await played.begin()
    os.set_blocking(played.out, False)

    async def chatter() -> None:
        while True:
            try:
                os.write(played.out, b"and another thing\n" * 10)
            except BlockingIOError:
                pass
            except BrokenPipeError:
                return
            await asyncio.sleep(0.001)

    chattering = asyncio.create_task(chatter())
    played.say(Entered(), Returned(outputs={}))
    state = await played.ends()
    await chattering
    assert state.phase is P.SUCCEEDED
    assert len(await played.printed()) == state.log_end


async def test_output_that_cannot_be_shipped_ends_the_attempt(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = played.around.bus.log.append

    async def refuse_logs(event: AnyEvent, *, expected: int | None = None) -> int:
        if isinstance(event.data, LogWritten):
            raise ConnectionError("the logs are full")
        return await append(event, expected=expected)

    monkeypatch.setattr(played.around.bus.log, "append", refuse_logs)
    await played.begin()
    played.say(Entered())
    os.write(played.out, b"hello\n")
    with pytest.raises(ConnectionError, match="the logs are full"):
        await played.ends()


async def test_the_end_of_the_process_without_a_word_is_its_failure(played: Played) -> None:
    await played.begin()
    os.write(played.err, b"oops\n")
    os.kill(played.pid, signal.SIGSEGV)  # the test still holds the socket, as a forked child of it would
    state = await played.ends()
    assert state.failure is not None
    assert (state.attempt_over, state.failure.code) == (True, "SegmentationFault")
    assert await played.printed() == "oops\n"


async def test_a_word_that_cannot_be_read_is_the_last(played: Played) -> None:
    await played.begin()
    played.socket.sendall((7).to_bytes(4, "big") + b"garbage")
    state = await played.ends()
    assert state.failure is not None
    assert (state.failure.code, state.failure.recoverable) == ("NotUnderstood", False)


async def test_an_attempt_that_is_over_is_not_run(played: Played) -> None:
    await played.around.say("a0", ActionAborted(reason="too late"))
    await played.attempt.run()
    state, _ = await read_action(played.around.bus.log, KEY)
    assert (state.phase, state.worker) == (P.ABORTED, "")


async def test_an_attempt_that_ends_right_after_the_claim_is_not_run(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = played.attempt._reports.claim

    async def claim_and_abort(*, enters: bool) -> bool:
        claimed = await claim(enters=enters)
        await played.around.say("a0", ActionAborted(reason="too late"))
        return claimed

    monkeypatch.setattr(played.attempt._reports, "claim", claim_and_abort)
    await played.attempt.run()
    state, _ = await read_action(played.around.bus.log, KEY)
    assert state.phase is P.ABORTED
    played.socket.setblocking(False)
    assert played.socket.recv(1) == b""  # nobody was told to start


async def test_an_interruption_is_told(played: Played) -> None:
    await played.begin()
    played.say(Entered())
    played.attempt.stop()
    state = await played.ends()
    assert state.failure is not None
    assert state.failure.code == "Interrupted"


async def test_an_outage_in_the_middle_delays_the_end(played: Played) -> None:
    server = played.around.bus._link.server
    await played.begin()
    server.stop()
    played.say(Entered(), Returned(outputs={}))
    os.write(played.out, b"meanwhile\n")
    await asyncio.sleep(0.05)
    server.start()
    assert (await played.ends()).phase is P.SUCCEEDED
    assert await played.printed() == "meanwhile\n"
