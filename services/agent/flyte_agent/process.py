"""The user's process, as the agent holds it: forked early, spoken to over a socket, ended for certain.

It is forked before the agent has an event loop or threads, waits for its `Start`, and dies with the agent.
"""

import asyncio
import atexit
import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn, Protocol

from flyte._runtime.memory import peak_bytes, read_limits
from flyte._runtime.messages import MAX_FRAME_BYTES, Message, Raised, Returned, Start, pack, unpack
from flyte_agent.credentials import forget
from flyte_agent.endings import failure_of_status
from flyte_agent.memory import MemoryUse
from flyte_agent.output import OutputPump, Ship, Stream
from flyte_schemas.failure import Failure
from flyte_schemas.task import TaskTemplate

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "200"
"""Of agent and runner the kernel takes the runner when memory runs out: somebody is left to tell."""
CRASHED = 71
"""The exit code of a runner that failed in our own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A runner that waits for its `Start`."""

    pid: int
    connection: socket.socket
    pipes: dict[Stream, int]


def fork_runner(niceness: int, apart_from: socket.socket | None = None, *, exercise: bool = False) -> Forked:
    """Fork the user's process. Call it before there is an event loop or a thread.

    `niceness` is how far it gives way: a task that computes is to hold up neither its agent's lease nor the
    services of the machine. `apart_from` is a socket of the agent's that the user's process has no part in.
    With `exercise` that process warms up while it waits.
    """
    ours, theirs = socket.socketpair()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    agent = os.getpid()
    pid = os.fork()
    if pid == 0:
        for descriptor in (out_read, err_read):
            os.close(descriptor)
        ours.close()
        if apart_from is not None:
            apart_from.close()
        exit_as(lambda: _become_runner(theirs, out_write, err_write, agent, niceness, exercise=exercise))
    for descriptor in (out_write, err_write):
        os.close(descriptor)
    theirs.close()
    with contextlib.suppress(OSError):  # both sides do it, so that neither finds it undone
        os.setpgid(pid, pid)
    return Forked(pid=pid, connection=ours, pipes={"stdout": out_read, "stderr": err_read})


def _become_runner(
    connection: socket.socket, out: int, err: int, agent: int, niceness: int, *, exercise: bool
) -> int:
    os.setpgid(0, 0)
    os.nice(niceness)
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: the closed socket ends it instead
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != agent:
        return 0
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write(_OOM_SCORE)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
        os.close(source)
    from flyte._runtime import runner

    forget()
    if exercise:
        from flyte._runtime.exercise import exercise_runner

        exercise_runner()
    return runner.main(connection)


def exit_as(body: Callable[[], int]) -> NoReturn:
    """Run `body` and end this forked process with its exit code, as an interpreter would end; no return."""
    code = CRASHED
    try:
        code = body()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]  # waits for the user's threads
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        os._exit(code)


class Runner(Protocol):
    """What runs an attempt, as the attempt sees it: a process, or its part of one.

    `lane` is 0 where it has a process for itself. `exit` is the end of the process, not to be cancelled.
    """

    @property
    def lane(self) -> int: ...

    @property
    def is_reused(self) -> bool:
        """Whether the process serves one attempt after the other."""
        ...

    @property
    def stays(self) -> bool:
        """Whether the process serves another attempt after this one."""
        ...

    @property
    def has_served(self) -> bool:
        """Whether it has served one before: what it needs is loaded."""
        ...

    @property
    def exit(self) -> "asyncio.Task[int]": ...

    async def open(self) -> None:
        """Attach to the event loop, once."""
        ...

    def output(self, attempt: int, ship: Ship) -> OutputPump:
        """What ships the output of this attempt."""
        ...

    async def send(self, message: Message) -> None:
        """Tell the runner something; quiet when it is gone, which its exit will tell."""
        ...

    def messages(self) -> AsyncGenerator[Message]:
        """What the runner says, until nothing more can come. Raises ValueError for what is no message."""
        ...

    async def left(self, patience_s: float) -> None:
        """Wait until the process is done with the attempt, after its last word."""
        ...

    def failure(self) -> Failure:
        """What the end of the process means, once it has ended without a last word."""
        ...

    async def end(self, grace_s: float) -> int:
        """End the attempt if it is not over, with a chance to clean up unless `grace_s` is 0."""
        ...

    async def close(self) -> None:
        """Let go of it, after that."""
        ...


