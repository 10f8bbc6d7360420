"""A logger for code that services and clients share: it speaks where somebody has set up structlog.

A service has (`flyte_bus.service.configure_logging`). A user's program mostly has not: there the facts are
not for its output, and a command line has no time to load a logging library for nothing.
"""

import sys
from typing import Any


class Facts:
    """Logs as `structlog.get_logger(name)` does, once structlog is configured; before, it is silent."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        structlog = sys.modules.get("structlog")
        if structlog is None or not structlog.is_configured():
            return _say_nothing
        return getattr(structlog.get_logger(self._name), method)


def _say_nothing(*_: object, **__: object) -> None:
    """Nobody listens."""
