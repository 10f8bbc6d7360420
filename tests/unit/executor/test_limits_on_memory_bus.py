"""Limits of projects, held by the whole executor on the bus in memory, and turns that it gives them."""

import asyncio

from flyte_bus.memory import MemoryBus
from flyte_executor.core.usage import Usage
from flyte_executor.printed import Printed
from flyte_schemas.events import LogSegment, LogWritten
from flyte_schemas.limits import LIMITS_KEY, LimitBook
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import RunKey, action_subject, log_subject
from testkit.cases.harness import GUARD_S
from testkit.executor_plane import Life, Plane, kind, running
from testkit.scripted_backend import CHILD, TASK, Agent, idle

P = ActionPhase
MANY = 1_000


async def limit(bus: MemoryBus, whose: str = "*", **limits: float | None) -> None:
    bucket = bus.bucket(SETTINGS_BUCKET)
    entry = await bucket.get(LIMITS_KEY)
    known = LimitBook() if entry is None or not entry.value else LimitBook.model_validate_json(entry.value)
    book = known.changed(whose, limits)
    await bucket.put(LIMITS_KEY, book.model_dump_json(exclude_none=True).encode())


async def asks_for_many(agent: Agent) -> None:
    """A root of project b asks for many children at once; everything else succeeds."""
    if not await agent.claim():
        return
    await agent.enter()
    key = agent.attempt.action
    if key.is_root and key.run.project == "b":
        await asyncio.gather(*(agent.ask(f"c{number}", CHILD) for number in range(MANY)))
        await asyncio.Event().wait()
    await agent.succeed()


async def test_one_action_is_not_decided_upon_after_all_that_another_project_asked_for(plane: Plane) -> None:
    plane.machine.script = asks_for_many
    for project in "ab":
        await plane.deploy(TASK, project=project)
        await plane.deploy(CHILD, project=project)
    await plane.executor()
    await plane.start("flood", project="b")
    flood = RunKey("b", "domain", "flood")
    await plane.until(flood, lambda fold: len(fold.actions) > MANY)
    one = await plane.start("one", project="a")
    assert (await plane.settled(one)).phase is P.SUCCEEDED
    told = [(entry.subject, kind(entry)) for entry in await plane.entries()]
    root = action_subject(one.action("a0"))
    asked, queued = told.index((root, "ActionRequested")), told.index((root, "ActionQueued"))
    between = [what for subject, what in told[asked:queued] if subject != root]
    assert between.count("ActionQueued") < MANY / 5


async def test_who_waits_for_a_limit_says_so_and_goes_on_when_it_is_raised(plane: Plane) -> None:
    await limit(plane.bus, "project", live_actions=1)
    plane.machine.script = idle
    await plane.executor()
    first, second = await plane.start("first"), await plane.start("second")
    await plane.until(first, lambda fold: running(fold, "a0"))
    told = await plane.until(second, lambda fold: bool(fold.root.waiting))
    assert told.root.waiting == "one of the 1 live actions that project/domain may have"
    assert told.root.phase is P.WAITING_FOR_RESOURCES
    await limit(plane.bus, "project", live_actions=2)
    await plane.until(second, lambda fold: running(fold, "a0"))


async def test_after_a_restart_what_runs_counts_before_anything_that_waits_begins(plane: Plane) -> None:
    await limit(plane.bus, live_actions=1)
    plane.machine.script = idle
    life = await plane.executor()
    first = await plane.start("first")
    await plane.until(first, lambda fold: running(fold, "a0"))
    second = await plane.start("second")
    await plane.until(second, lambda fold: fold.root.phase is P.WAITING_FOR_RESOURCES)
    await life.end()
    await plane.executor()
    await plane.quiet()
    assert [attempt.action for attempt in plane.machine.launched] == [first.action("a0")]


