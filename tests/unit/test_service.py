"""The life of a service: loops that are watched, messages that are set aside, a log that can be read."""

import asyncio
import json
from collections.abc import Iterator

import pytest
import structlog

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Entry
from flyte_bus.service import (
    EXCERPT_BYTES,
    REASON_CHARACTERS,
    LoopDied,
    Supervisor,
    configure_logging,
    reject,
    serve_ping,
)
from flyte_schemas.endpoints import Ping, ping_endpoint
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import MessageRejected
from flyte_schemas.streams import REJECTED
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.tasks import NOON


async def crash() -> None:
    raise RuntimeError("a fault")


async def end() -> None:
    await asyncio.sleep(0)


async def go_on() -> None:
    await asyncio.Event().wait()


async def test_a_loop_that_crashes_ends_the_wait_with_its_error() -> None:
    loops = Supervisor("test")
    loops.keep("good", go_on())
    loops.keep("bad", crash())
    with pytest.raises(LoopDied, match="'bad' of test") as caught:
        await loops.wait()
    assert isinstance(caught.value.__cause__, RuntimeError)
    await loops.stop()


async def test_a_loop_that_just_ends_has_died_too() -> None:
    loops = Supervisor("test")
    loops.keep("short", end())
    with pytest.raises(LoopDied):
        await loops.wait()


async def test_work_may_end_but_not_crash() -> None:
    loops = Supervisor("test")
    await loops.spawn("work", end())
    waiting = asyncio.create_task(loops.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    loops.spawn("worse", crash())
    with pytest.raises(LoopDied):
        await waiting


async def test_stop_ends_every_loop_and_the_wait() -> None:
    loops = Supervisor("test")
    tasks = [loops.keep(str(number), go_on()) for number in range(3)]
    waiting = asyncio.create_task(loops.wait())
    await asyncio.sleep(0)
    await loops.stop()
    await waiting
    assert all(task.cancelled() for task in tasks)
    await loops.stop()


async def test_a_crash_while_stopping_is_no_death() -> None:
    async def crash_at_the_end() -> None:
        try:
            await go_on()
        finally:
            raise RuntimeError("too late to matter")

    loops = Supervisor("test")
    loops.keep("late", crash_at_the_end())
    await asyncio.sleep(0)
    await loops.stop()
    await loops.wait()


async def test_a_loop_that_loses_its_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def deaf_once() -> None:
        try:
            await go_on()
        except asyncio.CancelledError:
            await go_on()

    monkeypatch.setattr("flyte_bus.service.CANCEL_AGAIN_S", 0.01)
    loops = Supervisor("test")
    task = loops.keep("deaf", deaf_once())
    await asyncio.sleep(0)
    await loops.stop()
    assert task.done()


async def test_a_message_that_several_set_aside_is_told_once() -> None:
    raw = b"\xff" * 900_000
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        entry = Entry("FLYTE_RUNS", "flyte.run.p.d.r.a0", 7, Malformed("not JSON"), raw)
        for service in ("registry", "executor"):
            await reject(bus, entry, "r" * 2_000_000, by=service, now=NOON)
        (told,) = [entry async for entry in bus.log.read(REJECTED, "flyte.rejected")]
    assert not isinstance(told.content, Malformed)
    assert told.content.id == "rejected.FLYTE_RUNS.7"
    assert told.content.data == MessageRejected(
        stream="FLYTE_RUNS",
        message_subject="flyte.run.p.d.r.a0",
        sequence=7,
        reason="r" * REASON_CHARACTERS,
        excerpt="\\xff" * EXCERPT_BYTES,
    )


async def test_a_service_answers_that_it_is_there() -> None:
    async with MemoryBus(MemoryServer()) as bus:
        server = await serve_ping(bus, "registry")
        pong = await bus.ask(ping_endpoint("registry"), Ping())
        await server.stop()
    assert pong.service == "registry"
    assert pong.pid


@pytest.fixture
def fresh_structlog() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("fresh_structlog")
def test_facts_are_json_lines_where_no_terminal_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLYTE_LOG_FORMAT", raising=False)
    monkeypatch.setenv("FLYTE_LOG_LEVEL", "warning")
    configure_logging()
    structlog.get_logger().info("test.left_out")
    structlog.get_logger().warning("test.fact", number=1)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["number"]) == ("test.fact", "warning", 1)
    assert said["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.usefixtures("fresh_structlog")
def test_a_traceback_tells_what_went_wrong_and_no_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("FLYTE_LOG_FORMAT", form)
    configure_logging()

    def signed_in(password: str) -> None:
        raise ValueError(f"nobody has one of {len(password)}")

    try:
        signed_in("hun" + "ter2")
    except ValueError as error:
        structlog.get_logger().error("test.broken", exc_info=error)
    said = capsys.readouterr().err
    assert "signed_in" in said and "nobody has one of 7" in said
    assert "hunter2" not in said


@pytest.mark.usefixtures("fresh_structlog")
def test_a_fact_names_run_action_and_attempt_each_by_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_LOG_FORMAT", "json")
    configure_logging()
    log = structlog.get_logger()
    attempt = AttemptKey(RunKey("p", "d", "r").action("a0"), 2)
    with structlog.contextvars.bound_contextvars(attempt=str(attempt)):
        log.warning("test.in_an_attempt", child="a1")
    log.warning("test.of_an_action", action=str(attempt.action), attempt=1)
    log.warning("test.of_nothing", action="a/b")
    parts = ("run", "action", "attempt")
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [tuple(one.get(part) for part in parts) for one in said] == [
        ("p/d/r", "a0", 2),
        ("p/d/r", "a0", 1),
        (None, "a/b", None),
    ]
