"""`flyte.logger`: the user's log, on the task's standard error; level and form come from the environment.

The variables are looked at with each record, because a task's own are set after this module is imported, and
a process of local runs has several tasks.
"""

import datetime
import json
import logging
import os
import sys
from typing import Any

_DEFAULT_USER_LEVEL = logging.INFO
_DEFAULT_SYSTEM_LEVEL = logging.WARNING


class _Logger(logging.Logger):
    """A logger whose level is the first of these variables that is set, unless `setLevel` was called."""

    def __init__(self, name: str, variables: tuple[str, ...], default: int) -> None:
        super().__init__(name)
        self._variables = variables
        self._default = default
        self.propagate = False  # the user's own handlers of the root would write it twice
        self.addHandler(_StandardError())

    def getEffectiveLevel(self) -> int:
        if self.level:
            return self.level
        levels = (_level(os.environ.get(variable)) for variable in self._variables)
        return next((level for level in levels if level is not None), self._default)

    def isEnabledFor(self, level: int) -> bool:
        return not self.disabled and level > self.manager.disable and level >= self.getEffectiveLevel()

    def __reduce__(self) -> Any:
        return _named, (self.name,)


class _StandardError(logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is at the moment."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def format(self, record: logging.LogRecord) -> str:
        if os.environ.get("LOG_FORMAT") != "json":
            return super().format(record)
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        said = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            said["exception"] = logging.Formatter().formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _level(value: str | None) -> int | None:
    """A level by its name or number; None when there is none, or nobody knows it."""
    if not value:
        return None
    if value.isdecimal():
        return int(value)
    return logging.getLevelNamesMapping().get(value.upper())


def _named(name: str) -> logging.Logger:
    return logger if name == logger.name else system_logger


logger: logging.Logger = _Logger("flyte.user", ("USER_LOG_LEVEL", "LOG_LEVEL"), _DEFAULT_USER_LEVEL)
"""For the user's program. `USER_LOG_LEVEL`, else `LOG_LEVEL`, else INFO."""

system_logger: logging.Logger = _Logger("flyte", ("LOG_LEVEL",), _DEFAULT_SYSTEM_LEVEL)
"""For the SDK itself. `LOG_LEVEL`, else WARNING."""
