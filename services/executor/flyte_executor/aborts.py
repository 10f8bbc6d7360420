"""Aborts: a request to give an action up becomes its last event, whatever it was doing.

What is below the action and what runs for it is not touched here: the executor sees the event like any
other, aborts the children and stops the process.
"""

from dataclasses import replace

import structlog

from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_executor.decisions import decision_event
from flyte_schemas.events import AbortAction, ActionAborted
from flyte_schemas.subjects import ActionKey

log = structlog.get_logger()

NO_REASON = "it was aborted by request"


async def abort(events: EventLog, key: ActionKey, request_id: str, request: AbortAction) -> bool:
    """Write that the action was given up, unless it has ended. False when nobody has asked for it yet.

    A conflict means that the log went on, so each try sees more of it. Raises the bus's errors.
    """
    while True:
        state, _ = await read_action(events, key)
        if state.phase is None:
            return False
        if state.is_terminal:
            return True
        aborted = ActionAborted(reason=request.reason or NO_REASON, requested_by=request.requested_by)
        event = replace(decision_event(key, aborted, state), cause=request_id)
        try:
            await events.append(event, expected=state.version)
        except Conflict:
            continue
        log.info("executor.action.aborted", action=str(key), by=request.requested_by)
        return True