async def test_a_run_that_writes_too_much_is_ended_with_its_children(plane: Plane) -> None:
    async def writes(agent: Agent) -> None:
        if not await agent.claim():
            return
        await agent.enter()
        if agent.attempt.action.is_root:
            for number in range(200):
                await agent.ask(f"c{number}", CHILD)
        await asyncio.Event().wait()

    await limit(plane.bus, event_bytes_per_run=20_000)
    plane.machine.script = writes
    await plane.executor()
    root = await plane.settled(await plane.start())
    assert root.phase is P.FAILED and root.failure is not None
    assert root.failure.code == "EventLimitExceeded"
    assert "the run has written" in root.failure.message and "may write 20,000" in root.failure.message
    assert "--limit event-bytes-per-run=N" in root.failure.hint


async def test_a_day_that_is_used_up_lets_no_run_begin_also_after_a_restart(plane: Plane) -> None:
    await limit(plane.bus, event_bytes_per_day=2_000, event_bytes_per_run=10**6)
    life = await plane.executor(checkpoint_s=0.02)
    await plane.settled(await plane.start("r1"))
    await plane.settled(await plane.start("r2"))
    await plane.quiet()
    await asyncio.sleep(0.1)
    used = life.executor.allowance.usage.events.today.copy()
    await life.end()
    life = await plane.executor()
    assert life.executor.allowance.usage.events.today == used
    refused = await plane.settled(await plane.start("r3"))
    assert refused.failure is not None and refused.failure.code == "EventLimitExceeded"
    assert await plane.events(RunKey("project", "domain", "r3").action("a0")) == [
        "ActionRequested",
        "ActionFailed",
    ]
    other = await plane.start("r4", project="other")
    elsewhere = await plane.settled(other)
    assert elsewhere.failure is not None and elsewhere.failure.code == "TaskNotFound"  # it has begun


async def test_more_requests_than_may_wait_are_runs_that_failed_at_once(plane: Plane) -> None:
    await limit(plane.bus, "project", requests_per_s=0.001)
    for number in range(14):
        await plane.start(f"r{number:02}")
    await plane.executor()
    late = await plane.settled(RunKey("project", "domain", "r13"))
    assert late.phase is P.FAILED and late.failure is not None
    assert late.failure.code == "RequestLimitExceeded"
    assert (await plane.settled(RunKey("project", "domain", "r00"))).phase is P.SUCCEEDED
    assert (await plane.run(RunKey("project", "domain", "r05"))).root.phase is None
    await limit(plane.bus, "project", requests_per_s=0)
    assert (await plane.settled(RunKey("project", "domain", "r05"))).phase is P.SUCCEEDED


async def test_what_all_executors_heard_of_output_is_added_up(plane: Plane) -> None:
    await limit(plane.bus, log_bytes_per_run=50_000)
    plane.machine.script = idle
    lives: list[Life] = [await plane.executor(), await plane.executor()]
    counting = [asyncio.create_task(Printed(life.bus, life.executor).run()) for life in lives]
    try:
        run = await plane.start()
        await plane.until(run, lambda fold: running(fold, "a0"))
        for number in range(60):
            text = (LogSegment(stream="stdout", text="x" * 1000),)
            chunk = LogWritten(attempt=1, offset=number * 1000, size_bytes=1000, segments=text)
            await plane.append(log_subject(run.action("a0")), chunk)
        root = await plane.settled(run)
        assert root.failure is not None and root.failure.code == "LogLimitExceeded"
        async with asyncio.timeout(GUARD_S):
            while any(sum(life.executor.allowance.usage.logs.today.values()) < 60_000 for life in lives):
                await asyncio.sleep(0.01)
    finally:
        for task in counting:
            task.cancel()
        await asyncio.gather(*counting, return_exceptions=True)


def test_a_count_outlasts_its_record_and_a_new_day_begins_anew() -> None:
    usage, run = Usage(), RunKey("p", "d", "r")
    usage.begin_day("2026-05-01")
    usage.wrote(run, 100, 7)
    usage.wrote(run, 100, 7)  # read again after a restart
    again = Usage()
    again.restore(usage.document())
    again.wrote(run, 50, 7)
    again.wrote(run, 50, 8)
    assert (again.events.of_run[run], again.as_of) == (150, 8)
    again.begin_day("2026-04-30")
    assert again.events.today.total() == 150
    again.begin_day("2026-05-02")
    assert (again.events.today.total(), again.events.of_run[run]) == (0, 150)
