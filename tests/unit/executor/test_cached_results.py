"""Results that are used again: what was computed once need not be computed twice."""

import asyncio
import itertools
from collections import Counter
from pathlib import Path

import pytest

from flyte_executor.settings import from_environment
from flyte_schemas.action import ActionState
from flyte_schemas.events import AttemptSucceeded
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import CACHE_BUCKET
from flyte_schemas.subjects import action_subject
from flyte_schemas.task import TaskReference
from testkit.executor_plane import Plane, first
from testkit.scripted_backend import CHILD, Agent, Script, idle

P = ActionPhase
TASK = TaskReference(name="env.cached", version="v1")
CACHED = {"behavior": "auto", "version": "a"}


def counting() -> Script:
    """Each computation gives the next number."""
    numbers = itertools.count(1)

    async def script(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            await agent.succeed(next(numbers))

    return script


def value(state: ActionState) -> object:
    assert state.phase is P.SUCCEEDED
    assert state.outputs is not None
    literal = state.outputs["o0"]
    assert isinstance(literal, InlineLiteral)
    return literal.value


async def result(
    plane: Plane, name: str, x: object = 1, task: TaskReference = TASK, **more: object
) -> object:
    """What a run gives, once all that follows from it has been done."""
    state = await plane.settled(await plane.start(name, task=task, x=x, **more))  # type: ignore[arg-type]
    await plane.quiet()
    return value(state)


async def test_the_same_call_is_computed_once(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED)
    plane.machine.script = counting()
    await plane.executor()
    assert [await result(plane, name) for name in ("one", "two")] == [1, 1]
    assert len(plane.machine.launched) == 1
    second = await plane.run(first_run := (await plane.start("three", task=TASK, x=1)))
    second = await plane.until(first_run, lambda fold: fold.is_settled)
    assert second.root.cached_from == "project/domain/one/a0"
    assert await plane.events(first_run.action("a0")) == ["ActionRequested", "ActionCacheHit"]


async def test_another_input_or_version_of_the_cache_is_another_call(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED)
    plane.machine.script = counting()
    await plane.executor()
    assert await result(plane, "one", x=1) == 1
    assert await result(plane, "two", x=2) == 2
    other = TaskReference(name=TASK.name, version="v2")
    await plane.deploy(other, cache=CACHED | {"version": "b"})
    assert await result(plane, "three", x=1, task=other) == 3
    same = TaskReference(name=TASK.name, version="v3")
    await plane.deploy(same, cache=CACHED)
    assert await result(plane, "four", x=1, task=same) == 1


async def test_an_input_that_is_ignored_makes_no_difference(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED | {"ignored_inputs": ["x"]})
    plane.machine.script = counting()
    await plane.executor()
    assert [await result(plane, f"run{x}", x=x) for x in (1, 2)] == [1, 1]


async def test_without_a_cache_rule_nothing_is_kept(plane: Plane) -> None:
    await plane.deploy(TASK)
    plane.machine.script = counting()
    await plane.executor()
    assert [await result(plane, name) for name in ("one", "two")] == [1, 2]


async def test_a_run_may_do_without_the_cache_or_write_it_anew(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED)
    plane.machine.script = counting()
    await plane.executor()
    assert await result(plane, "one") == 1
    assert await result(plane, "two", disable_cache=True) == 2
    assert await result(plane, "three") == 1
    assert await result(plane, "four", overwrite_cache=True) == 3
    assert await result(plane, "five") == 3


async def test_serialized_results_are_written_anew_too(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED | {"serialize": True})
    plane.machine.script = counting()
    await plane.executor()
    assert [await result(plane, name) for name in ("one", "two")] == [1, 1]
    assert await result(plane, "three", overwrite_cache=True) == 2
    assert await result(plane, "four") == 2


async def test_a_scope_keeps_projects_apart_and_the_global_one_does_not(plane: Plane) -> None:
    for project in ("project", "other"):
        await plane.deploy(TASK, project=project, cache=CACHED)
    plane.machine.script = counting()
    await plane.executor()
    assert await result(plane, "one") == 1
    assert await result(plane, "two", project="other", cache_scope="project-domain") == 2
    assert await result(plane, "three", project="project", cache_scope="project-domain") == 1
    assert await result(plane, "four", project="other", cache_scope="project-domain") == 2


async def test_where_places_are_kept_apart_none_is_told_what_another_has_computed(plane: Plane) -> None:
    """Else who may deploy anywhere could give every project his results, and with a pickle his code."""
    for project in ("hostile", "project"):
        await plane.deploy(TASK, project=project, cache=CACHED)
    plane.machine.script = counting()
    await plane.executor(cache_scope="project-domain")
    assert await result(plane, "one", project="hostile") == 1
    assert await result(plane, "two") == 2
    assert await result(plane, "three", cache_scope="global") == 2


def test_who_lets_agents_in_by_keys_keeps_places_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLYTE_HOME", str(tmp_path))
    assert from_environment().cache_scope == "global"
    (key := tmp_path / "agent.json").write_text("{}")
    monkeypatch.setenv("FLYTE_EXECUTOR_AGENT_KEY", str(key))
    assert from_environment().cache_scope == "project-domain"
    monkeypatch.setenv("FLYTE_EXECUTOR_CACHE_SCOPE", "global")
    assert from_environment().cache_scope == "global"
    monkeypatch.setenv("FLYTE_EXECUTOR_CACHE_SCOPE", "world")
    with pytest.raises(ValueError, match="none of global, project-domain"):
        from_environment()


async def test_a_large_value_is_of_use_only_where_its_store_is(plane: Plane) -> None:
    far = ReferencedLiteral(uri="flyte://artifacts/p/d/x", sha256="a" * 64, size_bytes=7)

    async def large(agent: Agent) -> None:
        if await agent.claim():
            await agent.say(AttemptSucceeded(attempt=1, outputs={"o0": far}))

    for project in ("project", "other"):
        await plane.deploy(TASK, project=project, cache=CACHED)
    plane.machine.script = large
    await plane.executor()
    for name, project, launches in (("one", "project", 1), ("two", "project", 1), ("three", "other", 2)):
        await plane.settled(await plane.start(name, task=TASK, x=1, project=project))
        await plane.quiet()
        assert len(plane.machine.launched) == launches


async def test_a_failure_is_not_kept(plane: Plane) -> None:
    async def fail(agent: Agent) -> None:
        if await agent.claim():
            await agent.fail()

    await plane.deploy(TASK, cache=CACHED)
    plane.machine.script = fail
    await plane.executor()
    assert (await plane.settled(await plane.start("one", task=TASK, x=1))).phase is P.FAILED
    plane.machine.script = counting()
    assert await result(plane, "two") == 1


async def test_a_cached_parent_asks_for_no_child(plane: Plane) -> None:
    async def parent(agent: Agent) -> None:
        if await agent.claim():
            if agent.template.name == CHILD.name:
                return await agent.succeed(7)
            await agent.ask("child", CHILD)
            await plane.until(agent.attempt.action.run, lambda fold: fold.get("child").is_terminal)
            await agent.succeed(8)
        return None

    await plane.deploy(TASK, cache=CACHED)
    plane.machine.script = parent
    await plane.executor()
    assert [await result(plane, name) for name in ("one", "two")] == [8, 8]
    assert len(plane.machine.launched) == 2


async def test_of_serialized_calls_one_computes_and_the_others_wait_for_it(plane: Plane) -> None:
    go_on = asyncio.Event()
    numbers = itertools.count(1)

    async def slow(agent: Agent) -> None:
        if await agent.claim():
            await go_on.wait()
            await agent.succeed(next(numbers))

    await plane.deploy(TASK, cache=CACHED | {"serialize": True})
    plane.machine.script = slow
    await plane.executor()
    runs = [await plane.start(f"run{n}", task=TASK, x=1) for n in range(5)]
    other = await plane.start("other", task=TASK, x=2)
    for run in (*runs, other):
        await plane.until(run, lambda fold: fold.root.phase is not None)
    await plane.quiet()
    assert len(plane.machine.running) == 2
    go_on.set()
    values = [value(await plane.settled(run)) for run in runs]
    assert len(set(values)) == 1
    assert len(plane.machine.launched) == 2


@pytest.mark.parametrize("restart", [False, True])
async def test_when_who_computes_fails_another_takes_over(plane: Plane, restart: bool) -> None:
    go_on = asyncio.Event()

    async def one_fails(agent: Agent) -> None:
        if await agent.claim():
            await go_on.wait()
            await (agent.fail() if len(plane.machine.launched) == 1 else agent.succeed(2))

    await plane.deploy(TASK, cache=CACHED | {"serialize": True})
    plane.machine.script = one_fails
    life = await plane.executor()
    runs = [await plane.start(f"run{n}", task=TASK, x=1) for n in range(3)]
    for run in runs:
        await plane.until(run, lambda fold: fold.root.phase is not None)
    await plane.quiet()
    if restart:
        await life.end()
        await plane.executor()
    go_on.set()
    phases = Counter([(await plane.settled(run)).phase for run in runs])
    assert phases == {P.FAILED: 1, P.SUCCEEDED: 2}
    assert len(plane.machine.launched) == 2


async def test_what_succeeded_while_no_executor_ran_is_kept_by_the_next(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED)
    plane.machine.script = idle
    life = await plane.executor(checkpoint_s=0.001)
    run = await plane.start("one", task=TASK, x=1)
    await plane.until(run, lambda fold: fold.root.phase is P.RUNNING)
    await asyncio.sleep(0.02)
    await life.end()
    done = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=5)})
    await plane.append(action_subject(run.action("a0")), done)
    await plane.executor()
    assert await result(plane, "two") == 5
    assert plane.machine.launched == [first(run)]


async def test_garbage_in_the_cache_is_no_result(plane: Plane) -> None:
    await plane.deploy(TASK, cache=CACHED | {"serialize": True})
    plane.machine.script = counting()
    await plane.executor()
    assert await result(plane, "one") == 1
    bucket = plane.bus.bucket(CACHE_BUCKET)
    keys = list(plane.server.bucket(CACHE_BUCKET.name)._entries)
    assert len(keys) == 3
    for key in keys:
        await bucket.put(key, b"garbage")
    assert await result(plane, "two") == 2
