"""An attempt on the bus in memory, with a user's process that the test plays."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from flyte._runtime.channel import Channel
from flyte._runtime.messages import Message, Start, pack
from flyte_agent.attempt import Attempt
from flyte_agent.code_folder import CodeFolder
from flyte_agent.known import Known
from flyte_agent.output import Stream
from flyte_agent.process import Forked, RunnerProcess
from flyte_agent.settings import AgentSettings
from flyte_bus.history import read_action
from flyte_bus.process import is_alive
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import Event
from flyte_schemas.events import LogWritten, TaskDeployed
from flyte_schemas.policies import SecretReference
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import log_subject, task_subject
from flyte_schemas.task import Policies
from testkit.cases.harness import GUARD_S
from testkit.open_attempt import RUN, TASK, OpenAttempt
from testkit.tasks import event, template

KEY = RUN.action("a0")


class Played:
    """An attempt whose runner is a process that sleeps; the test holds the runner's ends."""

    def __init__(self, around: OpenAttempt, home: Path, pid: int) -> None:
        ours, theirs = socket.socketpair()
        (out, self.out), (err, self.err) = os.pipe(), os.pipe()
        self.pid = pid
        self.socket = theirs
        self.around = around
        settings = AgentSettings(home=home, exit_grace_s=0.1, drain_s=0.05, leftover_s=0.2, grace_s=0.1)
        pipes: dict[Stream, int] = {"stdout": out, "stderr": err}
        runner = RunnerProcess(Forked(pid=pid, connection=ours, pipes=pipes))
        self.code = home / "code"
        self.code.mkdir()
        self.folder = CodeFolder(self.code, settings)
        self.attempt = Attempt(
            around.bus,
            around.order,
            runner,
            folder=self.folder,
            known=Known(around.bus.log),
            settings=settings,
            pid=pid,
        )
        self.running: asyncio.Task[None] | None = None

    async def begin(self) -> Start:
        """Run it up to the order to the runner."""
        self.running = asyncio.create_task(self.attempt.run())
        start = await asyncio.to_thread(Channel(self.socket).receive)
        assert isinstance(start, Start)
        return start

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.socket.sendall(pack(message))

    async def ends(self) -> ActionState:
        """Its action's state, once it has ended; raises what it died of."""
        assert self.running is not None
        async with asyncio.timeout(GUARD_S):
            await self.running
        state, _ = await read_action(self.around.bus.log, KEY)
        return state

    async def printed(self) -> str:
        entries = [entry async for entry in self.around.bus.log.read(LOGS, log_subject(KEY))]
        contents = [entry.content.data for entry in entries if isinstance(entry.content, Event)]
        chunks = [data for data in contents if isinstance(data, LogWritten)]
        return "".join(segment.text for chunk in chunks for segment in chunk.segments)

    async def close(self) -> None:
        for descriptor in (self.out, self.err):
            os.close(descriptor)
        self.socket.close()
        if is_alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        if self.running is not None:
            await asyncio.gather(self.running, return_exceptions=True)


async def deploy(around: OpenAttempt, secrets: Sequence[SecretReference] = (), **policies: float) -> None:
    """Have the task in the log that the attempt is of."""
    deployed = template(TASK.name, policies=Policies.model_validate(policies), secrets=tuple(secrets))
    data = TaskDeployed(version=TASK.version, digest=deployed.digest(), template=deployed)
    await around.bus.log.append(event(task_subject("project", "domain", TASK.name), data))
