"""Loads nats-py without the HTTP library that it has for WebSockets only, where that is installed.

That library takes a third of the time in which a command line is ready.
"""

import importlib
import sys


def load_without_websockets() -> None:
    """Import nats-py; connections over `ws://` and `wss://` are not possible in this process then.

    For a program whose only thread this is: until it returns, `import aiohttp` fails everywhere.
    """
    if "aiohttp" in sys.modules or "nats" in sys.modules:
        return
    sys.modules["aiohttp"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("nats")
    finally:
        del sys.modules["aiohttp"]
