"""A run that recovers another: what had succeeded there is taken over, and the rest runs."""

import asyncio
from collections.abc import Callable

import pytest

from flyte_bus.errors import Refusal
from flyte_bus.history import read_run
from flyte_schemas.action import ActionState
from flyte_schemas.audit import Audit
from flyte_schemas.endpoints import CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation, DownloadLocation
from flyte_schemas.events import AbortAction, AttemptSucceeded, SignalCondition, TaskDeployed
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import AttemptKey, RunKey, abort_request, signal_request, task_subject
from flyte_schemas.task import Interface, Parameter, TaskReference
from testkit.executor_plane import Plane, first
from testkit.scripted_backend import CHILD, Agent, Script
from testkit.tasks import template

P = ActionPhase
LARGE = ReferencedLiteral(uri="flyte://artifacts/project/domain/x", sha256="a" * 64, size_bytes=7)
BELOW = {"a0": ("good", "bad"), "good": ("deep",)}
"""Who asks for whom."""


def family(fails: Callable[[Agent], bool]) -> Script:
    """Every agent asks for those below it, and gives its own name unless it `fails`."""

    async def script(agent: Agent) -> None:
        key = agent.attempt.action
        if not await agent.claim():
            return
        await agent.enter()
        below = BELOW.get(key.action, ())
        for child in below:
            await agent.ask(child, CHILD)
        fold = await agent.until(lambda fold: all(fold.get(child).is_terminal for child in below))
        if fails(agent) or any(fold.get(child).failure for child in below):
            await agent.fail(recoverable=False)
        else:
            await agent.succeed(f"{key.action} of {key.run.run}")

    return script


async def source(plane: Plane) -> RunKey:
    """A run in which `bad` failed, and so its parent."""
    plane.machine.script = family(lambda agent: agent.attempt.action.action == "bad")
    run = await plane.start("source")
    assert (await plane.settled(run)).phase is P.FAILED
    plane.machine.script = family(lambda agent: False)
    plane.machine.launched.clear()
    return run


async def recovered(plane: Plane, run: RunKey, name: str = "again", **recovery: object) -> RunFold:
    again = await plane.start(name, recovery={"run": run.run, **recovery})
    return await plane.until(again, lambda fold: fold.is_settled)


def phases(fold: RunFold) -> dict[str, ActionPhase | None]:
    return {name: state.phase for name, state in sorted(fold.actions.items())}


def value(state: ActionState) -> object:
    literal = (state.outputs or {})["o0"]
    return literal.value if isinstance(literal, InlineLiteral) else literal


async def audit(plane: Plane) -> Audit:
    found = Audit()
    for entry in await plane.entries():
        found.take(entry.subject, entry.sequence, entry.content)
    found.finish()
    return found


async def test_what_had_succeeded_is_taken_over_and_the_rest_runs(plane: Plane) -> None:
    await plane.executor()
    fold = await recovered(plane, await source(plane))
    assert phases(fold) == {"a0": P.SUCCEEDED, "bad": P.SUCCEEDED, "good": P.RECOVERED}
    assert value(fold.get("good")) == "good of source"
    assert fold.get("good").recovered_from == "project/domain/source/good"
    again = RunKey("project", "domain", "again")
    assert plane.machine.launched == [first(again), first(again, "bad")]
    assert (await audit(plane)).violations == []


async def test_a_recovered_run_can_be_recovered(plane: Plane) -> None:
    await plane.executor()
    await recovered(plane, await source(plane))
    fold = await recovered(plane, RunKey("project", "domain", "again"), "third")
    assert phases(fold) == {"a0": P.SUCCEEDED, "bad": P.RECOVERED, "good": P.RECOVERED}
    assert value(fold.get("good")) == "good of source"
    assert (await audit(plane)).violations == []


@pytest.mark.parametrize(
    ("recovery", "runs"),
    [
        ({"again": ["good"]}, ["a0", "bad", "deep", "good"]),
        ({"again": ["deep"], "on_the_way": ["good"]}, ["a0", "bad", "deep", "good"]),
        ({"again": ["a0"]}, ["a0", "bad", "deep", "good"]),
        ({"on_the_way": ["good"]}, ["a0", "bad", "good"]),
    ],
    ids=["with all below", "and all on the way to it", "everything", "but what lies beside it"],
)
async def test_an_action_can_be_made_to_run_again(
    plane: Plane, recovery: dict[str, object], runs: list[str]
) -> None:
    await plane.executor()
    fold = await recovered(plane, await source(plane), **recovery)
    assert sorted(attempt.action.action for attempt in plane.machine.launched) == runs
    assert fold.root.phase is P.SUCCEEDED


async def test_another_executor_recovers_the_same(plane: Plane) -> None:
    life = await plane.executor()
    run = await source(plane)
    await life.end()
    await plane.start("again", recovery={"run": run.run})
    for _ in range(2):
        await plane.executor()
    fold = await plane.until(RunKey("project", "domain", "again"), lambda fold: fold.is_settled)
    assert fold.get("good").phase is P.RECOVERED
    assert (await audit(plane)).violations == []


