"""Environment variables of a running task, in a process that other tasks may share.

Each attempt lays its variables over the process's and takes them off at its end; of several that set the
same variable the latest wins. On the stack a process runs one attempt, so nothing overlaps there.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_lock = threading.Lock()
_layers: dict[str, dict[object, str]] = {}
_originals: dict[str, str | None] = {}


@contextmanager
def applied(env_vars: Mapping[str, str]) -> Iterator[None]:
    """Set `env_vars` within the block; what was there before is there again after it."""
    layer = object()
    with _lock:
        for name, value in env_vars.items():
            if not _layers.setdefault(name, {}):
                _originals[name] = os.environ.get(name)
            _layers[name][layer] = value
            os.environ[name] = value
    try:
        yield
    finally:
        with _lock:
            for name in env_vars:
                _remove(name, layer)


def _remove(name: str, layer: object) -> None:
    layers = _layers[name]
    del layers[layer]
    value = layers[next(reversed(layers))] if layers else _originals.pop(name)
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
