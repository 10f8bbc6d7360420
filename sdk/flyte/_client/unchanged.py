"""Whether a deployment is in the log already, by a glance at it: before anything else is loaded for it."""

from flyte._client.bus_settings import bus_settings
from flyte._config import ClientConfig
from flyte._plan import Plan
from flyte_bus.glance import last_messages
from flyte_schemas.streams import TASKS, TRIGGERS
from flyte_schemas.subjects import task_subject, triggers_subject

TASK_DEPLOYED = "flyte.task.deployed.v1"
TRIGGERS_DEPLOYED = "flyte.trigger.deployed.v1"
"""`TaskDeployed.TYPE` and `TriggersDeployed.TYPE`, without the words of all other events."""
MANY = 1_000
"""More tasks than these are not glanced at."""


def is_unchanged(plan: Plan, config: ClientConfig, project: str, domain: str) -> bool:
    """Whether the last version of each task is the plan's, and what was said last of its triggers is too.

    False also when a glance cannot tell.
    """
    templates, version = plan.templates, plan.version
    if len(templates) > MANY:
        return False
    subjects = [task_subject(project, domain, template.name) for template in templates]
    triggers = [(TRIGGERS.name, triggers_subject(project, domain, template.name)) for template in templates]
    last = last_messages(bus_settings(config), TASKS.name, subjects, more=triggers)
    return last is not None and all(
        _is(TASK_DEPLOYED, task, version, template.digest())
        and (_is(TRIGGERS_DEPLOYED, said, version) if said else not template.triggers)
        for task, said, template in zip(
            last[: len(templates)], last[len(templates) :], templates, strict=True
        )
    )


def _is(type: str, raw: bytes | None, version: str, digest: str | None = None) -> bool:
    import orjson

    try:
        event = orjson.loads(raw or b"")
        data = event["data"]
        found = (event["type"], data["version"], data.get("digest"))
    except (ValueError, KeyError, TypeError):
        return False
    return bool(found == (type, version, digest))
