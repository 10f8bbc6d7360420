"""The name of a child action: the same call in the same parent gives the same name, in every attempt.

That is the whole of durable recovery: a parent that is tried again asks for the same names and meets the
children it already had. Identical calls are told apart by their number.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from flyte_schemas.cache_keys import without_places

if TYPE_CHECKING:
    from flyte_schemas.literals import AnyLiteral

NAME_LENGTH = 20
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def inputs_digest(inputs: "Mapping[str, AnyLiteral]") -> str:
    """SHA-256 of the inputs in canonical JSON, as hex; what carries a hash counts by it, wherever it lies."""
    from flyte_schemas.literals import InlineLiteral

    document = {
        name: without_places(literal.model_dump(mode="json"))
        if isinstance(literal, InlineLiteral)
        else literal.model_dump(mode="json")
        for name, literal in inputs.items()
    }
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def data_digest(data: Mapping[str, Any]) -> str:
    """The same of values that are JSON data and no literals."""
    document = {name: without_places(value) for name, value in data.items()}
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


class ChildNames:
    """Names for the children of one attempt of one action, or for the steps of one traced call.

    Not safe across threads by itself.
    """

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._calls: Counter[tuple[str, str, str]] = Counter()

    def next(self, task: str, inputs: "Mapping[str, AnyLiteral]", group: str | None) -> str:
        """The name for the next call of `task` with these inputs in this group."""
        return self.next_of(task, inputs_digest(inputs), group)

    def next_of(self, what: str, digest: str, group: str | None) -> str:
        """The same for anything that is called, by the digest of what it is called with."""
        call = (what, digest, group or "")
        self._calls[call] += 1
        identity = "\n".join((self._parent, *call, str(self._calls[call])))
        return "a" + _base36(hashlib.sha256(identity.encode()).digest())[: NAME_LENGTH - 1]


def _base36(digest: bytes) -> str:
    number, digits = int.from_bytes(digest, "big"), []
    while number:
        number, rest = divmod(number, 36)
        digits.append(_ALPHABET[rest])
    return "".join(digits)
