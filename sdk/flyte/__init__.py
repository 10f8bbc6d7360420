"""Declare, deploy and run Python tasks.

Importing this loads nothing yet: each name loads the module it stands in when it is first used, so that a
command line that only looks at `flyte`, or a program that declares nothing, does not wait for the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte import config as config
    from flyte import durable as durable
    from flyte import errors as errors
    from flyte import git as git
    from flyte import io as io
    from flyte import models as models
    from flyte import notify as notify
    from flyte import remote as remote
    from flyte import report as report
    from flyte import storage as storage
    from flyte import syncify as syncify
    from flyte._build import ImageBuild, build, build_images
    from flyte._cache import Cache, CachePolicy, CacheRequest
    from flyte._checkpoint import BaseCheckpoint, Checkpoint, latest_checkpoint
    from flyte._condition import ConditionWebhook, new_condition
    from flyte._deploy import Deployment, deploy
    from flyte._devices import AMD_GPU, GPU, HABANA_GAUDI, TPU, Device, DeviceClass, Neuron
    from flyte._environment import Environment, TaskEnvironment
    from flyte._image import Image
    from flyte._init import (
        init,
        init_from_api_key,
        init_from_config,
        init_in_cluster,
        init_passthrough,
    )
    from flyte._logger import logger, system_logger
    from flyte._map import map
    from flyte._options import Link
    from flyte._pod import PodTemplate
    from flyte._policies import Backoff, RetryStrategy, Timeout, TimeoutType
    from flyte._rerun import rerun
    from flyte._resources import Resources
    from flyte._reuse import ReusePolicy
    from flyte._run import run, with_runcontext
    from flyte._runtime.context import ctx, custom_context, get_custom_context
    from flyte._runtime.group import group
    from flyte._schedules import Cron, FixedRate, OnArtifact
    from flyte._secret import Secret, SecretRequest
    from flyte._session import current_domain, current_project
    from flyte._task import Task
    from flyte._task import Task as AsyncFunctionTaskTemplate
    from flyte._task import Task as TaskTemplate
    from flyte._trace import trace
    from flyte._triggers import Trigger, TriggeredArtifact, TriggerTime
    from flyte._version import __version__, version
    from flyte_schemas.phase import ActionPhase


__all__ = [
    "AMD_GPU",
    "ActionPhase",
    "AsyncFunctionTaskTemplate",
    "Backoff",
    "BaseCheckpoint",
    "Cache",
    "CachePolicy",
    "CacheRequest",
    "Checkpoint",
    "ConditionWebhook",
    "Cron",
    "Deployment",
    "Device",
    "DeviceClass",
    "Environment",
    "FixedRate",
    "GPU",
    "HABANA_GAUDI",
    "Image",
    "ImageBuild",
    "Link",
    "Neuron",
    "OnArtifact",
    "PodTemplate",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "SecretRequest",
    "TPU",
    "Task",
    "TaskEnvironment",
    "TaskTemplate",
    "Timeout",
    "TimeoutType",
    "Trigger",
    "TriggerTime",
    "TriggeredArtifact",
    "__version__",
    "build",
    "build_images",
    "ctx",
    "current_domain",
    "current_project",
    "custom_context",
    "deploy",
    "errors",
    "get_custom_context",
    "group",
    "init",
    "init_from_api_key",
    "init_from_config",
    "init_in_cluster",
    "init_passthrough",
    "latest_checkpoint",
    "logger",
    "map",
    "new_condition",
    "rerun",
    "run",
    "system_logger",
    "trace",
    "version",
    "with_runcontext",
]

_HOMES: dict[str, tuple[str, ...]] = {
    "flyte._build": ("ImageBuild", "build", "build_images"),
    "flyte._cache": ("Cache", "CachePolicy", "CacheRequest"),
    "flyte._checkpoint": ("BaseCheckpoint", "Checkpoint", "latest_checkpoint"),
    "flyte._condition": ("ConditionWebhook", "new_condition"),
    "flyte._deploy": ("Deployment", "deploy"),
    "flyte._devices": ("AMD_GPU", "Device", "DeviceClass", "GPU", "HABANA_GAUDI", "Neuron", "TPU"),
    "flyte._environment": ("Environment", "TaskEnvironment"),
    "flyte._image": ("Image",),
    "flyte._init": (
        "init",
        "init_from_api_key",
        "init_from_config",
        "init_in_cluster",
        "init_passthrough",
    ),
    "flyte._logger": ("logger", "system_logger"),
    "flyte._map": ("map",),
    "flyte._options": ("Link",),
    "flyte._pod": ("PodTemplate",),
    "flyte._policies": ("Backoff", "RetryStrategy", "Timeout", "TimeoutType"),
    "flyte._resources": ("Resources",),
    "flyte._reuse": ("ReusePolicy",),
    "flyte._rerun": ("rerun",),
    "flyte._run": ("run", "with_runcontext"),
    "flyte._runtime.context": ("ctx", "custom_context", "get_custom_context"),
    "flyte._runtime.group": ("group",),
    "flyte._schedules": ("Cron", "FixedRate", "OnArtifact"),
    "flyte._secret": ("Secret", "SecretRequest"),
    "flyte._session": ("current_domain", "current_project"),
    "flyte._task": ("Task",),
    "flyte._trace": ("trace",),
    "flyte._triggers": ("Trigger", "TriggerTime", "TriggeredArtifact"),
    "flyte._version": ("__version__", "version"),
    "flyte_schemas.phase": ("ActionPhase",),
}
"""The modules of the public names; the imports above say the same to type checkers."""

_ALSO = {"AsyncFunctionTaskTemplate": "Task", "TaskTemplate": "Task"}
"""Other words for a name."""

_SUBMODULES = frozenset(
    {
        *("config", "durable", "errors", "git", "io", "models", "notify", "remote", "report", "storage"),
        "syncify",
    }
)

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker must not believe that there is every name

    def __getattr__(name: str) -> Any:
        """Load what `name` stands for, once."""
        if name in _SUBMODULES:
            return importlib.import_module(f"flyte.{name}")
        plain = _ALSO.get(name, name)
        if plain not in _HOME_OF:
            raise AttributeError(f"module 'flyte' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME_OF[plain]), plain)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
