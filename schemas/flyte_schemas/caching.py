"""Results that are used again: the key of a call on the wire, and what is kept of the first one.

Only results of attempts that succeeded are kept.
"""

from collections.abc import Mapping
from typing import Any

from flyte_schemas.cache_keys import call_key, without_places
from flyte_schemas.literals import AnyLiteral, InlineLiteral, Literals
from flyte_schemas.policies import CacheRule
from flyte_schemas.subjects import ActionKey
from flyte_schemas.task import Interface
from flyte_schemas.words import Name, Word

GLOBAL = "global"
"""The scope in which results of every project and domain count."""
PLACE = "project-domain"
"""The scope of one project and domain."""
SCOPES = (GLOBAL, PLACE)


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
    return call_key(
        task,
        [(one.name, one.json_schema) for one in (*interface.inputs, *interface.outputs)],
        version=rule.version,
        salt=rule.salt,
        inputs={name: _counted(literal) for name, literal in inputs.items()},
        ignored=rule.ignored_inputs,
    )


def bucket_keys(key: ActionKey, digest: str) -> dict[str, str]:
    """Where in the bucket a result stands, by scope."""
    return {
        GLOBAL: f"{GLOBAL}.{digest}",
        PLACE: f"in.{key.run.project}.{key.run.domain}.{digest}",
    }


def reservation_key(place: str) -> str:
    """Where in the bucket the action is named that computes the result of this place."""
    return f"computing.{place}"


def _counted(literal: AnyLiteral) -> Any:
    """What of an input counts: its value; of a large one, the hash of it."""
    if isinstance(literal, InlineLiteral):
        return ["value", without_places(literal.value)]
    return ["sha256", literal.sha256]
