"""A control plane in memory with schedulers on it, in virtual time, and a user who changes triggers."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from uuid import uuid4

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.triggers import NONE_YET, read_triggers
from flyte_scheduler.app import SchedulerService, build
from flyte_scheduler.settings import SchedulerSettings
from flyte_schemas.envelope import Event
from flyte_schemas.events import EventData, StartRun, TaskDeployed
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import TriggerKey, task_subject, trigger_request
from flyte_schemas.task import Interface, Parameter
from flyte_schemas.trigger import CronSchedule, Trigger
from flyte_schemas.trigger_events import CreateTrigger, DeployTriggers
from flyte_schemas.trigger_state import TaskTriggers
from testkit.events import MORNING
from testkit.tasks import template

TASK = "env.task"
KEY = TriggerKey("p", "d", TASK, "t")
EACH_MINUTE = CronSchedule(expression="* * * * *")


def trigger(name: str = "t", expression: str = "* * * * *", **more: object) -> Trigger:
    """A trigger that receives its time."""
    fields = {"name": name, "automation": CronSchedule(expression=expression), "time_inputs": ("at",)}
    return Trigger.model_validate(fields | more)


class Life:
    """One scheduler, from its start to its end."""

    def __init__(self, bus: MemoryBus, service: SchedulerService) -> None:
        self.bus = bus
        self.service = service
        self.is_over = False

    async def end(self) -> None:
        """End it in the middle of whatever it does; raises what it died of."""
        if not self.is_over:
            self.is_over = True
            await self.service.stop()
            await self.bus.close()
            await self.service.wait()


class Plane:
    """The log, any number of schedulers, and the time of day, which the loop's clock is."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._loop = asyncio.get_running_loop()
        self.server = MemoryServer(clock=self._loop.time, now=self.now)
        self.bus = MemoryBus(self.server)
        self._stack = stack

    def now(self) -> datetime:
        return MORNING + timedelta(seconds=self._loop.time())

    @classmethod
    async def made(cls, stack: AsyncExitStack) -> "Plane":
        plane = cls(stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        return plane

    async def scheduler(self, *, ack_wait_s: float = 10.0) -> Life:
        """Start one; the stack ends it."""
        bus = MemoryBus(self.server)
        service = build(bus, SchedulerSettings(ack_wait_s=ack_wait_s), self.now)
        life = Life(bus, service)
        self._stack.push_async_callback(life.end)
        await service.start()
        return life

    async def say(self, subject: str, data: EventData) -> str:
        """Append a word; the id of its event."""
        id = uuid4().hex
        event = Event(id=id, source="test", subject=subject, time=self.now(), data=data)
        await self.bus.log.append(event)
        return id

    async def ask(self, request: EventData, *, project: str = "p") -> None:
        """Ask something about triggers."""
        await self.say(trigger_request(project, "d", "env", "alice"), request)

    async def put_task(self, *triggers: Trigger, version: str = "v1", project: str = "p") -> None:
        """Put a version of the task into the log, as a run of it does, too."""
        at = Parameter(
            name="at", annotation="datetime", json_schema={"type": "string", "format": "date-time"}
        )
        task = template(TASK, interface=Interface(inputs=(at,)), triggers=triggers)
        data = TaskDeployed(version=version, digest=task.digest(), template=task)
        await self.say(task_subject(project, "d", TASK), data)

    async def deploy(self, *triggers: Trigger, version: str = "v1", project: str = "p") -> None:
        """Deploy the task with these triggers."""
        await self.put_task(*triggers, version=version, project=project)
        await self.ask(DeployTriggers(task=TASK, version=version), project=project)

    async def create(self, wanted: Trigger, version: str | None = None) -> None:
        await self.ask(CreateTrigger(task=TASK, trigger=wanted, version=version))

    async def triggers(self) -> TaskTriggers:
        """As the log has them."""
        return (await read_triggers(self.bus.log, "p", "d", TASK)).get(TASK, NONE_YET)

    async def starts(self, project: str = "*") -> list[tuple[str, StartRun]]:
        """The runs that were asked for, by name, in their order."""
        found = []
        async for entry in self.bus.log.read(REQUESTS, f"flyte.req.{project}.*.run.*.*"):
            assert isinstance(entry.content, Event) and isinstance(entry.content.data, StartRun)
            found.append((entry.subject.split(".")[5], entry.content.data))
        return found

    async def fired(self) -> Counter[datetime]:
        """How often each instant was fired, by the time that the runs received."""
        times = [str(start.inputs["at"].model_dump()["value"]) for _, start in await self.starts()]
        return Counter(map(datetime.fromisoformat, times))


def minutes_between(begin: datetime, end: datetime) -> list[datetime]:
    """The whole minutes after `begin`, up to `end`."""
    first = begin.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return [
        first + number * timedelta(minutes=1) for number in range((end - first) // timedelta(minutes=1) + 1)
    ]
