"""A logger that loads structlog with the first fact.

A client says nothing for as long as all goes well, and a command line has no time to load a logging library
for that.
"""

import importlib
from typing import Any


class Facts:
    """Logs as `structlog.get_logger(name)` does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return getattr(importlib.import_module("structlog").get_logger(self._name), method)
