"""Loads nats-py without the HTTP library that it has for WebSockets only, where that is installed.

That library takes a third of the time in which a command line is ready.
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
    if not _is_spared or "aiohttp" in sys.modules or "nats" in sys.modules:
        return
    sys.modules["aiohttp"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("nats")
    finally:
        del sys.modules["aiohttp"]


def load_as_reached() -> None:
    """Load nats-py as a process needs it whose bus is where `FLYTE_NATS_URL` says."""
    urls = os.environ.get("FLYTE_NATS_URL", "").split(",")
    if not any(url.strip().startswith("ws") for url in urls):
        spare_websockets()
    load()
