"""Ends one attempt of a worker that runs several at a time, and leaves the worker."""

import structlog

from flyte_bus.errors import BusError
from flyte_bus.ports import Bus
from flyte_executor.backends.workers import Worker
from flyte_schemas.endpoints import StopAttempt, stop_attempt_endpoint
from flyte_schemas.subjects import AttemptKey

log = structlog.get_logger()

ANSWER_S = 2.0
"""How much later than the grace a worker may say that it has ended one of its attempts."""


async def stopped_inside(bus: Bus, site: str, worker: Worker, attempt: AttemptKey, *, grace_s: float) -> bool:
    """Whether the worker has ended the attempt; False when it does not within the grace, or cannot."""
    if worker.lanes == 1:
        return False
    order = worker.work[attempt].order
    endpoint = stop_attempt_endpoint(site, worker.name)
    try:
        await bus.ask(endpoint, StopAttempt(order=order), timeout_s=grace_s + ANSWER_S)
    except BusError as error:
        log.warning("executor.attempt.not_stopped", attempt=str(attempt), error=str(error))
        return False
    return True
