"""How an action is to be treated: retries, times, cache, reuse, secrets, pods.

Not all of it acts yet. It is recorded whole, so that a version deployed today means the same to a later
executor.
"""

from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from flyte_schemas.moments import LONGEST_S
from flyte_schemas.words import Seconds, Word


class Backoff(Word):
    """The pause before the n-th further attempt (n from 0): `min(base_s * factor**n, cap_s)`."""

    base_s: float = Field(ge=0, le=LONGEST_S)
    factor: float = Field(default=1.0, ge=1.0)
    cap_s: float | None = Field(default=None, ge=0, le=LONGEST_S)


class CacheRule(Word):
    """Whether a result may be taken from an earlier run; `version` is part of the key."""

    behavior: Literal["auto", "override", "disable"] = "disable"
    version: str = ""
    serialize: bool = False
    """Of several identical calls at a time one runs, and the others wait for its result."""
    ignored_inputs: tuple[str, ...] = ()
    salt: str = ""


class Policies(Word):
    """How an action is treated when things go wrong, and when nothing needs to be done at all."""

    retries: NonNegativeInt = 0
    """Further attempts after the first, for failures of kind `user`."""
    backoff: Backoff | None = None
    max_runtime_s: Seconds | None = None
    """The longest that one attempt may run, in seconds."""
    max_queued_s: Seconds | None = None
    """The longest that one attempt may wait to be placed, in seconds."""
    deadline_s: Seconds | None = None
    """The longest that all attempts together may take, in seconds from the first queueing."""
    interruptible: bool = False
    cache: CacheRule = CacheRule()


class Reuse(Word):
    """Processes that serve one action after the other, each `concurrency` at a time; times in seconds."""

    min_replicas: NonNegativeInt
    max_replicas: PositiveInt
    concurrency: PositiveInt = 1
    idle_ttl_s: Seconds
    scaledown_ttl_s: Seconds
    scope: Literal["global", "run"] = "global"


class SecretReference(Word):
    """A secret that an attempt wants to see, as a variable or as a file; never its value."""

    key: str = Field(min_length=1)
    group: str | None = None
    as_env_var: str | None = None
    mount: str | None = None


class PodTemplate(Word):
    """The pod of an attempt: written out as Kubernetes reads it, or the `name` of one the cluster has."""

    name: str | None = None
    spec: dict[str, Any] = {}
    primary_container_name: str = "primary"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Declared(Word):
    """An object of a plugin (a link, a resolver): the class that it is of, and what can be said in JSON."""

    type: str
    fields: dict[str, Any] = {}
