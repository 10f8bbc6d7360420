"""Admission: run requests become the first event of a run, those to abort or signal the last of an action.

A request names the run, so admitting it twice meets the first admission and changes nothing. All kinds come
by one inbox, so that a run is aborted after it was started.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from flyte_bus.errors import Conflict, TooLarge
from flyte_bus.fair_inbox import FairInbox, Turn
from flyte_bus.ports import Bus, Delivery
from flyte_bus.service import refusing, set_aside
from flyte_executor.allowance import Allowance
from flyte_executor.clock import Now, utc_now
from flyte_executor.decisions import abort, digest_of, signal
from flyte_executor.settings import ABORT_TRIES, ABORT_TRY_AGAIN_S, SERVICE
from flyte_schemas.envelope import AnyEvent, Event, Malformed
from flyte_schemas.events import AbortAction, ActionRequested, RunSettings, SignalCondition, StartRun
from flyte_schemas.failure import Failure
from flyte_schemas.limits import Place
from flyte_schemas.names import is_name
from flyte_schemas.subjects import (
    ABORT_REQUESTS,
    ROOT_ACTION,
    RUN_REQUESTS,
    SIGNAL_REQUESTS,
    ActionKey,
    Request,
    RunKey,
    action_subject,
    parse_request,
)
from flyte_schemas.tracing import log_fields, parse_traceparent
from flyte_schemas.users import asked_by

log = structlog.get_logger()


AskedT = TypeVar("AskedT", StartRun, AbortAction, SignalCondition)

Begun = Callable[[RunKey, str | None], str | None]
"""What a run's first event says of its trace, and what its request said."""


def as_it_came(run: RunKey, traceparent: str | None) -> str | None:
    """A trace that somebody has begun goes on; none is begun here."""
    return traceparent if parse_traceparent(traceparent) else None


class Admission:
    """Consumes requests: `ActionRequested(a0)` for a run, `ActionAborted`, `ConditionSignalled`."""

    def __init__(self, bus: Bus, allowance: Allowance, now: Now = utc_now, begun: Begun = as_it_came) -> None:
        self._bus = bus
        self._allowance = allowance
        kinds = (*RUN_REQUESTS, *ABORT_REQUESTS, *SIGNAL_REQUESTS)
        self._inbox = FairInbox(bus, SERVICE, kinds, allowance.limits)
        self._begun = begun
        self._now = now
        self._requests = bus.meter.counter(
            "flyte_executor_requests_total", "Requests, by what became of them.", "verb", "outcome"
        )

    async def run(self) -> None:
        """Admit requests for ever."""
        async with self._inbox as inbox:
            async for turns in inbox:
                await asyncio.gather(*map(self._admit, turns))

    async def _admit(self, turn: Turn) -> None:
        async with refusing(turn.delivery, self._refuse, by=SERVICE):
            await self._answer_request(turn)

    async def _answer_request(self, turn: Turn) -> None:
        delivery, entry = turn.delivery, turn.delivery.entry
        place = parse_request(entry.subject)
        if isinstance(entry.content, Malformed):
            return await self._refuse(delivery, str(entry.content))
        if place is None or not all(map(is_name, (place.project, place.domain, place.name))):
            return await self._refuse(delivery, f"{entry.subject} names a run that cannot be")
        try:
            match place.verb, entry.content.data:
                case "run", StartRun() as start:
                    named = _from(place, start, start.settings)
                    await self._append(place, entry.content, named, turn.refused or self._refusal(place))
                case "abort", AbortAction() as request:
                    request = _from(place, request)
                    key = _run(place).action(request.action)
                    done = await abort(self._bus.log, key, entry.content.id, request, self._now)
                    return await self._answer(delivery, key, done, place.verb)
                case "signal", SignalCondition() as request:
                    request = _from(place, request)
                    key = _run(place).action(request.condition)
                    taken = await signal(self._bus.log, key, entry.content.id, request, self._now)
                    return await self._answer(delivery, key, taken, place.verb)
                case _:
                    return await self._refuse(delivery, f"{entry.content.type} is no request to {place.verb}")
        except (TooLarge, ValueError) as error:
            return await self._refuse(delivery, str(error))
        return await self._take(delivery, place.verb)

    def _refusal(self, place: Request) -> Failure | None:
        """Why nothing of its project may begin now."""
        where = Place(place.project, place.domain)
        if (failure := self._allowance.refusal(where)) is not None:
            self._allowance.count(failure)
        return failure

    async def _append(
        self, place: Request, asked: AnyEvent, request: StartRun, refused: Failure | None
    ) -> None:
        key = _run(place).action(ROOT_ACTION)
        event = Event(
            id=f"{key}.requested.{digest_of(asked.id)}",
            source=f"/{SERVICE}",
            subject=action_subject(key),
            time=self._now(),
            cause=asked.id,
            traceparent=self._begun(key.run, asked.traceparent),
            data=ActionRequested(
                task=request.task,
                inputs=request.inputs,
                env_vars=request.env_vars,
                custom_context=request.custom_context,
                overrides=request.overrides,
                settings=request.settings,
                refused=refused,
                requested_by=request.requested_by,
            ),
        )
        try:
            await self._bus.log.append(event, expected=0)
            about = log_fields(event.traceparent)
            log.info("executor.run.admitted", run=str(key.run), task=str(request.task), **about)
        except Conflict:
            log.info("executor.run.known", run=str(key.run))

    async def _answer(self, delivery: Delivery, key: ActionKey, done: bool | str, verb: str) -> None:
        """Done, or why not; the request for what it is about may still be on its way, by another executor."""
        if done is True:
            return await self._take(delivery, verb)
        if done:
            return await self._refuse(delivery, str(done))
        if delivery.deliveries < ABORT_TRIES:
            return await delivery.nak(ABORT_TRY_AGAIN_S)
        return await self._refuse(delivery, f"there is no action {key} to {verb}")

    async def _take(self, delivery: Delivery, verb: str) -> None:
        self._requests.child(verb, "taken").add()
        await delivery.ack()

    async def _refuse(self, delivery: Delivery, reason: str) -> None:
        place = parse_request(delivery.entry.subject)
        self._requests.child(place.verb if place else "unknown", "refused").add()
        await set_aside(self._bus, delivery, reason, by=SERVICE, now=self._now())


def _from(place: Request, request: AskedT, settings: RunSettings | None = None) -> AskedT:
    """The request in the name of who has sent it. Raises ValueError when it says somebody else."""
    acted_for = settings.on_behalf_of or settings.trigger if settings else ""
    who = asked_by(place.user, request.requested_by, acted_for)
    return request.model_copy(update={"requested_by": who})


def _run(place: Request) -> RunKey:
    return RunKey(place.project, place.domain, place.name)
