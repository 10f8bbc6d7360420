"""Values that leave this machine take their files, folders and tables to the artifact store.

A value is made into wire data twice when it points to something here: once to find out to what, and once,
when all of it is stored, with the places where it is. Between the two everything is sent at the same time,
and no event loop waits.
"""

import contextvars
from collections.abc import Callable, Hashable
from typing import TypeVar

ResultT = TypeVar("ResultT")

_current: "contextvars.ContextVar[Publishing | None]" = contextvars.ContextVar(
    "flyte_publishing", default=None
)


class Publishing:
    """What one set of values points to, and where that is for others."""

    def __init__(self) -> None:
        self._stored: dict[Hashable, str] = {}
        self._wanted: dict[Hashable, Callable[[], str]] = {}
        self._kept: list[Callable[[], str]] = []  # with what they store: things are known by their ids

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked for is stored."""
        return not self._wanted

    def place(self, thing: Hashable, store: Callable[[], str]) -> str | None:
        """Where it is for others. None when it is not stored yet: then `store` will be asked to do that."""
        if thing not in self._stored:
            self._wanted[thing] = store
            return None
        return self._stored[thing]

    def found(self, thing: Hashable) -> str | None:
        """Where it is for others, when it is stored."""
        return self._stored.get(thing)

    def made(self, make: Callable[[], ResultT]) -> ResultT:
        """What `make` gives; it asks `current()` for the places."""
        token = _current.set(self)
        try:
            return make()
        finally:
            _current.reset(token)

    def store(self) -> None:
        """Store what was asked for; blocks. Raises what the storing raises."""
        from flyte.io._threads import at_once

        wanted, self._wanted = dict(self._wanted), {}
        self._kept += wanted.values()
        places = at_once(lambda store: store(), wanted.values())
        self._stored.update(zip(wanted, places, strict=True))


def current() -> Publishing | None:
    """Whoever publishes what is made into wire data just now; None where values stay on this machine."""
    return _current.get()


def published(make: Callable[[], ResultT]) -> ResultT:
    """What `make` gives, with everything that it points to in the artifact store; blocks.

    Raises what `make` raises, FileNotFoundError for a file that is not there, RuntimeSystemError.
    """
    publishing = Publishing()
    result = publishing.made(make)
    if publishing.is_complete:
        return result
    publishing.store()
    return publishing.made(make)


def published_by_task(make: Callable[[], ResultT]) -> ResultT:
    """The same in a task on the stack; elsewhere what `make` gives, as values stay on this machine."""
    from flyte._runtime.context import ctx

    return published(make) if ctx().mode == "remote" else make()


async def published_aio(make: Callable[[], ResultT]) -> ResultT:
    """The same, to be awaited; `make` itself runs on the event loop."""
    from flyte.io._threads import aside

    publishing = Publishing()
    result = publishing.made(make)
    if publishing.is_complete:
        return result
    await aside(publishing.store)
    return publishing.made(make)
