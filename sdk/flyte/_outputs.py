"""What a run gave, as a tuple that is pleasant to look at: `outputs.o0`, `outputs[0]`."""

import json
import math
from collections import UserDict
from collections.abc import Iterable, Mapping
from typing import Any


class ActionOutputs(tuple[Any, ...]):
    """The outputs of an action by place; by name as `.o0`, `.o1`, … and in `named_outputs`."""

    def __new__(cls, values: Iterable[Any]) -> "ActionOutputs":
        return super().__new__(cls, tuple(values))

    @classmethod
    def of(cls, returned: Any, *, is_tuple: bool) -> "ActionOutputs":
        """From what a task returned: a tuple's parts are outputs of their own."""
        return cls(returned if is_tuple else (returned,))

    @property
    def named_outputs(self) -> dict[str, Any]:
        """The outputs by name, in order."""
        return {f"o{index}": value for index, value in enumerate(self)}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.named_outputs[name]
        except KeyError:
            raise AttributeError(
                f"there is no output {name!r}, only {', '.join(self.named_outputs)}"
            ) from None

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
