"""Async generators with a blocking face.

`for item in f(...)` works anywhere, in a notebook too; `async for item in f.aio(...)` is the same, awaited.
The generator itself runs on the client's loop (see `_syncify`).
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from flyte._syncify import await_on, block_on

if TYPE_CHECKING:
    import asyncio

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")

_END: Any = object()
AHEAD = 256
"""How many items of a `Stream` are read ahead."""


class Streamed(Generic[P, T]):
    """An async generator function with a blocking face."""

    def __init__(self, func: Callable[P, AsyncGenerator[T]]) -> None:
        self._func = func
        self.__doc__ = func.__doc__
        self.__name__ = getattr(func, "__name__", "stream")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Generator[T]:
        return _blocking(self._func(*args, **kwargs))

    def aio(self, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T]:
        """The same, for `async for`."""
        return _awaited(self._func(*args, **kwargs))


class Stream(Generic[T]):
    """Items that come, for `for` and for `async for` alike; each loop over it begins anew.

    What has come is taken over from the client's loop by the bunch: a turn for each would be half the price.
    """

    def __init__(self, begin: Callable[[], AsyncGenerator[T]]) -> None:
        self._begin = begin

    def __iter__(self) -> Generator[T]:
        ahead = _Ahead(self._begin())
        try:
            while bunch := block_on(ahead.bunch()):
                yield from bunch
        finally:
            block_on(ahead.close())

    async def __aiter__(self) -> AsyncGenerator[T]:
        ahead = _Ahead(self._begin())
        try:
            while bunch := await await_on(ahead.bunch()):
                for item in bunch:
                    yield item
        finally:
            await await_on(ahead.close())


class _Ahead(Generic[T]):
    """Reads a generator a little ahead, on the client's loop."""

    def __init__(self, stream: AsyncGenerator[T]) -> None:
        self._stream = stream
        self._items: deque[T] = deque()
        self._pump: asyncio.Future[None] | None = None
        self._moved: asyncio.Event | None = None

    async def bunch(self) -> list[T]:
        """What has come, at least one; empty at the end. Raises what the generator raised, after that."""
        import asyncio

        if self._pump is None:
            self._moved = moved = asyncio.Event()
            self._pump = asyncio.ensure_future(self._fill(moved))
            self._pump.add_done_callback(lambda _: moved.set())
        assert self._moved is not None
        while not self._items:
            if self._pump.done():
                self._pump.result()
                return []
            self._moved.clear()
            await self._moved.wait()
        bunch = [*self._items]
        self._items.clear()
        self._moved.set()
        return bunch

    async def _fill(self, moved: "asyncio.Event") -> None:
        async for item in self._stream:
            self._items.append(item)
            moved.set()
            while len(self._items) >= AHEAD:
                moved.clear()
                await moved.wait()

    async def close(self) -> None:
        """End the generator."""
        import asyncio

        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        await self._stream.aclose()


class Streams(Generic[P, T]):
    """An async generator function whose call is a `Stream`."""

    def __init__(self, func: Callable[P, AsyncGenerator[T]]) -> None:
        self._func = func
        self.__doc__ = func.__doc__
        self.__name__ = getattr(func, "__name__", "stream")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Stream[T]:
        return Stream(partial(self._func, *args, **kwargs))

    def aio(self, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T]:
        """The same, for `async for` only."""
        return _awaited(self._func(*args, **kwargs))


class streamed(Generic[S, P, T]):
    """Makes an async generator method a `Streamed` of its object."""

    def __init__(self, func: Callable[Concatenate[S, P], AsyncGenerator[T]]) -> None:
        self._func = func
        self.__doc__ = func.__doc__

    def __get__(self, instance: S, owner: type[S]) -> Streamed[P, T]:
        return Streamed(self._func.__get__(instance, owner))


def _blocking(stream: AsyncGenerator[T]) -> Generator[T]:
    try:
        while (item := block_on(_next(stream))) is not _END:
            yield item
    finally:
        block_on(_close(stream))


async def _awaited(stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    try:
        while (item := await await_on(_next(stream))) is not _END:
            yield item
    finally:
        await await_on(_close(stream))


async def _next(stream: AsyncGenerator[T]) -> T:
    return await anext(stream, _END)


async def _close(stream: AsyncGenerator[Any]) -> None:
    await stream.aclose()