async def test_a_result_whose_shape_changed_with_the_code_is_computed_anew(plane: Plane) -> None:
    newer = CHILD.model_copy(update={"version": "v2"})
    number = Parameter(name="o0", annotation="int", json_schema={"type": "integer"})
    deployed = template(newer.name, interface=Interface(outputs=(number,)))
    data = TaskDeployed(version=newer.version, digest=deployed.digest(), template=deployed)
    await plane.append(task_subject("project", "domain", newer.name), data)
    await plane.executor()
    run = await source(plane)
    plane.machine.script = family_of(newer)
    fold = await recovered(plane, run)
    assert phases(fold)["good"] is P.SUCCEEDED


async def test_a_result_of_older_code_is_taken_over_when_its_shape_is_the_same(plane: Plane) -> None:
    newer = CHILD.model_copy(update={"version": "v2"})
    await plane.deploy(newer)
    await plane.executor()
    run = await source(plane)
    plane.machine.script = family_of(newer)
    fold = await recovered(plane, run)
    assert phases(fold)["good"] is P.RECOVERED


class Store:
    """A dataproxy that has nothing."""

    asked = 0

    async def locate(self, question: CreateDownloadLocation) -> DownloadLocation:
        self.asked += 1
        raise Refusal(Failure(code="ArtifactNotFound", kind=FailureKind.USER, message="no"))


async def with_large(plane: Plane, value: ReferencedLiteral = LARGE) -> RunKey:
    """A run whose child has a value in the artifact store, and then fails."""

    async def script(agent: Agent) -> None:
        if not await agent.claim():
            return
        await agent.enter()
        if agent.attempt.action.is_root:
            await agent.ask("good", CHILD)
            await agent.until(lambda fold: fold.get("good").is_terminal)
            await agent.fail(recoverable=False)
        else:
            await agent.say(AttemptSucceeded(attempt=agent.attempt.attempt, outputs={"o0": value}))

    plane.machine.script = script
    run = await plane.start("source")
    await plane.settled(run)
    return run


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_result_that_the_store_has_lost_fails_or_is_computed_anew(
    plane: Plane, allowed: bool
) -> None:
    server = await plane.bus.serve(CREATE_DOWNLOAD_LOCATION, Store().locate)
    await plane.executor()
    fold = await recovered(plane, await with_large(plane), allow_missing_outputs=allowed)
    await server.stop()
    child = fold.get("good")
    if allowed:
        assert child.phase is P.SUCCEEDED
    else:
        assert child.phase is P.FAILED
        assert child.failure is not None
        assert child.failure.code == "SourceOutputsMissing"
        assert "flyte://artifacts/project/domain/x" in child.failure.message


async def test_nobody_is_told_what_another_project_keeps(plane: Plane) -> None:
    """An agent may write any name as its output; the executor may ask for all of them."""
    store = Store()
    server = await plane.bus.serve(CREATE_DOWNLOAD_LOCATION, store.locate)
    await plane.executor()
    foreign = LARGE.model_copy(update={"uri": "flyte://artifacts/bank/domain/x"})
    fold = await recovered(plane, await with_large(plane, foreign))
    await server.stop()
    assert fold.get("good").phase is P.RECOVERED and store.asked == 0


@pytest.mark.parametrize(("prompt", "phase"), [("Go on?", P.RECOVERED), ("Really?", P.PAUSED)])
async def test_an_answer_is_taken_over_when_the_question_is_the_same(
    plane: Plane, prompt: str, phase: ActionPhase
) -> None:
    def asking(prompt: str) -> Script:
        async def script(agent: Agent) -> None:
            if await agent.claim():
                await agent.enter()
                await agent.pause("ok", prompt=prompt)
                await agent.until(lambda fold: fold.get("ok").is_terminal)
                await agent.fail(recoverable=False)

        return script

    plane.machine.script = asking("Go on?")
    await plane.executor()
    run = await plane.start("source")
    await plane.append(signal_request(run, "alice"), SignalCondition(condition="ok", value=True))
    await plane.settled(run)
    plane.machine.script = asking(prompt)
    again = await plane.start("again", recovery={"run": "source"})
    await plane.until(again, lambda fold: fold.get("ok").phase is not None)
    await plane.quiet()
    assert (await read_run(plane.bus.log, again)).get("ok").phase is phase


async def test_a_recovered_result_of_a_source_that_was_aborted(plane: Plane) -> None:
    async def hangs(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            if agent.attempt.action.is_root:
                await agent.ask("good", CHILD)
                await asyncio.Event().wait()
            await agent.succeed("good of source")

    plane.machine.script = hangs
    await plane.executor()
    run = await plane.start("source")
    await plane.until(run, lambda fold: fold.get("good").is_terminal)
    await plane.append(abort_request(run, "alice"), AbortAction(action="a0"))
    assert (await plane.settled(run)).phase is P.ABORTED
    plane.machine.script = family(lambda agent: False)
    fold = await recovered(plane, run)
    assert phases(fold)["good"] is P.RECOVERED
    assert AttemptKey(RunKey("project", "domain", "again").action("good"), 1) not in plane.machine.launched


def family_of(task: TaskReference) -> Script:
    """A root that asks for `good` in another version of its task."""

    async def script(agent: Agent) -> None:
        if not await agent.claim():
            return
        await agent.enter()
        if agent.attempt.action.is_root:
            await agent.ask("good", task)
            await agent.until(lambda fold: fold.get("good").is_terminal)
        await agent.succeed("new")

    return script
