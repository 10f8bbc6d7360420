"""A shared inbox of requests, in which projects take turns (`turns`) instead of coming as they asked.

Requests are pulled ahead of their turn, so that one of a project that asks little is seen behind thousands of
another that asks for much. What is held here is told to the server as being in hand, and goes back at the
end. Beyond what is held ahead the order is the stream's, but for those that will be refused: to say so takes
longer than to ask, so more of them than a few are put off, and the server brings them again.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Self

from flyte_bus.errors import BusError
from flyte_bus.known_limits import KnownLimits
from flyte_bus.ports import Bus, Delivery, Inbox
from flyte_bus.turns import Ticket, Turns, most_waiting
from flyte_schemas.failure import Failure
from flyte_schemas.limits import Place, refused
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import parse_request

AHEAD = 20_000
"""How many requests are pulled ahead …"""
AHEAD_BYTES = 64 * 1024**2
"""… and how many bytes."""
IN_FLIGHT = 500_000
"""How many may be here or put off; behind so many nobody gets through."""
ACK_WAIT_S = 30.0
REFUSED_AT_ONCE = 8
REST = 7.0
"""How long nothing is refused after a bunch was, in times of what that took: others are served meanwhile."""
REFUSED_AHEAD = 1_000
"""How many that will be refused are held, while half the bytes are free; more are put off …"""
REFUSED_PER_S = 50.0
"""… for as long as it takes at this rate to come to them …"""
PUT_OFF_S = 5.0
"""… in whole multiples of this, so that the server has to look for them seldom …"""
LONGEST_PUT_OFF_S = 600.0
"""… and no longer than this: a limit may be lifted."""
A_MOMENT_S = 1e-6
"""No clock tells less from nothing."""
GIVE_BACK_S = 2.0
"""How long it may take at the end to give back what is held."""
FREE_VERBS = frozenset({"abort", "signal"})
"""Requests that no limit holds up: they change what runs already, mostly to less."""
NOWHERE = Place("", "")
"""The place of what is no request: it takes turns too."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A request whose turn it is, or, with `refused`, one that is not let in."""

    delivery: Delivery
    refused: Failure | None = None


