"""A console that runs in a test, a registry and a dataproxy beside it, and some runs for it to show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from flyte._runtime.transfer import Artifacts
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Bus
from flyte_console.app import ConsoleService, build
from flyte_console.settings import ConsoleSettings
from flyte_dataproxy import app as dataproxy
from flyte_dataproxy.settings import DataproxySettings
from flyte_schemas.events import (
    ActionFailed,
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    AttemptReported,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
    LogSegment,
    LogWritten,
    RunSettings,
    StartRun,
    TaskDeployed,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import AnyLiteral, InlineLiteral, ReferencedLiteral
from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession
from flyte_schemas.subjects import RunKey, action_subject, log_subject, run_request, task_subject
from flyte_schemas.task import TaskReference
from testkit.registry import registry
from testkit.tasks import event, template

PROJECT, DOMAIN = "robots", "development"
DONE = RunKey(PROJECT, DOMAIN, "rdone")
"""A run that has failed: its child has, and has printed, and has made a report; it has a large input."""
ALIVE = RunKey(PROJECT, DOMAIN, "ralive")
"""A run that goes on."""
ASKED = RunKey(PROJECT, DOMAIN, "rasked")
"""A run that nobody has admitted yet."""
TASK = TaskReference(name="my_env.my_task", version="v1")
KNOWN = {
    "project": PROJECT,
    "domain": DOMAIN,
    "run": DONE.run,
    "action": "a1",
    "name": TASK.name,
    "version": TASK.version,
}
"""Names that are there, by what the console's paths call them."""
CRASH = Failure(code="ValueError", kind=FailureKind.USER, message="no\nreally", traceback="line 1\n")
REPORT = b"<h1>all is well</h1><script>document.title = 'ours'</script>"
LARGE = b'"' + b"x" * 100_000 + b'"'


@dataclass(slots=True)
class World:
    """What there is, and a browser that looks at it."""

    bus: Bus
    server: MemoryServer
    console: ConsoleService
    http: aiohttp.ClientSession
    uri: str = ""
    _written: dict[str, int] = field(default_factory=dict)

    def place(self, path: str = "") -> str:
        """An address below the project and domain."""
        return f"{self.console.url}/api/v1/projects/{PROJECT}/domains/{DOMAIN}{path}"

    async def happen(self, run: RunKey, action: str, *happened: EventData) -> int:
        """Append these words on an action; the last one's sequence."""
        sequence = 0
        for one in happened:
            sequence = await self.bus.log.append(event(action_subject(run.action(action)), one))
        return sequence

    async def print(self, run: RunKey, action: str, text: str) -> None:
        """Have attempt 1 at an action print this."""
        key = f"{run}/{action}"
        offset, size = self._written.get(key, 0), len(text.encode())
        self._written[key] = offset + size
        segments = (LogSegment(stream="stdout", text=text),)
        chunk = LogWritten(attempt=1, offset=offset, size_bytes=size, segments=segments)
        await self.bus.log.append(event(log_subject(run.action(action)), chunk))

    async def get(self, address: str, status: int = 200, **headers: str) -> Any:
        """The JSON that an address below the project and domain answers with."""
        async with self.http.get(self.place(address), headers=headers) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def fill(self, artifacts: Artifacts) -> None:
        """Make the runs."""
        one = template(TASK.name)
        deployed = TaskDeployed(version=TASK.version, digest=one.digest(), template=one)
        await self.bus.log.append(event(task_subject(PROJECT, DOMAIN, TASK.name), deployed))
        report, large = await artifacts.put(REPORT, "report"), await artifacts.put(LARGE, "large")
        self.uri = large.uri
        inputs: dict[str, AnyLiteral] = {
            "small": InlineLiteral(value=[1, {"two": None}]),
            "large": ReferencedLiteral(uri=large.uri, sha256=large.sha256, size_bytes=large.size_bytes),
        }
        settings = RunSettings(labels={"team": "arms"})
        root = ActionRequested(task=TASK, inputs=inputs, requested_by="ann", settings=settings)
        child = ActionRequested(task=TASK, parent="a0", parent_attempt=1, group="squares")
        begun = (ActionQueued(attempt=1, pool="process"), AttemptStarted(attempt=1, worker="w"))
        reported = AttemptReported(
            attempt=1, uri=report.uri, sha256=report.sha256, size_bytes=report.size_bytes
        )
        await self.happen(DONE, "a0", root, *begun)
        await self.happen(DONE, "a1", child, *begun, reported)
        await self.print(DONE, "a1", "one\ntwo\nthr")
        await self.print(DONE, "a1", "ee\nrest")
        end = self._written[f"{DONE}/a1"]
        await self.happen(DONE, "a1", AttemptFailed(attempt=1, failure=CRASH, log_end=end))
        await self.happen(DONE, "a1", ActionFailed(failure=CRASH))
        await self.happen(DONE, "a0", AttemptFailed(attempt=1, failure=CRASH, log_end=0))
        await self.happen(DONE, "a0", ActionFailed(failure=CRASH))
        await self.happen(ALIVE, "a0", ActionRequested(task=TASK, requested_by="bob"), *begun)
        await self.bus.log.append(event(run_request(ASKED, "cy"), StartRun(task=TASK, requested_by="cy")))

    async def succeed(self, run: RunKey) -> int:
        """End a run's root."""
        return await self.happen(run, "a0", AttemptSucceeded(attempt=1, log_end=0))

    async def token(self) -> str:
        """A program's session that may look everywhere."""
        everywhere = OpenSession(project=ANY, domain=ANY, lasting=True)
        return (await self.bus.ask(OPEN_SESSION, everywhere)).secret


@asynccontextmanager
async def world_in(folder: Path, limits: ConsoleSettings) -> AsyncIterator[World]:
    """A world that is there within the block, its objects in `folder`; its browser is signed in."""
    server = MemoryServer()
    async with MemoryBus(server) as bus:
        await bus.provision()
        store = await dataproxy.build(bus, DataproxySettings(root=folder / "artifacts"))
        console = await build(bus, limits)
        async with registry(bus, folder):
            await store.start()
            await console.start()
            try:
                async with aiohttp.ClientSession() as http:
                    world = World(bus, server, console, http)
                    http.headers["Authorization"] = f"Bearer {await world.token()}"
                    await world.fill(Artifacts(bus.ask, PROJECT, DOMAIN))
                    yield world
            finally:
                await console.stop()
                await store.stop()
