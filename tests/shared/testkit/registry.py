"""A registry that runs in a test, what it is given to read, and all that it tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from flyte_bus.ports import Bus
from flyte_registry.app import RegistryService, build
from flyte_registry.settings import RegistrySettings
from flyte_schemas.endpoints import (
    GET_TASK,
    LIST_RUNS,
    LIST_TASKS,
    GetTask,
    ListRuns,
    ListTasks,
    RunList,
    TaskAnswer,
    TaskList,
)
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptStarted,
    EventData,
    MessageRejected,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.streams import REJECTED, TASKS
from flyte_schemas.subjects import RunKey, action_subject, task_subject
from flyte_schemas.task import TaskReference
from testkit.cases.harness import GUARD_S, take
from testkit.tasks import event

WHERE = {"project": "flytesnacks", "domain": "development"}
SUBJECT = task_subject(**WHERE, task="my_env.my_task")
TASK = TaskReference(name="my_env.my_task", version="v1")
CRASH = Failure(code="ValueError", kind=FailureKind.USER, message="no", traceback="line 1")


class RegistryHarness(Protocol):
    """A control plane of its own for one test, and connections to it."""

    bus: Bus

    async def connect(self) -> Bus: ...

    async def publish_raw(self, subject: str, raw: bytes) -> None: ...


@asynccontextmanager
async def registry(bus: Bus, folder: Path, **limits: float) -> AsyncIterator[RegistryService]:
    """A registry that runs, with its read model in `folder`."""
    settings = RegistrySettings(read_model_file=folder / "registry.sqlite3", **limits)  # type: ignore[arg-type]
    service = await build(bus, settings)
    try:
        await service.start()
        yield service
    finally:
        await service.stop()


async def answers(bus: Bus, count: int) -> list[AnyEvent]:
    """What the log says of the task, once it has said `count` things."""
    return [readable(entry.content) for entry in await take(bus.log.follow(TASKS, SUBJECT), count)]


async def rejections(bus: Bus, count: int) -> list[MessageRejected]:
    """The first messages that were set aside; waits for them."""
    async with asyncio.timeout(GUARD_S):
        while await bus.log.last_sequence(REJECTED) < count:
            await asyncio.sleep(0.01)
    events = [readable(entry.content) async for entry in bus.log.read(REJECTED, "flyte.rejected")]
    return [event.data for event in events if isinstance(event.data, MessageRejected)]


async def happen(bus: Bus, run: str, *words: EventData, action: str = "a0") -> int:
    """Append these words to an action of a run; the last one's sequence."""
    subject = action_subject(RunKey(**WHERE, run=run).action(action))
    sequence = 0
    for data in words:
        sequence = await bus.log.append(event(subject, data))
    return sequence


STARTED = (
    ActionRequested(task=TASK),
    ActionQueued(attempt=1, pool="p"),
    AttemptStarted(attempt=1, worker="w"),
)
CHILD = ActionRequested(task=TASK, parent="a0", parent_attempt=1)


async def everything(bus: Bus) -> tuple[RunList, TaskList, TaskList, TaskAnswer]:
    """All that the registry can tell."""
    return (
        await bus.ask(LIST_RUNS, ListRuns(**WHERE)),
        await bus.ask(LIST_TASKS, ListTasks(**WHERE)),
        await bus.ask(LIST_TASKS, ListTasks(**WHERE, name="my_env.my_task")),
        await bus.ask(GET_TASK, GetTask(**WHERE, name="my_env.my_task")),
    )


def readable(content: object) -> AnyEvent:
    assert not isinstance(content, Exception), content
    return content  # type: ignore[return-value]
