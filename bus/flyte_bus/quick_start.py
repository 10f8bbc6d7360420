"""Loads libraries without those of theirs that nobody here needs, where these are installed.

nats-py has an HTTP library for WebSockets only, which takes a third of the time in which a command line is
ready; structlog has one that paints tracebacks, which takes as long as structlog itself.
"""

import importlib
import os
import sys

_is_spared = False


def spare_websockets() -> None:
    """Connections over `ws://` and `wss://` are not wanted in this process: do not load what they need.

    For a program with one thread at work: while nats-py is loaded, `import aiohttp` fails everywhere.
    """
    global _is_spared
    _is_spared = True


def load() -> None:
    """Load nats-py, as this process wants it."""
    if _is_spared:
        _load("nats", without="aiohttp")


def _load(name: str, *, without: str) -> None:
    if name in sys.modules or without in sys.modules:
        return
    sys.modules[without] = None  # type: ignore[assignment]
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[without]


def load_log() -> None:
    """Load structlog as every process of ours wants it."""
    _load("structlog", without="rich")


def load_as_reached() -> None:
    """Load what a process needs that logs, and whose bus is where `FLYTE_NATS_URL` says."""
    load_log()
    urls = os.environ.get("FLYTE_NATS_URL", "").split(",")
    if not any(url.strip().startswith("ws") for url in urls):
        spare_websockets()
    load()
