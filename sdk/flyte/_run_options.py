"""How one run differs from the ordinary, and the checks on what a user says of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from flyte import _session
from flyte._names import check_run_name
from flyte._options import checked_env_vars
from flyte._triggers import checked_notifications
from flyte_schemas.events import RunSettings

Mode = Literal["local", "remote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of one run; `settings` are kept with it, `images` name the images to deploy with."""

    mode: Mode | None = None
    name: str | None = None
    version: str | None = None
    env_vars: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    domain: str | None = None
    copy_style: str = "loaded_modules"
    sync_sys_paths: bool = True
    images: Mapping[str, str] = field(default_factory=dict)
    custom_context: Mapping[str, str] = field(default_factory=dict)
    settings: RunSettings = field(default_factory=RunSettings)
    dry_run: bool = False

    @property
    def is_local(self) -> bool:
        return self.mode == "local" or (self.mode is None and not _session.is_connected())

    def settings_to_send(self) -> RunSettings | None:
        """The settings; None when nothing was said."""
        return None if self.settings == RunSettings() else self.settings


def options_of(given: Mapping[str, Any]) -> RunOptions:
    """The options that `with_runcontext` was given, by the names of its parameters; raises as it says."""
    refuse({name: given[name] for name in _REFUSED})
    settings = RunSettings(
        labels=checked_texts("labels", given["labels"]),
        annotations=checked_texts("annotations", given["annotations"]),
        interruptible=given["interruptible"],
        overwrite_cache=given["overwrite_cache"],
        disable_cache=given["disable_run_cache"],
        cache_scope=checked_scope(given["cache_lookup_scope"]),
        queue=given["queue"] or "",
        service_account=given["service_account"] or "",
        raw_data_path=str(given["raw_data_path"] or ""),
        max_action_concurrency=checked_concurrency(given["max_action_concurrency"]),
        debug=given["debug"],
        notifications=checked_notifications(given["notifications"]),
    )
    variables = log_variables(
        given["log_level"], given["log_format"], given["user_log_level"], given["reset_root_logger"]
    )
    return RunOptions(
        mode=checked_mode(given["mode"]),
        name=check_run_name(given["name"]) if given["name"] else None,
        version=given["version"],
        env_vars=variables | checked_env_vars(given["env_vars"] or {}),
        project=given["project"],
        domain=given["domain"],
        copy_style=given["copy_style"],
        custom_context=checked_texts("custom_context", given["custom_context"]),
        settings=settings,
        dry_run=given["dry_run"],
    )


_REFUSED = (
    "copy_bundle_to",
    "interactive_mode",
    "run_base_dir",
    "run_start_time",
    "tracked",
    "tracked_strict",
)
"""Options that this version does not have."""


def refuse(options: Mapping[str, Any]) -> None:
    """Raise NotImplementedError for the first of these options that was given."""
    for option, value in options.items():
        if value:
            raise NotImplementedError(f"with_runcontext({option}=…) is not supported yet: leave it out")


def checked_mode(mode: str | None) -> Mode | None:
    """Raises ValueError for a mode that does not exist, NotImplementedError for `hybrid`."""
    if mode == "hybrid":
        raise NotImplementedError(
            "mode 'hybrid' (the parent here, its children on the stack) is not supported: "
            "use 'local' or 'remote'"
        )
    if mode not in (None, "local", "remote"):
        raise ValueError(f"mode {mode!r} is unknown: use 'local', 'remote' or None")
    return cast(Mode | None, mode)


def checked_texts(option: str, given: Mapping[str, str] | None) -> dict[str, str]:
    """A mapping of text to text. Raises TypeError."""
    if given is None:
        return {}
    texts = isinstance(given, Mapping) and all(
        isinstance(key, str) and isinstance(value, str) for key, value in given.items()
    )
    if not texts:
        raise TypeError(f"{option} must be a dict of str to str, not {given!r}")
    return dict(given)


def checked_scope(scope: str) -> str:
    """Where cached results may come from; empty for everywhere. Raises ValueError."""
    if scope not in ("global", "project-domain"):
        raise ValueError(f"cache_lookup_scope {scope!r} is not one of 'global', 'project-domain'")
    return "" if scope == "global" else scope


def checked_concurrency(number: int | None) -> int | None:
    """How many actions may run at a time. Raises ValueError."""
    if number is not None and number < 1:
        raise ValueError(f"max_action_concurrency {number} is not allowed: it must be at least 1")
    return number


def log_variables(
    level: int | str | None, form: str, user_level: int | str | None, reset_root: bool
) -> dict[str, str]:
    """The variables by which a run's processes learn how to log. Raises ValueError for an unknown format."""
    if form not in ("console", "json"):
        raise ValueError(f"log_format {form!r} is not one of 'console', 'json'")
    said = {
        "LOG_LEVEL": _level(level),
        "LOG_FORMAT": "" if form == "console" else form,
        "USER_LOG_LEVEL": _level(user_level),
        "FLYTE_RESET_ROOT_LOGGER": "1" if reset_root else "",
    }
    return {name: value for name, value in said.items() if value}


def _level(level: int | str | None) -> str:
    if level is None:
        return ""
    return logging.getLevelName(level) if isinstance(level, int) else str(level).upper()
