"""The work of the registry: each deploy request becomes a version of a task, or a refusal.

A request is acknowledged only after the answer stands in the log. A request that comes twice, or to two
registries at once, is answered once: the answer is appended only if nothing else was, and the decision is
made anew otherwise.
"""

from collections import OrderedDict

import structlog

from flyte_bus.errors import BusUnavailable, Conflict, StreamFull, TooLarge
from flyte_bus.fair_inbox import FairInbox
from flyte_bus.ports import Bus, Delivery, Entry, EventLog
from flyte_bus.service import set_aside
from flyte_registry.core.deployment import (
    Asked,
    TaskHistory,
    Verdict,
    decide,
    refuse,
    too_large,
    verdict_id,
)
from flyte_registry.settings import SERVICE, Clock, RegistrySettings
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.events import DeployTask, EventData, TaskDeployed
from flyte_schemas.failure import Failure
from flyte_schemas.streams import TASKS
from flyte_schemas.subjects import DEPLOY_REQUESTS, parse_request, task_subject

DURABLE = "registry"

log = structlog.get_logger()


class Histories:
    """What the log says of each task, remembered; the least recently used are forgotten first."""

    def __init__(self, events: EventLog, limit: int) -> None:
        self._log = events
        self._limit = limit
        self._known: OrderedDict[str, TaskHistory] = OrderedDict()

    async def of(self, subject: str) -> TaskHistory:
        history = self._known.get(subject)
        if history is None:
            history = TaskHistory()
            async for entry in self._log.read(TASKS, subject):
                _take(history, entry)
            self._known[subject] = history
        self._known.move_to_end(subject)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        return history

    def forget(self, subject: str) -> None:
        """The next look reads the log again."""
        self._known.pop(subject, None)


def _take(history: TaskHistory, entry: Entry) -> None:
    if isinstance(entry.content, Malformed):
        history.sequence = entry.sequence
    else:
        history.apply(entry.content, entry.sequence)


class Deployments:
    """The consumer of deploy requests."""

    def __init__(self, bus: Bus, settings: RegistrySettings, clock: Clock) -> None:
        self._bus = bus
        self._settings = settings
        self._clock = clock
        self._inbox = FairInbox(bus, DURABLE, DEPLOY_REQUESTS, ack_wait_s=settings.ack_wait_s)
        self._histories = Histories(bus.log, settings.max_histories)
        self._outcomes = bus.meter.counter(
            "flyte_registry_deploy_requests_total", "Deploy requests, by what became of them.", "outcome"
        )

    async def run(self) -> None:
        """Answer deploy requests until cancelled."""
        async with self._inbox as inbox:
            async for turns in inbox:
                for turn in turns:
                    await self._take_care(turn.delivery, turn.refused)

    async def _take_care(self, delivery: Delivery, refused: Failure | None) -> None:
        """Answer one request, whatever is wrong with it or with us, so that the next one has its turn."""
        try:
            await self._answer(delivery, refused)
        except BusUnavailable:
            raise
        except (Conflict, StreamFull) as error:
            self._outcomes.child("postponed").add()
            log.warning("registry.request.postponed", subject=delivery.entry.subject, reason=str(error))
            await delivery.nak(self._settings.retry_delay_s)
        except Exception as error:
            await self._failed(delivery, error)

    async def _answer(self, delivery: Delivery, refused: Failure | None) -> None:
        entry = delivery.entry
        request = _asked(entry)
        if isinstance(request, str):
            await self._set_aside(delivery, request)
            return
        await self._settle(request, refused)
        await delivery.ack()

    async def _settle(self, request: Asked, refused: Failure | None) -> None:
        """Bring the answer into the log. Raises Conflict when others keep writing first."""
        subject = task_subject(request.at.project, request.at.domain, request.data.template.name)
        for left in range(self._settings.max_decisions - 1, -1, -1):
            history = await self._histories.of(subject)
            verdict = decide(request, history)
            if verdict is not None and refused is not None:
                verdict = refuse(request, refused)
            if verdict is None:
                self._outcomes.child("unchanged").add()
                log.info("registry.task.unchanged", subject=subject, version=request.data.version)
                return
            try:
                await self._append(subject, request, verdict, history)
                return
            except TooLarge:
                await self._append(subject, request, too_large(request), history)
                return
            except Conflict:
                self._histories.forget(subject)
                if not left:
                    raise

    async def _append(self, subject: str, request: Asked, verdict: Verdict, history: TaskHistory) -> None:
        event: Event[EventData] = Event(
            id=verdict_id(request, verdict),
            source=SERVICE,
            subject=subject,
            time=self._clock(),
            data=verdict,
            cause=request.id,
            traceparent=request.traceparent,
        )
        sequence = await self._bus.log.append(event, expected=history.sequence)
        history.apply(event, sequence)
        self._outcomes.child("deployed" if isinstance(verdict, TaskDeployed) else "refused").add()
        if isinstance(verdict, TaskDeployed):
            log.info("registry.task.deployed", subject=subject, version=verdict.version, sequence=sequence)
        else:
            log.info(
                "registry.task.refused",
                subject=subject,
                version=verdict.version,
                code=verdict.failure.code,
            )

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        """Our own failure: try again a few times, then set the request aside rather than stop for it."""
        log.error("registry.request.failed", subject=delivery.entry.subject, exc_info=error)
        if delivery.deliveries < self._settings.max_deliveries:
            await delivery.nak(self._settings.retry_delay_s)
        else:
            await self._set_aside(delivery, f"{delivery.deliveries} attempts failed: {error!r}")

    async def _set_aside(self, delivery: Delivery, reason: str) -> None:
        self._outcomes.child("rejected").add()
        await set_aside(self._bus, delivery, reason, by=SERVICE, now=self._clock())


def _asked(entry: Entry) -> Asked | str:
    """The request in this entry, or why there is none."""
    event = entry.content
    if isinstance(event, Malformed):
        return str(event)
    at = parse_request(entry.subject)
    if at is None or at.verb != "deploy":
        return f"{entry.subject} is not the subject of a deploy request"
    if not isinstance(event.data, DeployTask):
        return f"a deploy request was expected here, and not {event.type}"
    return Asked(at=at, id=event.id, data=event.data, traceparent=event.traceparent)
