"""The port of a backend: launch an attempt, see which are there, stop one."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import structlog
from pydantic import ValidationError

from flyte_bus.errors import BusError
from flyte_schemas.envelope import one_sentence
from flyte_schemas.events import ActionRequested, RunSettings
from flyte_schemas.failure import Failure
from flyte_schemas.orders import Order, Work
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import AttemptKey
from flyte_schemas.task import TaskTemplate

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """An attempt to start: who it is, the sequence that its agent must claim, and what its task needs.

    With `pool`, in a process of that pool that is used again; it may have as many as `most_workers`.
    `requested` is what was asked for, `settings` what was said of the run. `interruptible`: it may run on a
    machine that can be taken away. `traceparent`: the span of whoever asked, if that is traced.
    """

    attempt: AttemptKey
    fence: int
    template: TaskTemplate
    requested: ActionRequested | None = None
    pool: Pool | None = None
    most_workers: int = 1
    settings: RunSettings = field(default_factory=RunSettings)
    interruptible: bool = False
    traceparent: str | None = None

    @property
    def work(self) -> Work:
        """The same for a worker of its pool. Raises LaunchFailed."""
        # What a first attempt is about never changes; a later one may have a checkpoint to go on from.
        requested = self.requested if self.attempt.attempt == 1 else None
        return Work(order=order_for(self), requested=requested, traceparent=self.traceparent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A worker that is there no more, and what is known of its end."""

    attempt: AttemptKey
    worker: str
    reason: str
    failure: Failure | None = None
    """What its end means, where the place knows; else it is a loss of the platform's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An attempt that was launched and that nobody has yet: what it waits for; the last word counts."""

    attempt: AttemptKey
    message: str


OnGone = Callable[[Gone], Awaitable[bool]]
"""Says whether it was written down: only then may the place forget it."""
OnWaiting = Callable[[Waiting], Awaitable[None]]


class Backend(Protocol):
    """A place where attempts run. Launching and stopping are idempotent by the attempt's name."""

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        """Begin; returns the attempts of an earlier life that still run.

        `on_gone` hears of every end; `on_waiting` of what keeps attempts from beginning, where that is known.
        """
        ...

    async def launch(self, launch: Launch) -> None:
        """Start an agent for the attempt; nothing happens when one is there. Raises LaunchFailed."""
        ...

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        """End the attempt's process, politely first; nothing happens when it is not there."""
        ...

    async def close(self, *, stop_attempts: bool) -> None:
        """End the backend; with `stop_attempts` the attempts too, else they go on."""
        ...


@runtime_checkable
class TellsTrouble(Protocol):
    """A backend that depends on something which may be away, and is asked for it."""

    async def trouble(self) -> str:
        """Why nothing could be launched just now; the empty text when it could."""
        ...


def order_for(launch: Launch) -> Order:
    """What the attempt's agent is told. Raises LaunchFailed."""
    try:
        return Order.of(launch.attempt, launch.fence)
    except ValidationError as error:
        raise LaunchFailed(f"no agent could be told of {launch.attempt}: {one_sentence(error)}") from error


class LaunchFailed(Exception):
    """The place could not start the attempt. With `failure` that is what the attempt fails with."""

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


@contextmanager
def launching(attempt: AttemptKey) -> Iterator[None]:
    """A block in which whatever goes wrong is a LaunchFailed of this attempt: others have theirs."""
    try:
        yield
    except (LaunchFailed, BusError):
        raise
    except Exception as error:
        log.error("executor.launch.broken", attempt=str(attempt), exc_info=error)
        raise LaunchFailed(f"it cannot be launched, for a bug in flyte: {error!r}") from error
