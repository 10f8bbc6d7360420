"""The services on a bus in memory: any message and any question, and all of them go on."""

import asyncio
import importlib
import inspect
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
from pydantic import BaseModel

from flyte_bus.errors import BusError
from flyte_bus.memory import MemoryBus
from flyte_bus.settings import SERVICE_PATIENCE_S
from flyte_console import app as console
from flyte_console.settings import ConsoleSettings
from flyte_dataproxy import app as dataproxy
from flyte_dataproxy.settings import DataproxySettings
from flyte_notifier import app as notifier
from flyte_notifier.settings import NotifierSettings
from flyte_registry import app as registry
from flyte_registry.settings import RegistrySettings
from flyte_scheduler import app as scheduler
from flyte_scheduler.settings import SchedulerSettings
from flyte_schemas.endpoints import Endpoint, Ping, ping_endpoint
from flyte_schemas.envelope import Malformed, decode, encode
from flyte_schemas.events import (
    AbortAction,
    ActionRetried,
    AttemptFailed,
    EventData,
    MessageRejected,
    RunSettings,
    StartRun,
    TaskDeployed,
    TimerDue,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.notify import Notification
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Backoff, Policies
from flyte_schemas.streams import REJECTED
from flyte_schemas.subjects import RunKey, abort_request, action_subject, run_request, task_subject
from flyte_schemas.task import TaskReference
from testkit.executor_plane import Life, Plane
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.documents import changed_at, mutated
from testkit.fuzz.entry import Broken, Entry
from testkit.fuzz.words import WIRE, some_event
from testkit.scripted_backend import TASK
from testkit.tasks import event, template

ANSWERING = ("registry", "dataproxy", "scheduler", "notifier", "console")
PATIENCE_S = 20.0
READ_BY_ALL = ("flyte.run.", "flyte.task.", "flyte.req.")
"""Subjects whose malformed messages somebody sets aside."""


class Services(Entry):
    """All services, an executor with agents that succeed, and a canary: a run that has to end well."""

    renewed_after = 400
    gains_files = 10

    async def open(self) -> None:
        self.plane = Plane(self.folder, self.stack)
        self.server = self.plane.server
        await self.plane.bus.provision()
        self.stack.push_async_callback(self.plane.bus.close)
        self.life: Life = await self.plane.executor()
        self.ended = {"executor": asyncio.create_task(self.life.executor.wait())}
        bus = await self.stack.enter_async_context(MemoryBus(self.server, patience_s=SERVICE_PATIENCE_S))
        self.bus = bus
        for name, built in (
            (
                "registry",
                registry.build(bus, RegistrySettings(read_model_file=self.folder / "model.sqlite3")),
            ),
            ("dataproxy", dataproxy.build(bus, DataproxySettings(root=self.folder / "artifacts"))),
            ("scheduler", scheduler.build(bus, SchedulerSettings())),
            ("notifier", notifier.build(bus, NotifierSettings(hosts=("127.0.0.1",), timeout_s=0.2, tries=2))),
            ("console", console.build(bus, ConsoleSettings(heartbeat_s=60.0))),
        ):
            await self._begin(name, await built if inspect.isawaitable(built) else built)
        await self.plane.deploy(TASK)
        self.runs = 0
        self.malformed: list[tuple[str, int]] = []
        self._seen = 0
        self._aside: set[tuple[str, int]] = set()
        await self.canary()

    async def _begin(self, name: str, service: Any) -> None:
        await service.start()
        self.stack.push_async_callback(service.stop)
        self.ended[name] = asyncio.create_task(service.wait())

    async def close(self) -> None:
        await super().close()
        await asyncio.gather(*self.ended.values(), return_exceptions=True)
        self.server.close()

    def put(self, subject: str, raw: bytes) -> None:
        """Whatever this is, where it is taken: the server takes what its streams hold."""
        try:
            stream = self.server.stream_of(subject)
            sequence = self.server.publish_raw(subject, raw)
        except BusError:
            return
        try:
            decode(raw)
        except Malformed:
            if stream is not None and subject.startswith(READ_BY_ALL):
                self.malformed.append((stream.spec.name, sequence))

    async def canary(self) -> None:
        """A run from its request to its end, and a word from each service. Raises Broken when one is dead."""
        self.runs += 1
        self.alive()
        try:
            async with asyncio.timeout(PATIENCE_S):
                run = await self.plane.start(f"canary{self.runs}")
                await self.plane.until(run, lambda fold: fold.is_settled or self._is_dead())
                for name in ANSWERING:
                    await self.bus.ask(ping_endpoint(name), Ping(), timeout_s=PATIENCE_S)
                await self._all_set_aside()
        except (TimeoutError, BusError) as error:
            self.alive()
            raise Broken(f"{self.name}: the canary does not sing: {error!r}") from error
        self.alive()

    def _is_dead(self) -> bool:
        return self.life.admission.done() or any(task.done() for task in self.ended.values())

    def alive(self) -> None:
        """Raises what a service has died of."""
        for task in (self.life.admission, *self.ended.values()):
            if task.done():
                task.result()
                raise Broken(f"{self.name}: {task.get_name()} has ended by itself")

    async def _all_set_aside(self) -> None:
        """Each message that nobody can read was set aside, once."""
        while missing := set(self.malformed) - self._aside:
            if self._is_dead():
                return
            async for entry in self.bus.log.read(REJECTED, "flyte.rejected", after=self._seen):
                self._seen = entry.sequence
                if not isinstance(entry.content, Malformed) and isinstance(
                    data := entry.content.data, MessageRejected
                ):
                    self._aside.add((data.stream, data.sequence))
            if missing <= self._aside:
                break
            await asyncio.sleep(0.002)
        self.malformed.clear()


class Messages(Services):
    """Messages on every subject: the services live on, do their work, and set aside what is no event."""

    name = "messages"

    async def open(self) -> None:
        await super().open()
        self._asked = 0
        for subject, raw in WIRE:
            if b"flyte.task.deploy-requested.v1" in raw or b"trigger" in raw:
                self.put(subject, raw)
        await self.canary()

    async def feed(self, chooser: Chooser) -> None:
        for _ in chooser.times(6):
            subject, raw = self._new_run(chooser) if chooser.one_in(3) else some_event(chooser)
            if chooser.one_in(6):
                words = subject.split(".")
                words[chooser.below(len(words) - 1) + 1] = chooser.pick(
                    ("a0", "project", "x", "ü", "A" * 300, "-")
                )
                subject = ".".join(words)
            self.put(subject, raw)
        await self.canary()

    def _new_run(self, chooser: Chooser) -> tuple[str, bytes]:
        """A task that is deployed, a run of it, a word about that, its end, in turn: almost right."""
        self._asked += 1
        run = RunKey("project", "domain", f"r{self._asked // 4}")
        task = TaskReference(name="env.parent", version=f"r{self._asked // 4}")
        words: tuple[tuple[str, EventData], ...] = (
            (task_subject("project", "domain", task.name), _deployed(task)),
            (run_request(run, "alice"), StartRun(task=task, settings=_SETTINGS)),
            (action_subject(run.action("a0")), chooser.pick(_OF_A_RUN)),
            (abort_request(run, "alice"), AbortAction(action="a0", reason="enough")),
        )
        subject, data = words[self._asked % 4]
        raw = encode(event(subject, data, time=datetime.now(UTC)))
        match chooser.below(4):
            case 0:
                return subject, raw
            case 1:
                return subject, mutated(chooser, raw)
            case _:
                return subject, changed_at(chooser, raw, *_INNER[self._asked % 4])


_INNER = (("data", "template", "policies"), ("data", "settings"), ("data",), ("data",))
"""What is worth changing most in each of the four."""
_POLICIES = Policies(
    retries=1,
    backoff=Backoff(base_s=0.001, factor=2.0, cap_s=1.0),
    max_runtime_s=1.0,
    max_queued_s=1.0,
    deadline_s=60.0,
)
_SETTINGS = RunSettings(
    notifications=(
        Notification(kind="webhook", phases=(ActionPhase.FAILED,), settings={"url": "http://127.0.0.1:1/"}),
    )
)
_OF_A_RUN = (
    ActionRetried(attempt=1, reason="why not", retry_at=datetime(2030, 1, 1, tzinfo=UTC)),
    AttemptFailed(attempt=1, failure=Failure(code="E", kind=FailureKind.USER, message="m")),
    AbortAction(action="a0", reason="enough"),
    TimerDue(at=datetime(2026, 1, 1, tzinfo=UTC)),
)


def _deployed(task: TaskReference) -> TaskDeployed:
    made = template(task.name, policies=_POLICIES)
    return TaskDeployed(version=task.version, digest=made.digest(), template=made)


_URI = "flyte://artifacts/p/d/" + "0" * 32
ASKED: dict[str, Any] = {
    "project": "p", "domain": "d", "content_md5": "0" * 32, "filename": "f", "size_bytes": 3, "name": "e.t",
    "uri": _URI, "uris": [_URI], "before": "2020-01-01T00:00:00Z", "upload_id": "u", "part_md5s": ["0" * 32],
    "worker": "w", "pool": "k", "patience_s": 0.1,
}  # fmt: skip


def endpoints() -> list[Endpoint[Any, Any]]:
    """All that anybody serves and anybody may ask."""
    module = importlib.import_module("flyte_schemas.endpoints")
    return [found for found in vars(module).values() if isinstance(found, Endpoint)] + [
        ping_endpoint("registry")
    ]


class Questions(Services):
    """Any bytes as a question, on any subject of its kind: an answer, or a failure that is not a crash."""

    name = "questions"
    ENDPOINTS: ClassVar = endpoints()

    async def feed(self, chooser: Chooser) -> None:
        endpoint = chooser.pick(self.ENDPOINTS)
        fields: dict[str, BaseModel] = endpoint.ask.model_fields
        document = {name: ASKED[name] for name in fields if name in ASKED and not chooser.one_in(8)}
        raw = mutated(chooser, orjson.dumps(document))
        places = ["p", "d"] if not chooser.one_in(8) else [_token(chooser) for _ in range(2)]
        subject = ".".join((endpoint.subject, *places[: endpoint.pattern.count("*")]))
        answerer = self.server.answerer(subject)
        if answerer is None:
            return
        before = await self._logged()
        reply = orjson.loads(await self._replied(answerer.accept(subject, raw)))
        if "answer" not in reply and reply["failure"]["code"] == "ServiceCrashed":
            raise Broken(f"{subject} {raw[:300]!r}: {reply['failure']['message']}")
        if await self._logged() != before:
            raise Broken(f"{subject} {raw[:300]!r}: a question has changed the log")
        if chooser.one_in(50):
            await self.canary()

    async def _replied(self, reply: Awaitable[bytes]) -> bytes:
        return await asyncio.wait_for(reply, PATIENCE_S)

    async def _logged(self) -> list[int]:
        names = ("FLYTE_REQUESTS", "FLYTE_RUNS", "FLYTE_TASKS", "FLYTE_TRIGGERS")
        return [self.server.stream(name).room.messages for name in names]


def _token(chooser: Chooser) -> str:
    """A part of a subject, of any characters that a subject may have."""
    text = chooser.text(4).encode("utf-8", "replace").decode()
    return "".join("_" if letter in ". \t\r\n" else letter for letter in text) or "x"
