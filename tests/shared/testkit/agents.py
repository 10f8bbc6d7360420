"""Real agents: processes that run a user's source, beside a real nats-server and dataproxy."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import orjson

from flyte._runtime.offload import offload, restore
from flyte._runtime.transfer import Artifacts
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_bus.process import is_alive
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import Event
from flyte_schemas.events import ActionQueued, ActionRequested, EventData, LogWritten, TaskDeployed
from flyte_schemas.literals import AnyLiteral, InlineLiteral
from flyte_schemas.orders import Commission, Order
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import ActionKey, RunKey, action_subject, log_subject, task_subject
from flyte_schemas.task import BundleReference, Policies, TaskReference
from testkit.cases.harness import GUARD_S, until
from testkit.events import event
from testkit.nats_server import NatsServer
from testkit.processes import below
from testkit.tasks import template

TASK = TaskReference(name="env.main", version="v1")
FILE = "my_example.py"

PREAMBLE = """\
import asyncio, ctypes, os, signal, subprocess, sys, time
from pathlib import Path
from typing import Any

import flyte

env = flyte.TaskEnvironment(name="env")

"""


def bundle_of(source: str) -> bytes:
    """A code bundle with one file."""
    out, data = io.BytesIO(), source.encode()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(FILE)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class AgentProcess:
    """One agent, which is not our child."""

    def __init__(self, pid: int, started: str) -> None:
        self.pid = pid
        self._started = started

    @property
    def is_alive(self) -> bool:
        return is_alive(self.pid, self._started)

    def send(self, number: signal.Signals) -> None:
        if self.is_alive:
            os.kill(self.pid, number)

    async def wait(self) -> None:
        """Return when it has ended."""
        await until(lambda: not self.is_alive)


class Zygote:
    """A real zygote, which forks real agents; their home is `home`."""

    def __init__(self, server: NatsServer, home: Path, *, spares: int = 2, **more: str) -> None:
        self.home = home
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FLYTE_")}
        variables = {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "FLYTE_NATS_URL": server.url,
            "FLYTE_NATS_USER": server.user,
            "FLYTE_NATS_PASSWORD": server.password,
            "FLYTE_HOME": str(home),
            "FLYTE_AGENT_SPARES": str(spares),
            **more,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flyte_agent", "zygote"],
            env=clean | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def ask(self, line: bytes) -> dict[str, Any]:
        """Its answer to one line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = orjson.loads(self._process.stdout.readline())
        return answer

    def fork(self, order: Order) -> AgentProcess:
        """An agent for this order."""
        answer = self.ask(Commission(order=order).model_dump_json().encode())
        return AgentProcess(answer["pid"], answer["started"])

    def descendants(self, count: int) -> list[int]:
        """The processes below it (spares and their runners), once there are so many."""
        deadline = time.monotonic() + GUARD_S
        while len(found := below(self._process.pid)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} processes came"
            time.sleep(0.01)
        return found

    def kill(self) -> None:
        """End it without a word."""
        with self._process as process:
            process.kill()

    def end(self) -> int:
        """Close its input and wait; its exit code."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            return process.wait()


class Agents:
    """Deploys sources, opens attempts, starts agents for them, and reads what became of them."""

    def __init__(self, bus: Bus, zygote: Zygote) -> None:
        self.bus = bus
        self.zygote = zygote
        self.artifacts = Artifacts(bus.ask, "project", "domain", patience_s=20.0)
        self._before = self._remains()
        self._processes: list[AgentProcess] = []

    async def open(
        self,
        source: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        env_vars: dict[str, str] | None = None,
        archive: bytes | None = None,
    ) -> Order:
        """Deploy `source` (or an archive of it) as `env.main`, ask for a run of it, and open attempt 1."""
        stored = await self.artifacts.put(archive or bundle_of(PREAMBLE + source), "bundle.tgz")
        deployed = template(
            TASK.name,
            policies=Policies(max_runtime_s=timeout_s),
            bundle=BundleReference(
                uri=stored.uri, sha256=stored.sha256, md5=stored.md5, size_bytes=stored.size_bytes
            ),
        )
        version = uuid4().hex
        data = TaskDeployed(version=version, digest=deployed.digest(), template=deployed)
        await self._append(task_subject("project", "domain", TASK.name), data)
        run = RunKey("project", "domain", f"run-{version[:12]}")
        literals: dict[str, AnyLiteral] = {
            name: InlineLiteral(value=value) for name, value in (inputs or {}).items()
        }
        requested = ActionRequested(
            task=TaskReference(name=TASK.name, version=version),
            inputs=await offload(literals, self.artifacts),
            env_vars=env_vars or {},
        )
        await self.say(run.action("a0"), requested)
        return await self.queue(run.action("a0"), 1)

    async def queue(self, key: ActionKey, attempt: int) -> Order:
        """Open an attempt."""
        fence = await self.say(key, ActionQueued(attempt=attempt, pool="process"))
        return Order(
            project=key.run.project,
            domain=key.run.domain,
            run=key.run.run,
            action=key.action,
            attempt=attempt,
            fence=fence,
        )

    def start(self, order: Order) -> AgentProcess:
        """Start an agent; `end` ends it."""
        process = self.zygote.fork(order)
        self._processes.append(process)
        return process

    async def run(self, order: Order) -> ActionState:
        """Start an agent and wait for its end; the state of its action then."""
        await self.start(order).wait()
        return await self.state(order)

    async def end(self) -> None:
        """End the agents that still run."""
        for process in self._processes:
            process.send(signal.SIGKILL)
            await process.wait()

    async def say(self, key: ActionKey, data: EventData) -> int:
        """Write on an action's subject, as the executor would."""
        return await self._append(action_subject(key), data)

    async def state(self, order: Order) -> ActionState:
        state, _ = await read_action(self.bus.log, order.key.action)
        return state

    async def until(self, order: Order, condition: Callable[[ActionState], bool]) -> ActionState:
        """The action's state, once it is so."""
        async with asyncio.timeout(GUARD_S):
            while not condition(state := await self.state(order)):
                await asyncio.sleep(0.01)
            return state

    async def until_printing(self, order: Order) -> None:
        """Return once something that the attempt printed is in the log."""
        async with asyncio.timeout(GUARD_S):
            while await self.bus.log.last(LOGS, log_subject(order.key.action)) is None:
                await asyncio.sleep(0.01)

    async def output(self, state: ActionState) -> object:
        """What the action returned."""
        assert state.outputs is not None
        return (await restore(state.outputs, self.artifacts))["o0"].value

    async def printed(self, order: Order, stream: Literal["stdout", "stderr"] = "stdout") -> str:
        """What the attempt printed; its chunks must follow each other up to the announced end."""
        offset, text = 0, []
        async for entry in self.bus.log.read(LOGS, log_subject(order.key.action)):
            assert isinstance(entry.content, Event)
            assert isinstance(entry.content.data, LogWritten)
            assert entry.content.data.offset == offset
            offset += entry.content.data.size_bytes
            text += [segment.text for segment in entry.content.data.segments if segment.stream == stream]
        assert (await self.state(order)).log_end == offset
        return "".join(text)

    def leftovers(self) -> set[str]:
        """What agents left in their folders since this was made, bundles apart."""
        return self._remains() - self._before

    def _remains(self) -> set[str]:
        """Records, and work folders, but those of processes that live: spares have one while they warm up."""
        home = self.zygote.home
        folders = [path for path in (home / "work").glob("*") if not _is_of_living(path)]
        return {str(path) for path in [*(home / "agents").glob("*"), *folders]}

    async def _append(self, subject: str, data: EventData) -> int:
        return await self.bus.log.append(event(subject, data, id=uuid4().hex))


def _is_of_living(folder: Path) -> bool:
    pid, started, _ = folder.name.split(".", 2)
    return is_alive(int(pid), started)