class RunnerProcess:
    """A forked runner within the agent's event loop."""

    is_reused = False
    lane = 0

    def __init__(self, forked: Forked) -> None:
        self.pid = forked.pid
        self._connection = forked.connection
        self._pipes = forked.pipes
        self._exit: asyncio.Task[int] | None = None
        self._template: TaskTemplate | None = None
        self._peak_bytes = 0
        self._limits_before = read_limits()

    async def open(self) -> None:
        """Attach to the event loop, once."""
        if self._exit is not None:
            return
        self._reader, self._writer = await asyncio.open_connection(sock=self._connection)
        self._exit = asyncio.create_task(asyncio.to_thread(self._wait_for_exit))

    def output(self, attempt: int, ship: Ship) -> OutputPump:
        """What ships the output of one attempt: it comes by the pipes."""
        return OutputPump(attempt, self._pipes, ship, keeps_pipes=self.is_reused)

    async def send(self, message: Message) -> None:
        """Tell the runner something; quiet when it is gone, which its exit will tell."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(pack(message))
            await self._writer.drain()

    async def messages(self) -> AsyncGenerator[Message]:
        """What the runner says, until its socket closes. Raises ValueError for what is no message."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await self._reader.readexactly(4), "big")
                if size > MAX_FRAME_BYTES:
                    raise ValueError(f"it has {size} bytes; the limit is {MAX_FRAME_BYTES}")
                yield unpack(await self._reader.readexactly(size))

    @property
    def stays(self) -> bool:
        """Whether the process serves another attempt after this one."""
        return False

    @property
    def has_served(self) -> bool:
        """Whether it has served one before: what it needs is loaded."""
        return False

    async def left(self, patience_s: float) -> None:
        """Wait until the process is done with the attempt, after its last word."""
        assert self._exit is not None
        await asyncio.wait({self._exit}, timeout=patience_s)

    @property
    def exit(self) -> "asyncio.Task[int]":
        """The end of the process; its wait status. Not to be cancelled."""
        assert self._exit is not None
        return self._exit

    async def exited(self) -> int:
        """Wait for the end of the process; its wait status."""
        return await asyncio.shield(self.exit)

    def failure(self) -> Failure:
        """What its end means, once it has ended without a last word."""
        return failure_of_status(self.exit.result(), self.memory())

    def memory(self) -> MemoryUse:
        """What memory had to do with its end, once it has ended."""
        before, now = self._limits_before, read_limits()
        return MemoryUse.between(before, now, peak_bytes=self._peak_bytes)

    async def end(self, grace_s: float) -> int:
        """SIGTERM to the process and what it started, SIGKILL after `grace_s`; the wait status."""
        assert self._exit is not None
        if not self._exit.done():
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # one that is paused hears of it only when it goes on
            await asyncio.wait({self._exit}, timeout=grace_s)
        self._signal(signal.SIGKILL)
        return await self.exited()

    async def close(self) -> None:
        """Let go of the socket, after the process has ended."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def _shortened(self, start: Start) -> Message:
        """The order without its task, where that is the last one's: a process that is reused has it."""
        known, self._template = self._template, start.template
        return start.again() if known is start.template else start

    @property
    def _has_exited(self) -> bool:
        return self._exit is not None and self._exit.done()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _wait_for_exit(self) -> int:
        _, status, usage = os.wait4(self.pid, 0)
        self._peak_bytes = peak_bytes(usage)
        return status


class ReusedRunner(RunnerProcess):
    """A runner that serves one attempt after the other, for as long as each ends with a last word."""

    is_reused = True

    def __init__(self, forked: Forked) -> None:
        super().__init__(forked)
        self._is_busy = False
        self._served = 0

    @property
    def has_served(self) -> bool:
        return self._served > 0

    @property
    def stays(self) -> bool:
        return not self._is_busy and not self._has_exited

    async def send(self, message: Message) -> None:
        if isinstance(message, Start):
            self._is_busy = True
            message = self._shortened(message)
        await super().send(message)

    async def messages(self) -> AsyncGenerator[Message]:
        async with aclosing(super().messages()) as messages:
            async for message in messages:
                if isinstance(message, Returned | Raised):
                    self._is_busy = False
                    self._served += 1
                yield message

    async def left(self, patience_s: float) -> None:
        """It flushed its output before its last word: there is nothing to wait for."""

    async def end(self, grace_s: float) -> int:
        """End the process in the middle of an attempt; nothing happens when it has none."""
        return 0 if self.stays else await super().end(grace_s)

    async def close(self) -> None:
        """The socket stays open for the next attempt."""

    async def dismiss(self, grace_s: float) -> None:
        """End the process, whatever it does; politely when it does nothing."""
        await super().close()
        if self.stays:
            await super().left(grace_s)
        await super().end(grace_s)
