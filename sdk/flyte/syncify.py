"""`syncify`: a coroutine function, or an async generator, that blocking code may call too.

`f(x)` waits, in a notebook too, and `await f.aio(x)` awaits; so do `for item in g(x)` and
`async for item in g.aio(x)`. All of them run on one event loop in the background, so a blocking call from
inside of one is refused (RuntimeError): call its `.aio` there.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar, overload

from flyte._streams import Streamed
from flyte._syncify import Syncified

__all__ = ["syncify"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Waiting(Generic[P, R]):
    """A coroutine function with a blocking face, also as a method."""

    def __init__(self, func: Any, bind: Callable[[Any, Any, Any], Any]) -> None:
        self._func = func
        self._bind = bind
        functools.update_wrapper(self, func)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = _faces(self._func)(*args, **kwargs)
        return result

    @property
    def aio(self) -> Callable[P, Coroutine[Any, Any, R]]:
        """The same, to be awaited."""
        face: Callable[P, Coroutine[Any, Any, R]] = _faces(self._func).aio
        return face

    def __get__(self, instance: Any, owner: Any) -> Any:
        return _faces(self._bind(self._func, instance, owner))


@overload
def syncify(func: Callable[P, Coroutine[Any, Any, R]]) -> Waiting[P, R]: ...


@overload
def syncify(func: Callable[P, AsyncIterator[T]]) -> "Streamed[P, T]": ...


@overload
def syncify(func: "classmethod[Any, Any, Any] | staticmethod[Any, Any]") -> Any: ...


def syncify(func: Any) -> Any:
    """Give a coroutine function or an async generator a blocking face; functions and methods of any kind.

    Raises TypeError for a function that is neither.
    """
    match func:
        case classmethod():
            plain, bind = func.__func__, _to_class
        case staticmethod():
            plain, bind = func.__func__, _to_nothing
        case _:
            plain, bind = func, _to_instance
    if not (inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)):
        name = getattr(plain, "__name__", repr(plain))
        raise TypeError(f"syncify takes `async def` functions, and {name} is none")
    return Waiting(plain, bind)


def _faces(func: Any) -> Any:
    return Streamed(func) if inspect.isasyncgenfunction(func) else Syncified(func)


def _to_instance(func: Any, instance: Any, owner: Any) -> Any:
    return func if instance is None else func.__get__(instance, owner)


def _to_class(func: Any, instance: Any, owner: Any) -> Any:
    return func.__get__(owner if owner is not None else type(instance))


def _to_nothing(func: Any, instance: Any, owner: Any) -> Any:
    return func
