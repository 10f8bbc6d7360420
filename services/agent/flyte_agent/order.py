"""Which attempt an agent is for: what the backend tells it, and the record that it keeps while it lives."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from pydantic import NonNegativeInt, PositiveInt

from flyte_bus.process import start_time
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey
from flyte_schemas.words import Name, Word


class Order(Word):
    """The attempt to run, and the sequence of the event that opened it: the fence to claim."""

    project: Name
    domain: Name
    run: Name
    action: Name
    attempt: PositiveInt
    fence: NonNegativeInt

    @property
    def key(self) -> AttemptKey:
        return AttemptKey(ActionKey(RunKey(self.project, self.domain, self.run), self.action), self.attempt)


@contextmanager
def recorded(order: Order, folder: Path) -> Iterator[None]:
    """Keep a record of this agent in `folder` within the block: an executor that comes back finds it.

    When the agent is killed the record stays, and tells an executor of the same machine of the loss.
    """
    pid = os.getpid()
    document = order.model_dump() | {"pid": pid, "started": start_time(pid), "host": platform.node()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pid}.json"
    half = path.with_suffix(".part")
    half.write_bytes(orjson.dumps(document))
    half.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
