"""One event loop in the background, so that blocking calls work anywhere, in a notebook too.

The client's connection lives on this loop. A blocking face runs its coroutine there and waits; `.aio` awaits
it from whichever loop the user is on.
"""

import sys
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    import asyncio

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_lock = threading.Lock()
_loop: "asyncio.AbstractEventLoop | None" = None


def background_loop() -> "asyncio.AbstractEventLoop":
    """The client's loop, started on first use in a daemon thread."""
    import asyncio

    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="flyte-client", daemon=True).start()
        return _loop


def block_on(work: Coroutine[Any, Any, R]) -> R:
    """Run `work` on the client's loop and wait for it; an interrupt cancels it.

    Raises RuntimeError on the client's own loop, where waiting would never end.
    """
    import asyncio

    loop = background_loop()
    if running_loop() is loop:
        work.close()
        raise RuntimeError("a blocking call inside the client's own event loop: use its .aio(...) form")
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def await_on(work: Coroutine[Any, Any, R]) -> R:
    """Run `work` on the client's loop and await it from this one."""
    import asyncio

    loop = background_loop()
    if running_loop() is loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


class Syncified(Generic[P, R]):
    """A coroutine function with a blocking face: `f(...)` waits, `await f.aio(...)` awaits."""

    def __init__(self, func: Callable[P, Coroutine[Any, Any, R]]) -> None:
        self._func = func
        self.__doc__ = func.__doc__
        self.__name__ = getattr(func, "__name__", "call")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return block_on(self._func(*args, **kwargs))

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, to be awaited."""
        return await await_on(self._func(*args, **kwargs))


class syncify(Generic[S, P, R]):
    """Makes an async method a `Syncified` of its object."""

    def __init__(self, func: Callable[Concatenate[S, P], Coroutine[Any, Any, R]]) -> None:
        self._func = func
        self.__doc__ = func.__doc__

    @overload
    def __get__(self, instance: None, owner: type[S]) -> "syncify[S, P, R]": ...

    @overload
    def __get__(self, instance: S, owner: type[S]) -> Syncified[P, R]: ...

    def __get__(self, instance: S | None, owner: type[S]) -> "Syncified[P, R] | syncify[S, P, R]":
        if instance is None:
            return self
        return Syncified(self._func.__get__(instance, owner))


def running_loop() -> "asyncio.AbstractEventLoop | None":
    """The event loop that runs in this thread; None when none does, as where nobody has loaded asyncio."""
    if "asyncio" not in sys.modules:
        return None
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
