"""Whose recorded steps an attempt takes over: those of the same call, by the same code, not wanted anew."""

from collections.abc import Sequence

import pytest

from flyte_agent.recovered import Source, source_of
from flyte_bus.history import read_action
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_schemas.events import (
    ActionFailed,
    ActionQueued,
    ActionRequested,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.recovery import Recovery
from flyte_schemas.subjects import ActionKey, RunKey, action_subject
from flyte_schemas.task import TaskReference
from testkit.events import event

OLD, NEW = RunKey("p", "d", "old"), RunKey("p", "d", "new")
FAILED = ActionFailed(failure=Failure(code="ValueError", kind=FailureKind.USER))


def call(parent: str | None = None, *, version: str = "v1", x: int = 1) -> ActionRequested:
    return ActionRequested(
        task=TaskReference(name="env.fn", version=version),
        inputs={"x": InlineLiteral(value=x)},
        parent=parent,
        parent_attempt=parent and 1,
    )


async def found(
    recovery: Recovery | None,
    action: str = "a0",
    *,
    old: Sequence[tuple[str, EventData]],
    new: Sequence[tuple[str, EventData]],
) -> Source | None:
    """What `source_of` says of an action of the new run, when this happened in both."""
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        told = [(OLD.action(name), word) for name, word in old] + [
            (NEW.action(name), word) for name, word in new
        ]
        for number, (key, word) in enumerate(told):
            await bus.log.append(event(action_subject(key), word, id=f"{number}"))
        key = NEW.action(action)
        state, _ = await read_action(bus.log, key)
        return await source_of(bus.log, key, state, recovery)


LIFE = (("a0", call()), ("a0", ActionQueued(attempt=1, pool="p")), ("a0", FAILED))
FAMILY = (*LIFE[:2], ("mid", call("a0")), ("leaf", call("mid")), ("leaf", FAILED), ("mid", FAILED))


def source(action: ActionKey, first: int, last: int) -> Source:
    return Source(action=action, first=first, last=last)


async def test_the_same_call_of_the_run_that_is_recovered() -> None:
    wanted = source(OLD.action("a0"), 1, 3)
    assert await found(Recovery(run="old"), old=LIFE, new=LIFE[:1]) == wanted


async def test_a_run_that_recovers_none_takes_over_nothing() -> None:
    assert await found(None, old=LIFE, new=LIFE[:1]) is None


@pytest.mark.parametrize(
    "before", [call(version="v0"), call(x=2)], ids=["of another version", "of other inputs"]
)
async def test_another_call_gives_nothing(before: ActionRequested) -> None:
    assert await found(Recovery(run="old"), old=[("a0", before), ("a0", FAILED)], new=LIFE[:1]) is None


async def test_an_action_that_the_earlier_run_never_came_to() -> None:
    assert await found(Recovery(run="old"), "mid", old=LIFE, new=FAMILY) is None


async def test_a_root_repeats_the_action_that_its_user_named() -> None:
    recovery = Recovery(run="old", action="mid", root="elsewhere")
    assert await found(recovery, old=FAMILY, new=LIFE[:1]) == source(OLD.action("mid"), 3, 6)


@pytest.mark.parametrize(
    ("again", "finds"),
    [((), True), (("other",), True), (("leaf",), False), (("mid",), False), (("a0",), False)],
)
async def test_what_is_wanted_anew_takes_over_no_steps_nor_does_what_is_below_it(
    again: tuple[str, ...], finds: bool
) -> None:
    there = await found(Recovery(run="old", again=again), "leaf", old=FAMILY, new=FAMILY)
    assert (there is not None) == finds
