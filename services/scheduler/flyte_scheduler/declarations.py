"""Answers requests about triggers: those of deployments, and those of people.

Each answer expects what is known of the task's triggers, so of two schedulers that answer at once one writes,
and the other reads what is there and decides anew.
"""

import hashlib
from collections.abc import Callable

import structlog

from flyte_bus.errors import Conflict, TooLarge
from flyte_bus.fair_inbox import FairInbox, Turn
from flyte_bus.history import find_version
from flyte_bus.ports import Bus, Delivery, Entry
from flyte_bus.service import refusing, set_aside
from flyte_bus.triggers import NONE_YET, read_triggers
from flyte_scheduler.core.declaring import Change, answer, no
from flyte_scheduler.settings import SERVICE, Now, SchedulerSettings
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.failure import Failure
from flyte_schemas.subjects import TRIGGER_REQUESTS, Request, parse_request, triggers_subject
from flyte_schemas.trigger_events import CreateTrigger, DeleteTrigger, DeployTriggers, SwitchTrigger
from flyte_schemas.trigger_state import TaskTriggers

log = structlog.get_logger()

_TRY_AGAIN_S = 1.0
Known = Callable[[str, str, str], TaskTriggers]
"""The triggers of a project, domain and task, as far as they were read."""


class Declarations:
    """The consumer of requests about triggers."""

    def __init__(self, bus: Bus, settings: SchedulerSettings, now: Now, known: Known) -> None:
        self._bus = bus
        self._known = known
        self._settings = settings
        self._now = now
        self._inbox = FairInbox(bus, SERVICE, TRIGGER_REQUESTS, ack_wait_s=settings.ack_wait_s)

    async def run(self) -> None:
        """Answer requests for ever."""
        async with self._inbox as inbox:
            async for turns in inbox:
                for turn in turns:
                    async with refusing(turn.delivery, self._refuse, by=SERVICE):
                        await self._take(turn)

    async def _take(self, turn: Turn) -> None:
        delivery, entry = turn.delivery, turn.delivery.entry
        asked = _asked(entry)
        if isinstance(asked, str):
            return await self._refuse(delivery, asked)
        try:
            await self._answer(*asked, entry.sequence, turn.refused)
        except TooLarge as error:
            return await self._refuse(delivery, str(error))
        except Conflict:
            return await delivery.nak(_TRY_AGAIN_S)
        return await delivery.ack()

    async def _answer(
        self, place: Request, request_id: str, request: Change, sequence: int, refused: Failure | None
    ) -> None:
        """Bring the answer into the log. Raises Conflict when others keep writing first."""
        project, domain, task = place.project, place.domain, request.task
        version = request.version if isinstance(request, DeployTriggers | CreateTrigger) else None
        found = await find_version(self._bus.log, project, domain, task, version)
        state = self._known(project, domain, task)
        for left in range(self._settings.max_decisions - 1, -1, -1):
            if request_id in state.answered:
                return
            event = Event(
                id=f"trigger.{hashlib.sha256(request_id.encode()).hexdigest()[:32]}",
                source=f"/{SERVICE}",
                subject=triggers_subject(project, domain, task),
                time=self._now(),
                data=answer(place.user, request, sequence, state, found) if refused is None else no(refused),
                cause=request_id,
            )
            try:
                await self._bus.log.append(event, expected=state.sequence)
            except Conflict:
                if not left:
                    raise
                there = await read_triggers(self._bus.log, project, domain, task)
                state = there.get(task, NONE_YET)
            else:
                log.info("scheduler.triggers.changed", task=f"{project}/{domain}/{task}", how=event.type)
                return

    async def _refuse(self, delivery: Delivery, reason: str) -> None:
        await set_aside(self._bus, delivery, reason, by=SERVICE, now=self._now())


def _asked(entry: Entry) -> tuple[Request, str, Change] | str:
    """The request in an entry, with what its subject says and its id; or why there is none."""
    event, place = entry.content, parse_request(entry.subject)
    if isinstance(event, Malformed):
        return str(event)
    if place is None or not isinstance(
        event.data, DeployTriggers | CreateTrigger | SwitchTrigger | DeleteTrigger
    ):
        return f"{event.type} is no request about triggers"
    if event.data.task.partition(".")[0] != place.name:
        return f"{event.data.task} is no task of {place.name}"
    return place, event.id, event.data
