"""What a run gave, as a tuple that is pleasant to look at: `outputs.o0`, `outputs[0]`."""

import json
import math
from collections import UserDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte._runtime.interface import NativeInterface


class ActionOutputs(tuple[Any, ...]):
    """The outputs of an action by place, by name (`.o0`, `.o1`, … or as the task calls them), and as a dict.

    The fields of a NamedTuple are the names of its outputs; `.o0` and so on work there too.
    """

    _names: tuple[str, ...]

    def __new__(cls, values: Iterable[Any], fields: Sequence[str] | None = None) -> "ActionOutputs":
        made = super().__new__(cls, tuple(values))
        made._names = tuple(fields or (f"o{index}" for index in range(len(made))))
        return made

    @classmethod
    def of(cls, returned: Any, interface: "NativeInterface") -> "ActionOutputs":
        """From what a task returned: a tuple's parts are outputs of their own."""
        names = [parameter.name for parameter in interface.outputs]
        return cls(returned if interface.returns_tuple else (returned,), names)

    @property
    def named_outputs(self) -> dict[str, Any]:
        """The outputs by name, in order."""
        return dict(zip(self._names, self, strict=True))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        named = self.named_outputs
        if name not in named:
            named |= {f"o{index}": value for index, value in enumerate(self)}
        if name not in named:
            raise AttributeError(f"there is no output {name!r}, only {', '.join(self._names)}")
        return named[name]

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={_shown(value)}" for name, value in self.named_outputs.items())
        return f"ActionOutputs({inner})"

    def __str__(self) -> str:
        return repr(self)


class ActionInputs(UserDict[str, Any]):
    """The inputs of an action by name."""

    def __repr__(self) -> str:
        return f"ActionInputs({', '.join(f'{name}={_shown(value)}' for name, value in self.data.items())})"


def plain(value: Any) -> Any:
    """A value as JSON data for people and programs; text where JSON has no word for it."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


def _shown(value: Any) -> str:
    """A value as Python writes it, strings in double quotes."""
    match value:
        case str():
            return json.dumps(str(value), ensure_ascii=False)
        case list() if type(value) is list:
            return f"[{', '.join(map(_shown, value))}]"
        case dict() if type(value) is dict:
            return "{" + ", ".join(f"{_shown(key)}: {_shown(item)}" for key, item in value.items()) + "}"
        case _:
            return repr(value)
