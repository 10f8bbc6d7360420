"""What is on the stack already, by name: tasks, runs and their actions, projects, who you are.

Each name is loaded when it is first used: a task file that only says `flyte.remote.Task.get(...)` then loads
no network client where it runs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte._client.actions import Action as Action
    from flyte._client.conditions import Condition as Condition
    from flyte._client.details import AbortInfo as AbortInfo
    from flyte._client.details import ErrorInfo as ErrorInfo
    from flyte._client.events import events as events
    from flyte._client.filters import TimeFilter as TimeFilter
    from flyte._client.phases import PhaseTransitionInfo as PhaseTransitionInfo
    from flyte._client.pictures import ActionDetails as ActionDetails
    from flyte._client.pictures import RunDetails as RunDetails
    from flyte._client.projects import Project as Project
    from flyte._client.runs import Run as Run
    from flyte._client.secrets import Secret as Secret
    from flyte._client.secrets import SecretTypes as SecretTypes
    from flyte._client.triggers import Trigger as Trigger
    from flyte._client.uploads import upload_dir as upload_dir
    from flyte._client.uploads import upload_file as upload_file
    from flyte._client.users import User as User
    from flyte._outputs import ActionInputs as ActionInputs
    from flyte._outputs import ActionOutputs as ActionOutputs
    from flyte._remote_task import LazyEntity as LazyEntity
    from flyte._remote_task import Task as Task
    from flyte._task_details import TaskDetails as TaskDetails
    from flyte_bus.subscription import StreamEvent as StreamEvent

__all__ = [
    "AbortInfo",
    "Action",
    "ActionDetails",
    "ActionInputs",
    "ActionOutputs",
    "Condition",
    "ErrorInfo",
    "LazyEntity",
    "PhaseTransitionInfo",
    "Project",
    "Run",
    "RunDetails",
    "Secret",
    "SecretTypes",
    "StreamEvent",
    "Task",
    "TaskDetails",
    "TimeFilter",
    "Trigger",
    "User",
    "events",
    "upload_dir",
    "upload_file",
]

_HOMES = {
    "AbortInfo": "flyte._client.details",
    "Action": "flyte._client.actions",
    "ActionDetails": "flyte._client.pictures",
    "ActionInputs": "flyte._outputs",
    "ActionOutputs": "flyte._outputs",
    "Condition": "flyte._client.conditions",
    "ErrorInfo": "flyte._client.details",
    "LazyEntity": "flyte._remote_task",
    "PhaseTransitionInfo": "flyte._client.phases",
    "Project": "flyte._client.projects",
    "Run": "flyte._client.runs",
    "RunDetails": "flyte._client.pictures",
    "Secret": "flyte._client.secrets",
    "SecretTypes": "flyte._client.secrets",
    "StreamEvent": "flyte_bus.subscription",
    "Task": "flyte._remote_task",
    "TaskDetails": "flyte._task_details",
    "TimeFilter": "flyte._client.filters",
    "Trigger": "flyte._client.triggers",
    "User": "flyte._client.users",
    "events": "flyte._client.events",
    "upload_dir": "flyte._client.uploads",
    "upload_file": "flyte._client.uploads",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'flyte.remote' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
