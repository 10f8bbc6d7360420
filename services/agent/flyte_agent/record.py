"""The record that an agent keeps while it lives: who it is, and what it does."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import orjson

from flyte_bus.process import start_time
from flyte_schemas.orders import Order


class Note(Protocol):
    """Takes note of what the agent has in hand: an order, or none, and those that it has beside it."""

    def __call__(self, order: Order | None, *beside: Order) -> None: ...


@contextmanager
def recorded(order: Order | None, folder: Path, *, pool: str | None = None) -> Iterator[Note]:
    """Keep a record of this agent in `folder` within the block: an executor that comes back finds it.

    `pool` is that of a worker, who calls what it is given whenever it has another order, or none. When the
    agent is killed the record stays, and tells an executor of the same machine of the loss.
    """
    pid = os.getpid()
    who = {"pid": pid, "started": start_time(pid), "host": platform.node(), "pool": pool}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pid}.json"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    length = 0

    def note(order: Order | None, *beside: Order) -> None:
        nonlocal length
        more = {"beside": [one.model_dump() for one in beside]} if beside else {}
        document = orjson.dumps(who | (order.model_dump() if order else {}) | more)
        length = max(length, len(document))
        os.pwrite(file, document.ljust(length), 0)  # in one piece: a worker writes two for each attempt

    note(order)
    try:
        yield note
    finally:
        path.unlink(missing_ok=True)
        os.close(file)
