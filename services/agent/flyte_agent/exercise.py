"""What a spare agent does once before it matters, so that it is quick when it does.

A forked process pays for the first touch of every page of its memory. The work here is that of an attempt, on
a run that does not exist; nothing of it remains.
"""

import io
import tarfile
from datetime import UTC, datetime
from functools import reduce

from flyte._runtime.exercise import RETURNED, START, told
from flyte._runtime.messages import Entered, Message
from flyte_agent.bundle import unpack
from flyte_agent.settings import AgentSettings
from flyte_agent.work import work_folder
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import Event, decode, encode
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
    TaskDeployed,
)
from flyte_schemas.orders import NOWHERE
from flyte_schemas.task import TaskReference


async def exercise_agent(bus: Bus, settings: AgentSettings) -> None:
    """Read, fold, unpack and speak as an attempt does. Raises BusUnavailable."""
    await read_action(bus.log, NOWHERE.action)
    reduce(_folded, enumerate(_life(), 1), ActionState())
    messages: tuple[Message, ...] = (START, Entered(), RETURNED)
    for message in messages:
        told(message)
    with work_folder(settings.work) as folder:
        archive = folder / "bundle.tar.gz"
        archive.write_bytes(_bundle())
        unpack(archive, folder, settings)


def _folded(state: ActionState, numbered: tuple[int, EventData]) -> ActionState:
    number, data = numbered
    event: Event[EventData] = Event(
        id=f"{number}", source="/exercise", subject=str(NOWHERE.action), time=datetime.now(UTC), data=data
    )
    return evolve(state, decode(encode(event)), number)


def _life() -> tuple[EventData, ...]:
    template = START.template
    return (
        TaskDeployed(version=START.version, digest=template.digest(), template=template),
        ActionRequested(
            task=TaskReference(name=template.name, version=START.version), inputs=dict(START.inputs)
        ),
        ActionQueued(attempt=1, pool="process"),
        AttemptPlaced(attempt=1, worker=""),
        AttemptStarted(attempt=1, worker=""),
        AttemptSucceeded(attempt=1, outputs=dict(RETURNED.outputs)),
    )


def _bundle() -> bytes:
    """A bundle with one file."""
    out, source = io.BytesIO(), b"import flyte\n"
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("exercise.py")
        info.size = len(source)
        archive.addfile(info, io.BytesIO(source))
    return out.getvalue()
