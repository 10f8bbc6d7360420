"""Requests to abort: what is asked for ends, with all below it, once and with its reason."""

from flyte_schemas.events import AbortAction, RunSettings, StartRun
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey, abort_request, run_request
from testkit.executor_plane import Plane, rejections
from testkit.scripted_backend import TASK, idle


async def ask(
    plane: Plane, run: RunKey, action: str = "a0", reason: str = "enough", *, claims: str = "alice"
) -> None:
    data = AbortAction(action=action, reason=reason, requested_by=claims)
    await plane.append(abort_request(run, "alice"), data)


async def test_an_aborted_run_keeps_the_reason_and_who_asked(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: fold.root.has_open_attempt)
    await ask(plane, run)
    root = await plane.settled(run)
    assert (root.phase, root.abort_reason, root.aborted_by) == (ActionPhase.ABORTED, "enough", "alice")


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


async def test_who_has_sent_a_request_asks_whatever_it_says(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    await ask(plane, run, reason="forged", claims="bob")
    await ask(plane, run, reason="mine", claims="")
    root = await plane.settled(run)
    assert (root.abort_reason, root.aborted_by) == ("mine", "alice")
    assert await rejections(plane) == [
        "the request says that 'bob' asks, and 'alice' has sent it: leave requested_by out, "
        "or ask with the credentials of whom it names"
    ]


async def test_only_the_scheduler_asks_on_behalf_of_others(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    start = StartRun(task=TASK, settings=RunSettings(on_behalf_of="bob", trigger="env.one/t"))
    await plane.append(run_request(RunKey("project", "domain", "forged"), "alice"), start)
    fired = RunKey("project", "domain", "fired")
    await plane.append(run_request(fired, "scheduler"), start)
    root = await plane.until(fired, lambda fold: fold.root.phase is not None)
    requested = root.root.requested
    assert requested is not None and requested.settings is not None
    assert (requested.requested_by, requested.settings.on_behalf_of) == ("scheduler", "bob")
    assert await rejections(plane) == ["alice asks on behalf of bob, and only the scheduler may do so"]


async def test_a_request_of_an_earlier_version_is_believed(plane: Plane) -> None:
    """Where the server knows users, it lets nobody send such a one."""
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    data = AbortAction(action="a0", reason="enough", requested_by="carol")
    await plane.append(abort_request(run, "carol").removesuffix(".carol"), data)
    assert (await plane.settled(run)).aborted_by == "carol"
