"""The result of a sync task that was called on an event loop: a child under way, and the value it gives.

Python cannot know at the call whether `f(x)` will be awaited or used, so the result is both. `await`,
`gather` and `create_task` take it as a coroutine. Every other use (an attribute, an index, arithmetic, a
comparison, iteration, `str`, `isinstance`, `json.dumps`) waits for the child, holding up the event loop as
a sync call does, and is done to the value. The child never needs that loop, so the wait always ends.

Left over is what looks at the object itself: `is None`, `type(…)`, and C code that takes only the exact
type (`",".join([f(x)])`, orjson, pydantic): there, `await` it first.
"""

import importlib
import json
import logging
import math
import operator
import os
import sys
from collections.abc import Callable, Coroutine, Generator
from copy import deepcopy
from types import FrameType
from typing import Any

from flyte._runtime.child import Child, children_to_settle

_MACHINERY = frozenset(("asyncio", "concurrent", "inspect", "traceback", "anyio", "uvloop"))
"""Modules that look at an awaitable without meaning its value."""
_ABSTRACT = frozenset(("abc", "_py_abc", "collections.abc", "_collections_abc"))
_CONTAINERS = frozenset((list, tuple, set, frozenset, dict))
_UNSET: Any = object()


class Pending(Coroutine[Any, Any, Any]):
    """A child under way that stands for its value. Its own attributes begin with `_flyte_`."""

    __slots__ = ("__weakref__", "_flyte_child", "_flyte_steps", "_flyte_task", "_flyte_value")

    def __init__(self, task: str, child: Child) -> None:
        _make_known()
        own = object.__setattr__
        own(self, "_flyte_task", task)
        own(self, "_flyte_child", child)
        own(self, "_flyte_value", _UNSET)
        own(self, "_flyte_steps", None)
        children_to_settle().setdefault(child)

    def _flyte_get(self) -> Any:
        """The value; waits for it. Raises what the child's failure is to its parent."""
        if self._flyte_value is _UNSET:
            self._flyte_seen()
            object.__setattr__(self, "_flyte_value", self._flyte_child.result())
        return self._flyte_value

    async def _flyte_wait(self) -> Any:
        if self._flyte_value is _UNSET:
            object.__setattr__(self, "_flyte_value", await self._flyte_child.wait())
        return self._flyte_value

    def _flyte_seen(self) -> None:
        """Somebody takes the result, or gives it up: the parent's end need not wait for it."""
        children_to_settle().pop(self._flyte_child, None)

    def __await__(self) -> Generator[Any, Any, Any]:
        self._flyte_seen()
        return self._flyte_wait().__await__()

    def _flyte_generator(self) -> Generator[Any, Any, Any]:
        if self._flyte_steps is None:
            object.__setattr__(self, "_flyte_steps", self.__await__())
        steps: Generator[Any, Any, Any] = self._flyte_steps
        return steps

    def send(self, value: Any) -> Any:
        return self._flyte_generator().send(value)

    def throw(self, *error: Any) -> Any:
        return self._flyte_generator().throw(*error)

    def _flyte_close(self) -> None:
        self._flyte_seen()
        if self._flyte_steps is not None:
            self._flyte_steps.close()

    @property
    def close(self) -> Any:
        """The coroutine's `close` to asyncio; the value's to everybody else, as a price may have one."""
        return self._flyte_close if _asked_by_machinery() else self._flyte_get().close

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class of the value, so that `isinstance` is right about it."""
        if self._flyte_value is _UNSET and _asked_by_machinery():
            return Pending
        return type(self._flyte_get())

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("cr_", "gi_")):  # asyncio and debuggers look for these
            raise AttributeError(name)
        return getattr(self._flyte_get(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._flyte_get(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._flyte_get(), name)

    def __dir__(self) -> list[str]:
        return dir(self._flyte_get())

    def __repr__(self) -> str:
        if self._flyte_value is _UNSET and _asked_by_machinery():
            return f"<pending result of {self._flyte_task}>"
        return repr(self._flyte_get())

    def __hash__(self) -> int:
        return id(self) if _asked_by_machinery() else hash(self._flyte_get())

    def __eq__(self, other: object) -> bool:
        if self is other or _asked_by_machinery():
            return self is other
        return bool(self._flyte_get() == resolved(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _itself, (self._flyte_get(),)

    def __deepcopy__(self, memo: Any) -> Any:
        return deepcopy(self._flyte_get(), memo)

    def __copy__(self) -> Any:
        return _itself(self._flyte_get())

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        """The value as numpy, which asks for this, would see it."""
        return importlib.import_module("numpy").array(self._flyte_get(), *args, **kwargs)


def resolved(value: Any) -> Any:
    """`value` with every Pending in it (in lists, tuples, sets, dicts) replaced by what it stands for.

    Waits for them. Raises the first child's failure.
    """
    if not _is_known:  # no Pending was ever made in this process
        return value
    kind = type(value)
    if kind is Pending:
        return value._flyte_get()
    if kind not in _CONTAINERS or not has_pending(value):
        return value
    if kind is dict:
        return {resolved(key): resolved(item) for key, item in value.items()}
    return kind(map(resolved, value))


async def resolved_aio(value: Any) -> Any:
    """The same without holding up the event loop."""
    if _is_known:
        for pending in reversed(list(_pendings(value))):  # the last called is found first
            await pending
    return resolved(value)


def has_pending(value: Any) -> bool:
    """Whether a Pending stands somewhere in `value`."""
    return next(_pendings(value), None) is not None


def _pendings(value: Any) -> Generator[Pending, None, None]:
    """Those in `value`, however deep it is, and also when it holds itself."""
    left, seen = [value], set()
    while left:
        item = left.pop()
        kind = type(item)
        if kind is Pending:
            yield item
        elif kind in _CONTAINERS and id(item) not in seen:
            seen.add(id(item))
            left.extend(item)
            if kind is dict:
                left.extend(item.values())


def _itself(value: Any) -> Any:
    return value


def _asked_by_machinery() -> bool:
    """Whether the code that asks is asyncio's, or of its kind, and not the user's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _module(frame) in _ABSTRACT:
        frame = frame.f_back
    return frame is None or _module(frame).partition(".")[0] in _MACHINERY


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


