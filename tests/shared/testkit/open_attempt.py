"""A log in which attempt 1 of a root action is open, and waits for an agent."""

from uuid import uuid4

from flyte_agent.reports import Reports
from flyte_bus.memory import MemoryBus
from flyte_bus.ports import Entry
from flyte_schemas.events import ActionQueued, ActionRequested, EventData
from flyte_schemas.literals import Literals
from flyte_schemas.orders import Order
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey, action_subject
from flyte_schemas.task import TaskReference
from testkit.events import event

RUN = RunKey("project", "domain", "run")
TASK = TaskReference(name="env.parent", version="v1")


class OpenAttempt:
    """The attempt's order, and the log around it."""

    order: Order

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.first = 0

    async def open(self, inputs: Literals | None = None) -> None:
        """Ask for the root, and queue its first attempt."""
        self.first = await self.say("a0", ActionRequested(task=TASK, inputs=inputs or {}))
        fence = await self.say("a0", ActionQueued(attempt=1, pool="process"))
        self.order = Order(
            project=RUN.project, domain=RUN.domain, run=RUN.run, action="a0", attempt=1, fence=fence
        )

    def reports(self, pid: int = 1) -> Reports:
        """What an agent with this process id writes with."""
        return Reports(self.bus, self.order, pid)

    async def say(self, action: str, data: EventData) -> int:
        """Write on an action's subject, as anybody might."""
        return await self.bus.log.append(event(action_subject(RUN.action(action)), data, id=uuid4().hex))

    async def entries(self, action: str) -> list[Entry]:
        return [entry async for entry in self.bus.log.read(RUNS, action_subject(RUN.action(action)))]
