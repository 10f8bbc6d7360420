"""A process that runs several attempts at a time, as the agent holds it: a lane of the socket for each.

An attempt has its lane as it would have a process. To end one is to cancel it there; only when it does not
end by that the process has to go, and with it the others, which are not to blame.
"""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from flyte._runtime.messages import (
    MAX_FRAME_BYTES,
    Cancel,
    Exiting,
    Message,
    Printed,
    Raised,
    Returned,
    Start,
    Together,
    in_lane,
    pack,
    unpack,
)
from flyte_agent.endings import failure_of_status, neighbour_ended
from flyte_agent.lane_output import LaneOutput
from flyte_agent.memory import MemoryUse
from flyte_agent.output import Ship
from flyte_agent.process import Forked, RunnerProcess
from flyte_schemas.failure import Failure

LANE_MESSAGES = 64
"""How much of one lane may wait for its attempt before nothing more is read: then the process waits."""
NEIGHBOURS_GRACE_S = 1.0
"""How long the others may take to clean up when their process has to go because of one of them."""


class SharedRunner(RunnerProcess):
    """A process with lanes. Those of them that are open run, or are about to."""

    is_reused = True

    def __init__(self, forked: Forked) -> None:
        super().__init__(forked)
        self.served = 0
        self._lanes: dict[int, Lane] = {}
        self._last = 0
        self._reading: asyncio.Task[None] | None = None
        self._blamed: frozenset[int] | None = None
        self._is_ending = False

    async def open(self) -> None:
        if self._reading is None:
            await super().open()
            await super().send(Together())
            self._reading = asyncio.create_task(self._read())

    @property
    def stays(self) -> bool:
        return not self._is_ending and not self._has_exited

    @property
    def is_ending(self) -> bool:
        """Whether all of it is being ended: nobody's exception counts any more."""
        return self._is_ending

    def new_lane(self) -> "Lane":
        """One more lane: nothing of an earlier attempt can come by it."""
        self._last += 1
        lane = self._lanes[self._last] = Lane(self, self._last)
        return lane

    def leave(self, lane: "Lane") -> None:
        """Nobody listens to this lane any more."""
        self._lanes.pop(lane.number, None)
        self.hand_pipes_over()

    def hand_pipes_over(self) -> None:
        """The pipes are read for the attempt that runs longest."""
        outputs = [lane.printed for lane in self._lanes.values() if lane.printed and lane.is_busy]
        open_ones = [output for output in outputs if not output.is_closed]
        if open_ones and not any(output.has_pipes for output in open_ones):
            open_ones[0].follow(self._pipes)

    async def send_in(self, lane: int, message: Message) -> None:
        """Tell the lane something; quiet when the process is gone."""
        if isinstance(message, Start):
            message = self._shortened(message)
        with contextlib.suppress(ConnectionError):
            self._writer.write(in_lane(lane, pack(message)))
            await self._writer.drain()

    def blame(self, lane: "Lane | None") -> None:
        """This lane ends the process; None: we do, because of one that did not end."""
        if self._blamed is None:
            self._blamed = frozenset() if lane is None else frozenset({lane.number})

    def is_blamed(self, lane: "Lane") -> bool:
        """Whether the process ended for a reason that lies in this lane for certain."""
        if self._blamed is None:
            busy = frozenset(number for number, one in self._lanes.items() if one.has_to_end)
            self._blamed = busy if len(busy) == 1 else frozenset()
        return lane.number in self._blamed

    async def end(self, grace_s: float) -> int:
        """End the process, whatever its lanes do."""
        self._is_ending = True
        return await super().end(grace_s)

    async def dismiss(self, grace_s: float) -> None:
        """End the process, politely when it does nothing."""
        await self.close()
        if self.stays:
            await self.left(grace_s)
        await self.end(grace_s)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        """Hand out what comes, until the socket closes; then each lane hears that nothing more will."""
        try:
            while True:
                head = await self._reader.readexactly(8)
                size, number = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
                lane = self._lanes.get(number)
                if size > MAX_FRAME_BYTES:
                    self.blame(lane)
                    self._is_ending = True
                    self._signal(signal.SIGKILL)  # what follows cannot be told apart
                    if lane is not None:
                        error = ValueError(f"it has {size} bytes; the limit is {MAX_FRAME_BYTES}")
                        await lane.hear(NotUnderstood(error))
                    return
                body = await self._reader.readexactly(size)
                if lane is not None:
                    await lane.hear(_understood(body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for lane in tuple(self._lanes.values()):
                lane.hear_no_more()


class Lane:
    """One attempt's part of a process; to the attempt it is like a process."""

    is_reused = True

    def __init__(self, shared: SharedRunner, number: int) -> None:
        self._shared = shared
        self.number = number
        self.printed: LaneOutput | None = None
        self.is_busy = False
        """Whether it was told to start and has not said its last word."""
        self._heard: deque[Message | NotUnderstood] = deque()
        self._has_more = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_silent = False
        self._is_closed = False

    @property
    def lane(self) -> int:
        return self.number

    @property
    def stays(self) -> bool:
        return not self.is_busy and self._shared.stays

    @property
    def has_served(self) -> bool:
        return self._shared.served > 0

    @property
    def exit(self) -> "asyncio.Task[int]":
        return self._shared.exit

    async def open(self) -> None:
        await self._shared.open()

    def output(self, attempt: int, ship: Ship) -> LaneOutput:
        self.printed = LaneOutput(attempt, ship)
        return self.printed

    async def send(self, message: Message) -> None:
        if isinstance(message, Start):
            self.is_busy = True
            self._shared.hand_pipes_over()
        await self._shared.send_in(self.number, message)

    async def messages(self) -> AsyncGenerator[Message]:
        while (message := await self._next()) is not None:
            yield message

    async def left(self, patience_s: float) -> None:
        """It told all that it printed before its last word: there is nothing to wait for."""

    def failure(self) -> Failure:
        if self._shared.is_blamed(self):
            return failure_of_status(self.exit.result(), self.memory())
        return neighbour_ended()

    def memory(self) -> MemoryUse:
        return self._shared.memory()

    async def end(self, grace_s: float) -> int:
        """End the attempt: by cancelling it, else with the process; nothing happens when it is over."""
        if not self.is_busy:
            return 0
        if self.printed is not None:
            self.printed.hurry()  # its last word comes behind what it printed
        if grace_s > 0 and self._shared.stays:
            await self.send(Cancel())
            with contextlib.suppress(TimeoutError, ValueError):
                async with asyncio.timeout(grace_s):
                    while await self._next() is not None:
                        pass
        if not self.is_busy:
            return 0
        self._shared.blame(None)
        return await self._shared.end(min(grace_s, NEIGHBOURS_GRACE_S))

    async def close(self) -> None:
        """Listen no more. The process stays as it is."""
        self._is_closed = True
        self._has_room.set()
        if self.printed is not None and not self.printed.is_closed:
            self.printed.close()
        self._shared.leave(self)

    async def hear(self, message: "Message | NotUnderstood") -> None:
        """Take what comes by this lane; returns when there is room for it."""
        if isinstance(message, Exiting):
            self._shared.blame(self)
            return
        while len(self._heard) >= LANE_MESSAGES and not self._is_closed:
            self._has_room.clear()
            await self._has_room.wait()
        self._heard.append(message)
        self._has_more.set()

    def hear_no_more(self) -> None:
        """The process says nothing any more."""
        self._is_silent = True
        self._has_more.set()

    @property
    def has_to_end(self) -> bool:
        """Whether it runs, and its last word has not come yet."""
        return self.is_busy and not any(map(_is_last, self._heard))

    async def _next(self) -> Message | None:
        """What it says next but for what it prints; None when that was all. Raises ValueError."""
        while self.is_busy:
            message = await self._take()
            if isinstance(message, Printed):
                if self.printed is not None:
                    await self.printed.hear(message)
                continue
            if isinstance(message, Raised) and self._shared.is_ending:
                continue  # it was ended with the process
            if message is not None and _is_last(message):
                self.is_busy = False
                self._shared.served += 1
            if isinstance(message, NotUnderstood):
                raise message.error
            return message
        return None

    async def _take(self) -> "Message | NotUnderstood | None":
        while not self._heard:
            if self._is_silent:
                return None
            self._has_more.clear()
            await self._has_more.wait()
        self._has_room.set()
        return self._heard.popleft()


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """What came and cannot be read; whether it was meant to be the last word."""

    error: ValueError
    is_last: bool = False


_LAST_WORDS = tuple(b'{"kind":"%s"' % kind for kind in (b"returned", b"raised"))


def _understood(body: bytes) -> Message | NotUnderstood:
    try:
        return unpack(body)
    except ValueError as error:  # pydantic's
        return NotUnderstood(error, body.startswith(_LAST_WORDS))


def _is_last(message: Message | NotUnderstood) -> bool:
    return message.is_last if isinstance(message, NotUnderstood) else isinstance(message, Returned | Raised)
