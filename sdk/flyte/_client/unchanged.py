"""Whether a deployment is in the log already, by a glance at it: before anything else is loaded for it."""

from typing import TYPE_CHECKING

from flyte._client.bus_settings import bus_settings
from flyte._config import ClientConfig
from flyte._plan import Plan
from flyte_bus.glance import last_messages
from flyte_schemas.streams import TASKS
from flyte_schemas.subjects import task_subject

if TYPE_CHECKING:
    from flyte_schemas.task import TaskTemplate

TASK_DEPLOYED = "flyte.task.deployed.v1"
"""`TaskDeployed.TYPE`, without the words of all other events."""
MANY = 1_000
"""More tasks than these are not glanced at."""


def is_unchanged(plan: Plan, config: ClientConfig, project: str, domain: str) -> bool:
    """Whether the last version of each task is the plan's; False also when a glance cannot tell."""
    if len(plan.templates) > MANY:
        return False
    subjects = [task_subject(project, domain, template.name) for template in plan.templates]
    last = last_messages(bus_settings(config), TASKS.name, subjects)
    return last is not None and all(
        raw is not None and _says(raw, template, plan.version)
        for raw, template in zip(last, plan.templates, strict=True)
    )


def _says(raw: bytes, template: "TaskTemplate", version: str) -> bool:
    import orjson

    try:
        event = orjson.loads(raw)
        data = event["data"]
        found = (event["type"], data["version"], data["digest"])
    except (ValueError, KeyError, TypeError):
        return False
    return bool(found == (TASK_DEPLOYED, version, template.digest()))
