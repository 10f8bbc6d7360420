"""What a user's process does once while it waits for its task: all that it will do, with a task of our own.

It is quicker the second time, because the pages of memory that it needs are its own by then.
"""

import asyncio
import importlib

from flyte._runtime.child import run_body
from flyte._runtime.convert import inputs_from_wire, outputs_to_wire
from flyte._runtime.messages import Entered, Message, Returned, Start, pack, unpack
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.task import Interface, Source, TaskTemplate

_FRAME_HEAD = 4

START = Start(
    project="flyte",
    domain="exercise",
    run="none",
    action="a0",
    attempt=1,
    version="none",
    template=TaskTemplate(
        name="exercise.double",
        short_name="double",
        environment="exercise",
        interface=Interface(),
        source=Source(file="exercise.py", module="exercise", function="double"),
        is_async=True,
    ),
    inputs={"number": InlineLiteral(value=1)},
    env_vars={},
    root="/",
)
RETURNED = Returned(outputs={"o0": InlineLiteral(value=2)})


async def _double(number: int) -> int:
    return 2 * number


def told(message: Message) -> Message:
    """A message as it comes out at the other end of the socket."""
    return unpack(pack(message)[_FRAME_HEAD:])


def exercise_runner() -> None:
    """Hear of a task, declare one, call it, and tell what it returned."""
    environments = importlib.import_module("flyte._environment")  # the runtime does not know it otherwise
    environment = environments.TaskEnvironment(name="exercise")
    try:
        double = environment.task(_double)
        start = told(START)
        assert isinstance(start, Start)
        interface = double.native_interface
        inputs = inputs_from_wire(interface, start.inputs)
        value = asyncio.run(run_body(double.body(inputs)))
        messages: tuple[Message, ...] = (Entered(), Returned(outputs=outputs_to_wire(interface, value)))
        for message in messages:
            pack(message)
    finally:
        environments.forget(environment)
