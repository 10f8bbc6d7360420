"""What the executor writes into the log: its decisions, and the last word of an attempt that is lost."""

from datetime import UTC, datetime

import structlog

from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_executor.backends.port import Gone
from flyte_executor.core.lost import attempt_lost
from flyte_executor.settings import SERVICE
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import EventData
from flyte_schemas.subjects import ActionKey, action_subject

log = structlog.get_logger()


async def report_lost(events: EventLog, gone: Gone) -> None:
    """Write that the attempt failed or was stopped, unless it has ended or another worker has it.

    A conflict means that the log went on, so each try sees more of it.
    """
    key = gone.attempt.action
    while True:
        state, _ = await read_action(events, key)
        lost = attempt_lost(state, gone.attempt.attempt, gone.worker, gone.reason)
        if lost is None:
            return
        try:
            await events.append(decision_event(key, lost, state), expected=state.version)
        except Conflict:
            continue
        log.warning("executor.attempt.gone", attempt=str(gone.attempt), reason=gone.reason, kind=lost.TYPE)
        return


def decision_event(key: ActionKey, data: EventData, state: ActionState) -> AnyEvent:
    """The event of a decision; its id follows from what it decides, so two executors write it once."""
    attempt = getattr(data, "attempt", state.attempt)
    return Event(
        id=f"{key}.{attempt}.{data.TYPE}.{state.version}",
        source=f"/{SERVICE}",
        subject=action_subject(key),
        time=datetime.now(UTC),
        cause=state.request_id or None,
        data=data,
    )
