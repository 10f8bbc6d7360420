"""Agents in reserve: forked, connected and warm before there is an order for them.

Most of what a new process costs is the first touch of each page of its memory, and the way to the bus. A
spare has paid for that while nobody waited. It lives as long as the zygote holds the other end of its socket,
and becomes the agent of the one attempt, or the worker of the one pool, that it is ordered for.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable

from flyte_agent.exercise import exercise_agent
from flyte_agent.process import Forked, exit_as, fork_runner
from flyte_agent.run_attempt import Connected, connected, live, serve
from flyte_agent.settings import AgentSettings, from_environment
from flyte_bus.process import is_alive, start_time
from flyte_schemas.orders import SPARE_CREDENTIALS, read_commission

END_S = 5.0
"""How long spares that nobody needs any more may take to end."""
LOOK_S = 0.01


class Spare:
    """An agent in reserve, as the zygote holds it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.started = start_time(pid)
        self._connection = connection

    @property
    def is_alive(self) -> bool:
        return is_alive(self.pid, self.started)

    def give(self, line: bytes) -> bool:
        """Make it the agent of this order; False when it is gone."""
        try:
            self._connection.sendall(line)
        except OSError:
            return False
        finally:
            self._connection.close()
        return True

    def let_go(self) -> None:
        """Close our end: it ends when nobody holds that any more."""
        self._connection.close()


class Reserve:
    """So many spares; `become_agent` makes a forked process one of its own."""

    def __init__(self, size: int, become_agent: Callable[[], None]) -> None:
        self._size = size
        self._become_agent = become_agent
        self._spares: list[Spare] = []

    def take(self, line: bytes) -> Spare | None:
        """The spare that has this order now; None when there is none left."""
        while self._spares:
            spare = self._spares.pop(0)  # the oldest is the readiest
            if spare.give(line):
                return spare
        return None

    def refill(self) -> None:
        """Fork what is missing; where that is not possible, agents are forked when they are needed."""
        with contextlib.suppress(OSError):
            while len(self._spares) < self._size:
                self._spares.append(self._fork())

    def let_go(self) -> None:
        """Of a process that was just forked: it has no spares."""
        for spare in self._spares:
            spare.let_go()

    def end(self) -> None:
        """Let the spares go, and return when they have ended."""
        self.let_go()
        deadline = time.monotonic() + END_S
        while any(spare.is_alive for spare in self._spares) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        for spare in self._spares:
            if spare.is_alive:
                os.kill(spare.pid, signal.SIGKILL)

    def _fork(self) -> Spare:
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            ours.close()
            self.let_go()
            self._become_agent()
            exit_as(lambda: _stand_by(theirs))
        theirs.close()
        return Spare(pid, ours)


def _stand_by(connection: socket.socket) -> int:
    settings = from_environment()
    forked = fork_runner(settings.task_niceness, connection, exercise=True)
    return live(_wait_and_serve(connection, forked, settings))


async def _wait_and_serve(connection: socket.socket, forked: Forked, settings: AgentSettings) -> None:
    """Get ready, wait for the order, serve it. Without one this process ends. Raises BusUnavailable."""
    reader, writer = await asyncio.open_connection(sock=connection)
    ordered = asyncio.create_task(reader.readline())
    ready = asyncio.create_task(_ready(settings))
    await asyncio.wait({ordered, ready}, return_when=asyncio.FIRST_COMPLETED)
    if not ordered.done():
        ready.result()  # raises when the bus stayed away: this spare is of no use
    line = await ordered
    if not line:
        os._exit(0)  # whatever is under way (a connection, say) is nobody's any more
    said = read_commission(line)
    if said.credentials:  # what it got ready by is good for nothing else
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        await serve(connected(settings, said.credentials), said.order, forked, settings)
    else:
        await serve(ready, said.order, forked, settings)
    writer.close()


async def _ready(settings: AgentSettings) -> Connected:
    """A connection, and everything exercised on it. Raises BusUnavailable.

    Where each order has credentials of its own, the connection is closed: a later one is quicker for it.
    """
    spare = os.environ.get(SPARE_CREDENTIALS, "")
    to = await connected(settings, spare, keeps_file=True)
    try:
        await exercise_agent(to.bus, settings)
        if spare:
            await to.bus.close()
    except BaseException:
        await to.bus.close()
        raise
    return to
