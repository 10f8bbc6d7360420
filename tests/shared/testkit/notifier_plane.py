"""A control plane (in memory, if nobody brings one) with notifiers, and a real HTTP server that they tell."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from aiohttp import web

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.meter import Meter
from flyte_bus.ports import Bus
from flyte_notifier.app import NotifierService, build
from flyte_notifier.settings import NotifierSettings
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionFailed,
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    AttemptPlaced,
    AttemptSucceeded,
    EventData,
    RunSettings,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.notices import RULES_KEY, NotificationFailed, Rule, RuleBook
from flyte_schemas.notify import Notification
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import NOTICES, OUTBOX_BUCKET, SETTINGS_BUCKET
from flyte_schemas.subjects import RunKey, action_subject
from flyte_schemas.task import TaskReference
from testkit.cases.harness import GUARD_S

FAILURE = Failure(code="ValueError", kind=FailureKind.USER, message="no luck\nat all", recoverable=False)
TASK = TaskReference(name="env.task", version="v1")
FAILED = (ActionPhase.FAILED,)


def hook(url: str, phases: tuple[ActionPhase, ...] = FAILED, **more: object) -> Notification:
    """A webhook that a run asks for."""
    return Notification(kind="webhook", phases=phases, settings={"url": url, **more})


def rule(name: str, url: str, **more: object) -> Rule:
    """A webhook that a rule asks for."""
    return Rule.model_validate({"name": name, "kind": "webhook", "settings": {"url": url}} | more)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that the receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """An HTTP server on 127.0.0.1; `answer` says with which status it answers a request."""

    answer: Callable[[Heard], Awaitable[int]]
    heard: list[Heard] = field(default_factory=list)
    url: str = ""

    async def _handle(self, request: web.Request) -> web.Response:
        heard = Heard(request.path, dict(request.headers), await request.read())
        self.heard.append(heard)
        return web.Response(status=await self.answer(heard))

    async def start(self, stack: AsyncExitStack) -> None:
        """Listen on a free port until the stack ends."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"


class Plane:
    """The log, notifiers, and somebody whose runs end."""

    def __init__(self, stack: AsyncExitStack, bus: Bus | None = None) -> None:
        self.server = MemoryServer()
        self.bus = bus or MemoryBus(self.server)
        self.meters: list[Meter] = []
        """The numbers of each notifier."""
        self._stack = stack

    async def notifier(self, **settings: Any) -> NotifierService:
        """Start one that tries again soon; the stack ends it."""
        bus = await self._stack.enter_async_context(MemoryBus(self.server))
        self.meters.append(bus.meter)
        usual: dict[str, Any] = {"timeout_s": 0.5, "first_pause_s": 0.01, "tries": 4}
        service = build(bus, NotifierSettings(**(usual | settings)))
        self._stack.push_async_callback(service.stop)
        await service.start()
        return service

    async def receiver(self, answer: Callable[[Heard], Awaitable[int]] | None = None) -> Receiver:
        receiver = Receiver(answer or _fine)
        await receiver.start(self._stack)
        return receiver

    async def put_rules(self, *rules: Rule) -> None:
        """Create rules as the command does."""
        book = RuleBook(rules={rule.name: rule for rule in rules})
        await self.bus.bucket(SETTINGS_BUCKET).put(RULES_KEY, book.model_dump_json().encode())

    async def say(self, run: RunKey, *words: EventData) -> None:
        """Let these words be said of a run's root."""
        for data in words:
            subject = action_subject(run.action("a0"))
            await self.bus.log.append(
                Event(id=uuid4().hex, source="test", subject=subject, time=datetime.now(UTC), data=data)
            )

    async def run(self, name: str, *told: Notification, fails: bool = True) -> RunKey:
        """A run that asks for these notifications, from its request to its end."""
        run = RunKey("p", "d", name)
        end: tuple[EventData, ...] = (AttemptSucceeded(attempt=1),)
        if fails:
            end = (AttemptFailed(attempt=1, failure=FAILURE), ActionFailed(failure=FAILURE))
        await self.say(
            run,
            ActionRequested(task=TASK, settings=RunSettings(notifications=told, labels={"a": "b"})),
            ActionQueued(attempt=1, pool="process"),
            AttemptPlaced(attempt=1, worker="w"),
            *end,
        )
        return run

    async def failures(self) -> list[NotificationFailed]:
        """What was told to nobody."""
        found = []
        async for entry in self.bus.log.read(NOTICES, "flyte.notice.>"):
            assert isinstance(entry.content, Event)
            assert isinstance(entry.content.data, NotificationFailed)
            found.append(entry.content.data)
        return found

    async def until(self, condition: Callable[[], bool | Awaitable[bool]]) -> None:
        """Return once it is so."""
        async with asyncio.timeout(GUARD_S):
            while not (found if isinstance(found := condition(), bool) else await found):
                await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Return once the outbox is empty."""
        kept = self.server.bucket(OUTBOX_BUCKET.name)._entries
        await self.until(lambda: all(entry.value is None for entry in kept.values()))


async def _fine(heard: Heard) -> int:
    return 200
