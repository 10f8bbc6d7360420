"""Which processes may serve an action: one of its own, or those of a pool that are used again.

Actions share a pool when nothing that makes their processes differs: environment, code, image, variables,
resources, pod, service account, and the policy itself. A new version of the code is another pool.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from flyte_schemas.failure import Failure
from flyte_schemas.failure_codes import PROCESS_ENDINGS
from flyte_schemas.policies import Reuse
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskTemplate

PROCESS = "process"
"""The pool of actions that have a process of their own."""
DIGEST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of workers that are used again, by its name."""

    name: str
    reuse: Reuse

    @property
    def seats(self) -> int:
        """How many actions may run in it at a time."""
        return self.reuse.max_replicas * self.reuse.concurrency

    @property
    def kept(self) -> int:
        """How many workers stay while the pool is in use."""
        return min(self.reuse.min_replicas, self.reuse.max_replicas)


def runs_apart(reuse: Reuse, failure: Failure | None) -> bool:
    """Whether an attempt after this failure has a process of its own, for the sake of those beside it."""
    return reuse.concurrency > 1 and failure is not None and failure.code in PROCESS_ENDINGS


def pool_of(
    template: TaskTemplate, version: str, run: RunKey, env_vars: Mapping[str, str], service_account: str = ""
) -> Pool | None:
    """The pool for a call of this template, with what the call overrides; None: a process of its own.

    `env_vars` and `service_account` are the run's.
    """
    if template.reuse is None:
        return None
    parts = {
        "place": [run.project, run.domain],
        "run": run.run if template.reuse.scope == "run" else None,
        "code": template.bundle.sha256 if template.bundle else version,
        "image": template.image,
        "env_vars": [template.env_vars, dict(env_vars)],
        "resources": template.resources.model_dump(mode="json"),
        "secrets": [secret.model_dump(mode="json") for secret in template.secrets],
        "reuse": template.reuse.model_dump(mode="json"),
    }
    if service_account:  # what is not said is no part of a name, so that no name has changed by it
        parts["service_account"] = service_account
    if template.pod_template is not None:
        parts["pod_template"] = template.pod_template.model_dump(mode="json")
    place = _digest([run.project, run.domain])
    return Pool(f"{template.environment}-{place}{_digest(parts)}", template.reuse)


def is_of_place(pool: str, project: str, domain: str) -> bool:
    """Whether a pool of this name serves this project and domain: its name says so."""
    digits = pool.rpartition("-")[2]
    return len(digits) == 2 * DIGEST_DIGITS and digits.startswith(_digest([project, domain]))


def _digest(parts: object) -> str:
    said = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).hexdigest()[:DIGEST_DIGITS]
