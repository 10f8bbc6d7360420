"""Questions of the running attempt to people: asked once in a run, and found again by a later attempt."""

import structlog

from flyte._runtime.messages import Pause
from flyte_agent.endings import not_prepared
from flyte_agent.reports import Reports
from flyte_agent.webhook import Webhook, post
from flyte_bus.errors import BusError, Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_schemas.action import ActionState
from flyte_schemas.events import ConditionAnnounced, ConditionRequested
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.orders import Order

log = structlog.get_logger()


class Conditions:
    """The conditions that one attempt asks for."""

    def __init__(self, events: EventLog, order: Order, reports: Reports) -> None:
        self._events = events
        self._order = order
        self._reports = reports
        self._asked: set[str] = set()

    async def open(self, pause: Pause) -> Failure | None:
        """Ask; None when the question stands in the log, by this attempt or an earlier one."""
        if pause.condition in self._asked:
            return _exists(pause.condition, "this task has asked for it already")
        self._asked.add(pause.condition)
        try:
            await self._reports.request_child(pause.condition, self._data(pause), pause.traceparent)
        except Conflict:
            state = await self._state(pause.condition)
            if state.condition is None or state.parent != self._order.action:
                owner = f"action {state.parent}" if state.parent else "the run"
                return _exists(pause.condition, f"{owner} has an action of this name")
            log.info("agent.condition.attached", condition=pause.condition)
        except BusError as error:
            return not_prepared(error, "ConditionNotRequested")
        return None

    async def announce(self, pause: Pause) -> None:
        """Tell the webhook, unless it knows or there is nothing to tell; how that went is a fact."""
        if pause.webhook is None:
            return
        state = await self._state(pause.condition)
        if state.is_announced or state.is_terminal:
            return
        error = await post(Webhook(pause.webhook, self._document(pause)))
        try:
            await self._reports.announced(pause.condition, ConditionAnnounced(error=error))
        except BusError as trouble:  # then it is told again by the next attempt
            log.warning("agent.condition.not_noted", condition=pause.condition, error=str(trouble))

    async def _state(self, condition: str) -> ActionState:
        state, _ = await read_action(self._events, self._order.key.action.run.action(condition))
        return state

    def _data(self, pause: Pause) -> ConditionRequested:
        return ConditionRequested(
            prompt=pause.prompt,
            prompt_type=pause.prompt_type,
            data_type=pause.data_type,
            description=pause.description,
            timeout_s=pause.timeout_s,
            parent=self._order.action,
            parent_attempt=self._order.attempt,
            group=pause.group,
        )

    def _document(self, pause: Pause) -> object:
        if pause.payload is not None:
            return pause.payload
        asked = ("prompt", "prompt_type", "data_type", "description", "timeout_s")
        return {
            "project": self._order.project,
            "domain": self._order.domain,
            "run": self._order.run,
            "condition": pause.condition,
            **{name: getattr(pause, name) for name in asked},
        }


def _exists(condition: str, why: str) -> Failure:
    return Failure(
        code="ConditionAlreadyExistsError",
        kind=FailureKind.USER,
        message=f"condition {condition!r} exists already: {why}; names of conditions are unique within a run",
    )
