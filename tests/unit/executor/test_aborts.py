"""Requests to abort: what is asked for ends, with all below it, once and with its reason."""

from flyte_schemas.events import AbortAction
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey, abort_request
from testkit.executor_plane import Plane
from testkit.scripted_backend import idle


async def ask(plane: Plane, run: RunKey, action: str = "a0", reason: str = "enough") -> None:
    data = AbortAction(action=action, reason=reason, requested_by="somebody")
    await plane.append(abort_request(run, "alice"), data)


async def test_an_aborted_run_keeps_the_reason_and_who_asked(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: fold.root.has_open_attempt)
    await ask(plane, run)
    root = await plane.settled(run)
    assert (root.phase, root.abort_reason, root.aborted_by) == (ActionPhase.ABORTED, "enough", "somebody")


async def test_asking_twice_changes_nothing(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    await ask(plane, run)
    await ask(plane, run, reason="again")
    assert (await plane.settled(run)).abort_reason == "enough"
    await plane.quiet()
    assert (await plane.events(run.action("a0"))).count("ActionAborted") == 1


async def test_a_run_that_is_asked_for_after_its_abort_is_aborted_too(plane: Plane) -> None:
    run = RunKey("project", "domain", "late")
    await ask(plane, run)
    await plane.start("late")
    plane.machine.script = idle
    await plane.executor()
    assert (await plane.settled(run)).phase is ActionPhase.ABORTED


async def test_an_abort_without_a_reason_gets_one(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    await ask(plane, run, reason="")
    assert (await plane.settled(run)).abort_reason == "it was aborted by request"
