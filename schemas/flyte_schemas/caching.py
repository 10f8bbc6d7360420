"""Results that are used again: what makes two calls the same, and what is kept of the first.

A key is a hash of all that a result depends on: the task, its signature, the version that its cache rule
gives, and the inputs that count. Only results of attempts that succeeded are kept.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from flyte_schemas.literals import AnyLiteral, InlineLiteral, Literals
from flyte_schemas.policies import CacheRule
from flyte_schemas.task import Interface
from flyte_schemas.words import Name, Word


class CachedResult(Word):
    """The outputs of an action that succeeded, and which one that was."""

    project: Name
    domain: Name
    run: Name
    action: Name
    outputs: Mapping[str, AnyLiteral] = {}

    @property
    def source(self) -> str:
        """The action that computed it, as people write it."""
        return f"{self.project}/{self.domain}/{self.run}/{self.action}"


def cache_key(task: str, interface: Interface, rule: CacheRule, inputs: Literals) -> str:
    """The key of a call: hex SHA-256. `task` is the full name, `environment.function`."""
    counted = {name: _counted(literal) for name, literal in inputs.items() if name not in rule.ignored_inputs}
    shape = [[parameter.name, parameter.json_schema] for parameter in (*interface.inputs, *interface.outputs)]
    document = [task, shape, rule.version, rule.salt, counted]
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _counted(literal: AnyLiteral) -> Any:
    """What of an input counts: its value; of a large one, the hash of it."""
    if isinstance(literal, InlineLiteral):
        return ["value", without_places(literal.value)]
    return ["sha256", literal.sha256]


def without_places(value: Any) -> Any:
    """A value in which a file, folder or table that carries a hash counts by that hash, wherever it lies."""
    match value:
        case {"hash": str(known), "format": str()} if "path" in value or "uri" in value:
            return {"hash": known}
        case dict():
            return {key: without_places(item) for key, item in value.items()}
        case list():
            return [without_places(item) for item in value]
        case _:
            return value