_is_known = False


def _make_known() -> None:
    """Tell the two places of the standard library that would trip over a Pending; once, with the first."""
    global _is_known
    if not _is_known:
        _is_known = True
        _teach_json()
        _teach_logging()


def _teach_json() -> None:
    """Let `json.dumps` write the value: its C code asks this method about every type that is not its own."""
    refuse = json.JSONEncoder.default

    def default(self: json.JSONEncoder, o: Any) -> Any:
        return o._flyte_get() if type(o) is Pending else refuse(self, o)

    json.JSONEncoder.default = default  # type: ignore[method-assign]


def _teach_logging() -> None:
    """Let a log record wait for its values before a handler takes its lock, which the child may need."""
    make = logging.getLogRecordFactory()

    def factory(
        name: str, level: int, file: str, line: int, msg: Any, args: Any, *more: Any, **kw: Any
    ) -> Any:
        return make(name, level, file, line, resolved(msg), resolved(args), *more, **kw)

    logging.setLogRecordFactory(factory)


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda value, other: function(other, value)


_TWO_SIDED: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": pow,
    "divmod": divmod,
    "matmul": operator.matmul,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
}
_USES: dict[str, Callable[..., Any]] = {
    **_TWO_SIDED,
    **{f"r{name}": _reflected(function) for name, function in _TWO_SIDED.items()},
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "neg": operator.neg,
    "pos": operator.pos,
    "abs": abs,
    "invert": operator.invert,
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "index": operator.index,
    "round": round,
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "len": len,
    "iter": iter,
    "reversed": reversed,
    "contains": operator.contains,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "str": str,
    "bytes": bytes,
    "format": format,
    "fspath": os.fspath,
    "call": lambda value, *args, **kwargs: value(*args, **kwargs),
    "enter": lambda value: value.__enter__(),
    "exit": lambda value, *error: value.__exit__(*error),
}


def _forwarding(function: Callable[..., Any]) -> Callable[..., Any]:
    def use(self: Pending, *args: Any, **kwargs: Any) -> Any:
        return function(self._flyte_get(), *args, **kwargs)

    return use


for _name, _function in _USES.items():
    setattr(Pending, f"__{_name}__", _forwarding(_function))
