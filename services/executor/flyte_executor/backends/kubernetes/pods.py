"""A pod of ours, as this executor knows it."""

import asyncio
from dataclasses import dataclass, field

from flyte_executor.backends.kubernetes.api import Document
from flyte_executor.backends.kubernetes.identity import PREFIX, order_of, pool_order_of
from flyte_executor.backends.kubernetes.status import Ended, Runs, Status, Waits
from flyte_schemas.orders import Order, PoolOrder

WORKER = f"{PREFIX}worker"
"""The annotation that says by which name a pod's agent is known, in the log and where it asks for work."""


@dataclass(slots=True, eq=False)
class Pod:
    """One pod: whose it is, what is known of it, and what was told of that."""

    document: Document
    name: str
    namespace: str
    uid: str
    worker: str
    order: Order | None
    pool: PoolOrder | None
    status: Status = field(default_factory=Runs)
    end: Ended | None = None
    """Of one that is over, for us: its end is being told, then it is removed."""
    is_removed: bool = False
    stuck_since: float | None = None
    told: str = ""
    told_at: float = 0.0
    look_again: asyncio.TimerHandle | None = None
    tell_later: asyncio.TimerHandle | None = None

    @property
    def waits_for(self) -> str:
        """What keeps it from running; "" when nothing does."""
        return self.status.message if isinstance(self.status, Waits) and self.end is None else ""

    def rest(self) -> None:
        """Look no more, tell no more."""
        for timer in (self.look_again, self.tell_later):
            if timer is not None:
                timer.cancel()
        self.look_again = self.tell_later = None


def pod_of(document: Document) -> Pod | None:
    """A pod that was made by one of our executors; None when that cannot be seen from it."""
    metadata = document["metadata"]
    order, pool = order_of(document), pool_order_of(document)
    if order is None and pool is None:
        return None
    worker = (metadata.get("annotations") or {}).get(WORKER) or f"{metadata['name']}/unknown"
    return Pod(
        document=document,
        name=str(metadata["name"]),
        namespace=str(metadata["namespace"]),
        uid=str(metadata["uid"]),
        worker=str(worker),
        order=order,
        pool=pool,
    )
