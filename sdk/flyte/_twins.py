"""Functions that answer at once and yet have the `.aio` face that everything else has."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Twinned(Generic[P, R]):
    """A function with an async twin; unless it is given one, the twin gives what the function gives."""

    __name__: str

    def __init__(self, func: Callable[P, R], twin: Callable[P, Coroutine[Any, Any, R]] | None = None) -> None:
        self._func = func
        self._twin = twin
        functools.update_wrapper(self, func)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._func(*args, **kwargs)

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, to be awaited."""
        if self._twin is None:
            return self._func(*args, **kwargs)
        return await self._twin(*args, **kwargs)
