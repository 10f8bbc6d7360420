"""What is on the stack already, by name: tasks, runs and their actions, projects, who you are.

Each name is loaded when it is first used: a task file that only says `flyte.remote.Task.get(...)` then loads
no network client where it runs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte._client.actions import Action as Action
    from flyte._client.details import AbortInfo as AbortInfo
    from flyte._client.details import ActionDetails as ActionDetails
    from flyte._client.details import ActionDetails as RunDetails
    from flyte._client.details import ErrorInfo as ErrorInfo
    from flyte._client.details import PhaseTransitionInfo as PhaseTransitionInfo
    from flyte._client.filters import TimeFilter as TimeFilter
    from flyte._client.projects import Project as Project
    from flyte._client.runs import Run as Run
    from flyte._client.users import User as User
    from flyte._outputs import ActionInputs as ActionInputs
    from flyte._outputs import ActionOutputs as ActionOutputs
    from flyte._remote_task import LazyEntity as LazyEntity
    from flyte._remote_task import Task as Task
    from flyte._remote_task import TaskDetails as TaskDetails

__all__ = [
    "AbortInfo",
    "Action",
    "ActionDetails",
    "ActionInputs",
    "ActionOutputs",
    "ErrorInfo",
    "LazyEntity",
    "PhaseTransitionInfo",
    "Project",
    "Run",
    "RunDetails",
    "Task",
    "TaskDetails",
    "TimeFilter",
    "User",
]

_HOMES = {
    "AbortInfo": "flyte._client.details",
    "Action": "flyte._client.actions",
    "ActionDetails": "flyte._client.details",
    "ActionInputs": "flyte._outputs",
    "ActionOutputs": "flyte._outputs",
    "ErrorInfo": "flyte._client.details",
    "LazyEntity": "flyte._remote_task",
    "PhaseTransitionInfo": "flyte._client.details",
    "Project": "flyte._client.projects",
    "Run": "flyte._client.runs",
    "Task": "flyte._remote_task",
    "TaskDetails": "flyte._remote_task",
    "TimeFilter": "flyte._client.filters",
    "User": "flyte._client.users",
}


def __getattr__(name: str) -> Any:
    if name == "RunDetails":  # a run's details are those of its root action
        return importlib.import_module("flyte._client.details").ActionDetails
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'flyte.remote' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
