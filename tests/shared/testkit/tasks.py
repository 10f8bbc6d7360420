"""Templates and deploy requests, as small as they can be."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flyte_schemas.envelope import Event
from flyte_schemas.events import DeployTask, EventData
from flyte_schemas.subjects import deploy_request
from flyte_schemas.task import Interface, Source, TaskTemplate

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def template(name: str = "my_env.my_task", **changes: Any) -> TaskTemplate:
    """A task's template; `changes` are fields of `TaskTemplate` that differ."""
    environment, _, function = name.partition(".")
    fields: dict[str, Any] = {
        "name": name,
        "short_name": function,
        "environment": environment,
        "interface": Interface(),
        "source": Source(module="my_example", function=function, file="my_example.py"),
        "is_async": True,
    }
    return TaskTemplate.model_validate(fields | changes)


def event(subject: str, data: EventData, **attributes: Any) -> Event[Any]:
    """An event of a test, with an id of its own unless it is given one."""
    fields: dict[str, Any] = {"id": uuid4().hex, "source": "test", "time": NOON} | attributes
    return Event(subject=subject, data=data, **fields)


def deploy(
    task: TaskTemplate,
    version: str = "v1",
    *,
    project: str = "flytesnacks",
    domain: str = "development",
    environment: str | None = None,
    **attributes: Any,
) -> Event[DeployTask]:
    """A request to deploy `task`; to another environment than its own when `environment` says so."""
    subject = deploy_request(project, domain, environment or task.environment, "alice")
    return event(subject, DeployTask(version=version, template=task), **attributes)
