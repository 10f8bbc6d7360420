"""Declare, deploy and run Python tasks.

Importing this loads neither a network client nor the command line: those come with their first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._deploy import Deployment, deploy
from flyte._environment import TaskEnvironment
from flyte._resources import Resources
from flyte._run import run, with_runcontext
from flyte._runtime.context import ctx
from flyte._runtime.group import group
from flyte._session import current_domain, current_project, init, init_from_config
from flyte._task import Task
from flyte_schemas.phase import ActionPhase

if TYPE_CHECKING:
    from flyte import remote as remote

__all__ = [
    "ActionPhase",
    "Deployment",
    "Resources",
    "Task",
    "TaskEnvironment",
    "ctx",
    "current_domain",
    "current_project",
    "deploy",
    "errors",
    "group",
    "init",
    "init_from_config",
    "run",
    "with_runcontext",
]


def __getattr__(name: str) -> Any:
    if name == "remote":
        return importlib.import_module("flyte.remote")
    raise AttributeError(f"module 'flyte' has no attribute {name!r}")
