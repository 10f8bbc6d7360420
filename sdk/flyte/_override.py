"""Options of a task for some of its calls: what `task.override(…)` takes, and what it makes of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from flyte._cache import cache_of
from flyte._options import TaskOptions, checked, checked_bytes, checked_env_vars, checked_queue, links_of
from flyte._pod import pod_template_of
from flyte._policies import retry_strategy, timeout_of
from flyte._resources import Resources
from flyte._reuse import ReusePolicy
from flyte._secret import secrets_of

_FIXED = ("name", "image", "docs", "interface")
_OF_THE_PROCESS = ("resources", "env_vars", "secrets")
_ZERO_IS_NOTHING = ("retries", "timeout", "max_inline_io_bytes")
_FIELDS = {"retries": "retry"}

Reusable = ReusePolicy | Literal["off"]


def overridden(
    task: str, options: TaskOptions, given: Mapping[str, Any]
) -> tuple[TaskOptions, frozenset[str]]:
    """The options of the task named `task` with what is `given`, and the fields that it changed.

    None, 0 and () mean: as it is. Raises TypeError for an unknown or badly typed option, ValueError for a
    bad one, or one that cannot be overridden.
    """
    said = {option: value for option, value in given.items() if not _is_silent(option, value)}
    _check_allowed(task, options, given, said)
    changes = {_FIELDS.get(option, option): _checked(option, value) for option, value in said.items()}
    return replace(options, **changes), frozenset(changes)


def _is_silent(option: str, value: object) -> bool:
    return value is None or value == () or (option in _ZERO_IS_NOTHING and value == 0)


def _check_allowed(
    task: str, options: TaskOptions, given: Mapping[str, Any], said: Mapping[str, Any]
) -> None:
    for option in given:
        if option in _FIXED:
            raise ValueError(f"{option.capitalize()} cannot be overridden (task {task})")
        if option not in _CHECKS:
            raise TypeError(f"override() of task {task} takes no option {option!r}")
    process = [option for option in _OF_THE_PROCESS if option in said]
    if options.reusable is not None and process and said.get("reusable") != "off":
        raise ValueError(
            f"{process[0]} of task {task} cannot be overridden, as its process is reused: add reusable='off'"
        )


def _checked(option: str, value: object) -> Any:
    return _CHECKS[option](value)


def _reusable(value: object) -> ReusePolicy | None:
    return None if value == "off" else checked("reusable", value, ReusePolicy)


_CHECKS: dict[str, Any] = {
    "short_name": lambda value: checked("short_name", value, str),
    "resources": lambda value: checked("resources", value, Resources),
    "cache": cache_of,
    "retries": retry_strategy,
    "timeout": timeout_of,
    "reusable": _reusable,
    "env_vars": checked_env_vars,
    "secrets": secrets_of,
    "max_inline_io_bytes": checked_bytes,
    "pod_template": pod_template_of,
    "queue": checked_queue,
    "interruptible": lambda value: checked("interruptible", value, bool),
    "entrypoint": lambda value: checked("entrypoint", value, bool),
    "produces_artifacts": lambda value: checked("produces_artifacts", value, bool),
    "links": links_of,
    "plugin_config": lambda value: value,
}
