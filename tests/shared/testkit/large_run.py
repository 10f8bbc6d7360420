"""A run of thousands of actions, as events alone: nothing runs, so no executor may be there to act."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flyte_bus.ports import Bus
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import ROOT_ACTION, RunKey, action_subject
from flyte_schemas.task import TaskReference

GROUP = "folds"
RETRIED_EACH = 50
FAILED_EACH = 400
AT_A_TIME = 128
_CRASH = Failure(code="ValueError", kind=FailureKind.USER, message="the fold has no labels", traceback="")


@dataclass(frozen=True, slots=True)
class Said:
    """One word on an action, so many seconds after the run began."""

    after_s: float
    action: str
    data: EventData


def large_run(actions: int, *, lasts_s: float = 60.0) -> list[Said]:
    """The words of a run with so many actions, in the order of time.

    The root has one child, and a group with all the others: each takes a while, some are tried again, a
    few fail. The root's own end comes last.
    """
    children = actions - 2
    words = [
        *_life(ROOT_ACTION, "bench.main", 0.0, None, None, ends=False),
        *_life("prepare", "bench.prepare", 0.1, None, ROOT_ACTION),
    ]
    for number in range(children):
        begun = 0.5 + (lasts_s - 2.0) * number / children
        words += _life(f"f{number:05d}", "bench.fold", begun, GROUP, ROOT_ACTION, number=number)
    words.sort(key=lambda word: word.after_s)
    end = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=children)})
    return [*words, Said(max(lasts_s, words[-1].after_s), ROOT_ACTION, end)]


def _life(
    action: str,
    task: str,
    begun: float,
    group: str | None,
    parent: str | None,
    *,
    number: int = 1,
    ends: bool = True,
) -> Iterator[Said]:
    reference = TaskReference(name=task, version="v1")
    asked = ActionRequested(
        task=reference,
        inputs={"number": InlineLiteral(value=number)},
        parent=parent,
        parent_attempt=1 if parent else None,
        group=group,
        requested_by="" if parent else "bench",
    )
    yield Said(begun, action, asked)
    pause = 0.02 + (number * 37 % 100) / 400
    fails = bool(number) and number % FAILED_EACH == 0
    again = bool(number) and number % RETRIED_EACH == 0
    for attempt in (1, 2) if again else (1,):
        at = begun + (attempt - 1) * (4 * pause + 0.2)
        yield Said(at + pause * 0.1, action, ActionQueued(attempt=attempt, pool="default"))
        yield Said(at + pause, action, AttemptPlaced(attempt=attempt, worker=f"machine/{number % 16}"))
        yield Said(at + 2 * pause, action, AttemptStarted(attempt=attempt, worker=f"machine/{number % 16}"))
        over = at + 3.5 * pause
        if attempt == 1 and again:
            yield Said(over, action, AttemptFailed(attempt=1, failure=_CRASH, log_end=0))
            yield Said(over + 0.01, action, ActionRetried(attempt=1, reason="it may be tried again"))
        elif fails:
            yield Said(over, action, AttemptFailed(attempt=attempt, failure=_CRASH, log_end=0))
            yield Said(over + 0.01, action, ActionFailed(failure=_CRASH))
        elif ends:
            yield Said(
                over, action, AttemptSucceeded(attempt=attempt, outputs={"o0": InlineLiteral(value=number)})
            )


async def append_all(
    bus: Bus, key: RunKey, words: Sequence[Said], begun: datetime, *, rate: float = 0.0
) -> None:
    """Append the words of a run that began then; at most so many a second with a `rate`.

    Words on one action keep their order; of different actions many are under way at a time.
    """
    loop = asyncio.get_running_loop()
    started, sent = loop.time(), 0
    for bunch in _bunches(words):
        await asyncio.gather(*(bus.log.append(_event(key, word, begun)) for word in bunch))
        sent += len(bunch)
        if rate:
            await asyncio.sleep(max(0.0, started + sent / rate - loop.time()))


def _bunches(words: Sequence[Said]) -> Iterator[list[Said]]:
    bunch: list[Said] = []
    for word in words:
        if len(bunch) == AT_A_TIME or any(other.action == word.action for other in bunch):
            yield bunch
            bunch = []
        bunch.append(word)
    if bunch:
        yield bunch


def _event(key: RunKey, word: Said, begun: datetime) -> Event[EventData]:
    return Event(
        id=f"{key.run}.{word.action}.{type(word.data).__name__}.{getattr(word.data, 'attempt', 0)}",
        source="/bench",
        subject=action_subject(key.action(word.action)),
        time=begun + timedelta(seconds=word.after_s),
        data=word.data,
    )
