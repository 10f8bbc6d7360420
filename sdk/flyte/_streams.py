"""Async generators with a blocking face.

`for item in f(...)` works anywhere, in a notebook too; `async for item in f.aio(...)` is the same, awaited.
The generator itself runs on the client's loop (see `_syncify`).
"""

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from flyte._syncify import await_on, block_on

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")

_END: Any = object()


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
    """Items that come, for `for` and for `async for` alike; each loop over it begins anew."""

    def __init__(self, begin: Callable[[], AsyncGenerator[T]]) -> None:
        self._begin = begin

    def __iter__(self) -> Generator[T]:
        return _blocking(self._begin())

    def __aiter__(self) -> AsyncGenerator[T]:
        return _awaited(self._begin())


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
