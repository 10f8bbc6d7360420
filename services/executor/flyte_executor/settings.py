"""The executor's limits and places."""

import os
from dataclasses import dataclass
from pathlib import Path

from flyte_bus.security import file_of
from flyte_bus.settings import LEASE_TTL_S, lease_ttl_from_environment
from flyte_schemas.caching import GLOBAL, PLACE, SCOPES

SERVICE = "executor"
"""The service's name: of its consumer, its endpoints, its events' source."""

BACKENDS = ("process", "docker", "kubernetes")
"""Where attempts can run."""
SECRET_STORES = ("file", "environment", "kubernetes")
"""Where secrets can lie."""
STORE_PATIENCE_S = 5.0
"""How long the artifact store may take to say whether it has something."""
ABORT_TRIES = 20
"""How often a request to abort or to signal is looked at while nobody has asked for its action."""
ABORT_TRY_AGAIN_S = 0.25
LOOKS, LOOK_AGAIN_S = 20, 0.05
"""An executor that has not read the log up to its end after so many looks says that it is not ready."""


CREDENTIAL_TTL_S = 3600.0
"""How long an agent's credentials are good, in seconds; it asks for later ones after half of that."""
LEAST_CREDENTIAL_TTL_S = 10

CLUSTER_SLOTS = 1000
"""How many attempts with a pod of their own run at a time, where nothing else is said."""


def _default_slots(backend: str) -> int:
    return CLUSTER_SLOTS if backend == "kubernetes" else max(4, 2 * (os.cpu_count() or 1))


def _default_store(backend: str) -> str:
    return "kubernetes" if backend == "kubernetes" else "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSettings:
    """Times in seconds.

    `slots`: attempts with a process of their own that run at a time, but for those that wait for children.
    `max_system_failures`: attempts in a row that the platform may lose before an action fails.
    `grace_s`: from SIGTERM to SIGKILL when an attempt is stopped.
    `stop_attempts`: whether attempts end with the executor (embedded) or go on without it.
    `max_settling`: of each project and domain so many actions are decided upon at a time.
    `checkpoint_s`: how often the executor notes how far it has read.
    `backend`: where attempts run, one of `BACKENDS`; `image`: that of tasks which name none, in docker.
    `secrets`: where secrets lie, one of `SECRET_STORES`.
    `lease_ttl_s`: how long a worker may be silent before it counts as lost; agents must have the same.
    `agent_key`, `worker_key`: files of the signing keys by which agents and workers of pools are let in, each
    with credentials of its own that are good for `credential_ttl_s`; None: agents are whom the variables say.
    `cache_scope`: how far a cached result counts at most, whatever a run asks for, one of `SCOPES`. One from
    elsewhere is the word of whoever deploys there, and a pickle in it his code.
    """

    home: Path
    slots: int = 8
    max_system_failures: int = 4
    grace_s: float = 5.0
    stop_attempts: bool = False
    max_settling: int = 32
    checkpoint_s: float = 5.0
    lease_ttl_s: int = LEASE_TTL_S
    backend: str = "process"
    image: str = ""
    secrets: str = "file"
    agent_key: Path | None = None
    worker_key: Path | None = None
    credential_ttl_s: float = CREDENTIAL_TTL_S
    cache_scope: str = GLOBAL

    @property
    def records(self) -> Path:
        """Where the agents of this machine keep their records."""
        return self.home / "agents"

    @property
    def credentials(self) -> Path:
        """Where the agents of this machine find who they are."""
        return self.home / "credentials"

    @property
    def work(self) -> Path:
        """Where the agents of this machine work."""
        return self.home / "work"

    @property
    def spool(self) -> Path:
        """Where the agents of this machine keep what they have to say while the bus is away."""
        return self.home / "spool"


def from_environment() -> ExecutorSettings:
    """Settings from `FLYTE_HOME`, `FLYTE_LEASE_TTL_S`, and
    `FLYTE_EXECUTOR_{SLOTS,GRACE_S,STOP_ATTEMPTS,BACKEND,IMAGE,SECRETS,AGENT_KEY,WORKER_KEY,CREDENTIAL_TTL_S}`
    and `FLYTE_EXECUTOR_CACHE_SCOPE`: where agents are let in by keys, places do not trust each other.

    Raises ValueError.
    """
    environment = os.environ
    backend = environment.get("FLYTE_EXECUTOR_BACKEND") or "process"
    if backend not in BACKENDS:
        raise ValueError(f"FLYTE_EXECUTOR_BACKEND={backend!r} is none of {', '.join(BACKENDS)}")
    secrets = environment.get("FLYTE_EXECUTOR_SECRETS") or _default_store(backend)
    if secrets not in SECRET_STORES:
        raise ValueError(f"FLYTE_EXECUTOR_SECRETS={secrets!r} is none of {', '.join(SECRET_STORES)}")
    if secrets == "kubernetes" != backend:
        raise ValueError(f"FLYTE_EXECUTOR_SECRETS=kubernetes is for that backend, and not for {backend}")
    agent_key = file_of(environment, "FLYTE_EXECUTOR_AGENT_KEY")
    cache_scope = environment.get("FLYTE_EXECUTOR_CACHE_SCOPE") or (PLACE if agent_key else GLOBAL)
    if cache_scope not in SCOPES:
        raise ValueError(f"FLYTE_EXECUTOR_CACHE_SCOPE={cache_scope!r} is none of {', '.join(SCOPES)}")
    return ExecutorSettings(
        home=Path(environment.get("FLYTE_HOME") or Path.home() / ".flyte"),
        slots=int(environment.get("FLYTE_EXECUTOR_SLOTS") or _default_slots(backend)),
        grace_s=float(environment.get("FLYTE_EXECUTOR_GRACE_S") or 5.0),
        stop_attempts=environment.get("FLYTE_EXECUTOR_STOP_ATTEMPTS", "") == "1",
        lease_ttl_s=lease_ttl_from_environment(),
        backend=backend,
        image=environment.get("FLYTE_EXECUTOR_IMAGE", ""),
        secrets=secrets,
        agent_key=agent_key,
        worker_key=file_of(environment, "FLYTE_EXECUTOR_WORKER_KEY"),
        credential_ttl_s=_credential_ttl(environment.get("FLYTE_EXECUTOR_CREDENTIAL_TTL_S", "")),
        cache_scope=cache_scope,
    )


def _credential_ttl(text: str) -> float:
    if text and (not text.isdecimal() or int(text) < LEAST_CREDENTIAL_TTL_S):
        raise ValueError(
            f"FLYTE_EXECUTOR_CREDENTIAL_TTL_S is {text!r}: give whole seconds from {LEAST_CREDENTIAL_TTL_S}"
        )
    return float(text or CREDENTIAL_TTL_S)
