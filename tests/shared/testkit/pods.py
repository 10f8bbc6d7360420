"""Launches to make pods of, as small as they can be."""

from collections.abc import Mapping
from typing import Any

from flyte_executor.backends.kubernetes.manifest import attempt_pod
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.port import Launch
from flyte_schemas.events import ActionRequested
from flyte_schemas.orders import Order
from flyte_schemas.subjects import AttemptKey, RunKey
from flyte_schemas.task import TaskReference
from testkit.tasks import template

ATTEMPT = AttemptKey(RunKey("flytesnacks", "development", "run1").action("a0"), 2)
SITE = "site1"
ENVIRONMENT = {"FLYTE_NATS_URL": "nats://bus:4222", "FLYTE_HOME": "/mine", "PATH": "/bin"}
"""An executor's."""


def launch(*, image: str = "registry/image:1", runs: dict[str, str] | None = None, **changes: Any) -> Launch:
    """A launch; `runs` are the run's variables, `changes` fields of `Launch` or of its task's template."""
    of_launch = {name: changes.pop(name) for name in Launch.__dataclass_fields__ if name in changes}
    requested = ActionRequested(task=TaskReference(name="my_env.my_task", version="v1"), env_vars=runs or {})
    fields = {"attempt": ATTEMPT, "fence": 7, "requested": requested, **of_launch}
    return Launch(template=template(image=image, **changes), **fields)


def pod(
    of: Launch,
    *,
    named: dict[str, Any] | None = None,
    told: Mapping[str, str] = ENVIRONMENT,
    **settings: Any,
) -> dict[str, Any]:
    """The pod of a launch, with `settings` that differ from the usual; `told` is what the executor is told.

    Raises LaunchFailed.
    """
    return attempt_pod(
        of,
        Order.of(of.attempt, of.fence),
        KubernetesSettings(**settings),
        site=SITE,
        environment=told,
        named=named,
    )
