"""The result of a sync task that was called on an event loop: started, and to be awaited.

Python cannot make one object both a value and an awaitable. So there is one rule: inside an async task,
await what you call. Using a pending result as if it were the value raises a TypeError that says so.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, NoReturn

_RULE = "inside an async task, write `await {name}(…)` (or `await {name}.aio(…)`)"

_TWO_SIDED = "add sub mul truediv floordiv mod pow matmul and or xor"
_ONE_SIDED = (
    "neg pos abs invert lt le gt ge len getitem setitem delitem contains iter bool int float complex index "
    "round str bytes format call enter exit"
)
_USES = [side + use for use in _TWO_SIDED.split() for side in ("", "r")] + _ONE_SIDED.split()


class Pending(Coroutine[Any, Any, Any]):
    """A child action on its way. It is a coroutine to asyncio: await, gather and create_task all take it."""

    __slots__ = ("_steps", "_work", "rule", "task")

    def __init__(self, task: str, work: Coroutine[Any, Any, Any]) -> None:
        self.task = task
        self.rule = _RULE.format(name=task.rpartition(".")[2])
        self._work = asyncio.get_running_loop().create_task(work, name=task)
        self._steps: Generator[Any, Any, Any] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()

    def send(self, value: Any) -> Any:
        return self._generator().send(value)

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> Any:
        given = value if isinstance(value, BaseException) else kind
        error: BaseException = given if isinstance(given, BaseException) else given()
        if isinstance(error, asyncio.CancelledError):
            self._work.cancel()
        return self._generator().throw(error)

    def close(self) -> None:
        self._work.cancel()
        if self._steps is not None:
            self._steps.close()

    def cancel(self) -> bool:
        """Give the child up, like `asyncio.Task.cancel`."""
        return self._work.cancel()

    def _generator(self) -> Generator[Any, Any, Any]:
        if self._steps is None:
            self._steps = self._work.__await__()
        return self._steps

    def __repr__(self) -> str:
        return f"<pending result of {self.task}>"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._refuse("compared")

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "cr_", "gi_")):  # asyncio and debuggers look for these
            raise AttributeError(name)
        self._refuse(f"asked for .{name}")

    def _refuse(self, use: str) -> NoReturn:
        raise TypeError(f"the result of {self.task} is {use} before it is there: {self.rule}")


def _refusal(use: str) -> Callable[..., NoReturn]:
    def refuse(self: Pending, *_: Any) -> NoReturn:
        self._refuse(f"used ({use})")

    return refuse


for _name in _USES:
    setattr(Pending, f"__{_name}__", _refusal(_name))