class FairInbox:
    """Use it as a context manager, and iterate over it once.

    It gives one request at a time; those that are refused come together, so that to refuse a flood takes no
    longer than to make it. Without `limits` it follows those that are set by itself.
    """

    def __init__(
        self,
        bus: Bus,
        durable: str,
        subjects: Sequence[str],
        limits: KnownLimits | None = None,
        *,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self._bus = bus
        self._own_limits = KnownLimits(bus) if limits is None else None
        self._limits = known = limits or self._own_limits or KnownLimits(bus)
        self._ack_wait_s = ack_wait_s
        self._durable, self._subjects = durable, subjects
        self._turns: Turns[Delivery] = Turns(lambda place: known.of(place).requests_per_s)
        self._refused: deque[tuple[Delivery, Place]] = deque()
        self._was_refused = False
        self._refuses_at = 0.0
        self._put_off = 0
        self._held_bytes = 0
        self._moved = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._in_hand: list[Delivery] = []
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._not_let_in = bus.meter.counter(
            f"flyte_{durable}_requests_over_limit_total",
            "Requests that were refused since too many of their project wait.",
        ).child()
        bus.meter.number(
            f"flyte_{durable}_requests_waiting",
            "Requests that wait for their turn.",
            lambda: len(self._turns),
        )
        bus.meter.number(
            f"flyte_{durable}_projects_waiting",
            "Projects (each domain counts) of which a request waits for its turn.",
            lambda: len(self._turns.waiting()),
        )

    async def __aenter__(self) -> Self:
        if self._own_limits is not None:
            await self._own_limits.load()
        opening = self._bus.inbox(
            REQUESTS, self._durable, self._subjects, max_in_flight=IN_FLIGHT, ack_wait_s=self._ack_wait_s
        )
        inbox = await self._stack.enter_async_context(opening)
        loops = [self._pull(inbox), self._keep_in_hand()]
        if self._own_limits is not None:
            loops.append(self._own_limits.follow())
        self._tasks = [asyncio.create_task(loop, name="requests") for loop in loops]
        for task in self._tasks:
            task.add_done_callback(lambda _: self._moved.set())
        self._limits.listeners.append(self._moved.set)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._limits.listeners.remove(self._moved.set)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError, BusError):
            async with asyncio.timeout(GIVE_BACK_S):
                for delivery in self._held():
                    await delivery.nak()
        await self._stack.aclose()

    async def __aiter__(self) -> AsyncIterator[tuple[Turn, ...]]:
        now = asyncio.get_running_loop().time
        while True:
            begun = now()
            turns = self._next(begun)
            if not turns:
                await self._wait(self._due_in(begun))
                continue
            self._in_hand = [turn.delivery for turn in turns]
            self._held_bytes -= sum(delivery.size_bytes for delivery in self._in_hand)
            self._has_room.set()
            yield turns
            if any(turn.refused for turn in turns):
                self._refuses_at = now() + REST * (now() - begun)

    def _due_in(self, now: float) -> float | None:
        """When something may have its turn that has none now; None for not before something happens."""
        due = self._turns.due_in(now)
        if not self._refused:
            return due
        rests = self._refuses_at - now
        return rests if due is None else min(due, rests)

    def _next(self, now: float) -> tuple[Turn, ...]:
        """Those that have their turn and those that are refused, by turns."""
        rests = now < self._refuses_at - A_MOMENT_S
        if not self._refused or self._was_refused or rests:
            self._was_refused = False
            if (delivery := self._turns.next(now)) is not None:
                return (Turn(delivery),)
        if rests:
            return ()
        self._was_refused = bool(self._refused)
        bunch = [self._refused.popleft() for _ in range(min(len(self._refused), REFUSED_AT_ONCE))]
        return tuple(Turn(delivery, self._failure(place)) for delivery, place in bunch)

    def _failure(self, place: Place) -> Failure | None:
        """Why one more of it may not even wait; None: its limit was lifted meanwhile."""
        per_s = self._limits.of(place).requests_per_s
        return refused(place, per_s, most_waiting(per_s)) if per_s else None

    async def _wait(self, seconds: float | None) -> None:
        self._moved.clear()
        for task in self._tasks:
            if task.done():
                task.result()  # raises what it died of
                raise BusError("the inbox of requests has ended")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    async def _pull(self, inbox: Inbox) -> None:
        async for delivery in inbox:
            if delivery.deliveries > 1 and self._put_off:
                self._put_off -= 1
            await self._take(delivery)
            await asyncio.sleep(0)  # hundreds may have come at once, and others have work too
            if self._held_bytes > AHEAD_BYTES or len(self._turns) > AHEAD:
                self._has_room.clear()
                await self._has_room.wait()

    async def _take(self, delivery: Delivery) -> None:
        request = parse_request(delivery.subject)
        place = NOWHERE if request is None else Place(request.project, request.domain)
        name, verb = ("", "") if request is None else (request.name, request.verb)
        if self._turns.put(Ticket(place, name, delivery, verb in FREE_VERBS)):
            pass
        elif len(self._refused) < REFUSED_AHEAD and self._held_bytes < AHEAD_BYTES // 2:
            self._not_let_in.add()
            self._refused.append((delivery, place))
        else:
            return await self._not_yet(delivery)
        self._held_bytes += delivery.size_bytes
        self._moved.set()
        return None

    async def _not_yet(self, delivery: Delivery) -> None:
        """Have the server bring it again when those before it may have been refused."""
        self._put_off += 1
        now = asyncio.get_running_loop().time()
        due = now + min(self._put_off / REFUSED_PER_S, LONGEST_PUT_OFF_S)
        await delivery.nak(math.ceil(due / PUT_OFF_S) * PUT_OFF_S - now)

    async def _keep_in_hand(self) -> None:
        """Tell the server now and then that what waits here is not lost."""
        while True:
            await asyncio.sleep(self._ack_wait_s / 3)
            for delivery in self._held():
                await delivery.working()
                await asyncio.sleep(0)

    def _held(self) -> tuple[Delivery, ...]:
        in_hand = (one for one in self._in_hand if not one.is_settled)
        return (*in_hand, *self._turns, *(delivery for delivery, _ in self._refused))
