"""Watches the log from a durable place, and puts what is to be told into the outbox before it goes on.

Ends of runs come by one consumer, of root actions only. All other events are looked at only while a rule
names their types.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime

import structlog

from flyte_bus.errors import BusError, Conflict
from flyte_bus.ports import Bus, Delivery, Entry
from flyte_notifier.core.matching import delivery_key, told_of_end, told_of_event
from flyte_notifier.rulebook import Rulebook
from flyte_notifier.settings import SERVICE, NotifierSettings, Now
from flyte_schemas import notices
from flyte_schemas.action import ENDS, ActionState, evolve, skip
from flyte_schemas.envelope import Malformed
from flyte_schemas.notify import RUN_NOTIFICATIONS
from flyte_schemas.streams import OUTBOX_BUCKET, RUNS
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, action_subject, parse_action

log = structlog.get_logger()

ROOTS = f"flyte.run.*.*.*.{ROOT_ACTION}"
EVENTS_DURABLE = f"{SERVICE}-events"
READS, READ_AGAIN_S = 50, 0.2
"""How often, and with which pause, a message is looked for that a consumer has told of."""
ENDED_KEPT = 10_000
"""Of so many runs it is known that they have ended."""


class Watching:
    """The consumers of the log."""

    def __init__(self, bus: Bus, rulebook: Rulebook, settings: NotifierSettings, now: Now) -> None:
        self._bus = bus
        self._rulebook = rulebook
        self._settings = settings
        self._now = now
        self._ended: OrderedDict[ActionKey, None] = OrderedDict()

    async def ends(self) -> None:
        """See to the ends of runs, for ever."""
        inbox_of_all = self._bus.inbox(RUNS, SERVICE, [ROOTS], ack_wait_s=self._settings.ack_wait_s)
        async with inbox_of_all as inbox:
            async for delivery in inbox:
                await self._end(delivery.entry)
                await delivery.ack()

    async def events(self) -> None:
        """See to events of the types that rules name, for ever."""
        while True:
            if self._names_types():
                inbox_of_all = self._bus.inbox(
                    RUNS, EVENTS_DURABLE, ["flyte.run.>"], ack_wait_s=self._settings.ack_wait_s
                )
                async with inbox_of_all as inbox:
                    async for delivery in inbox:
                        await self._event(delivery)
                        if not self._names_types():
                            break
            else:
                await self._rulebook.changed()

    def _remember(self, key: ActionKey) -> None:
        """What an agent says once more of an end is not worth reading its whole run again."""
        self._ended[key] = None
        if len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)

    def _names_types(self) -> bool:
        return any(rule.types for rule in self._rulebook.rules.values())

    async def _end(self, entry: Entry) -> None:
        key, content = parse_action(entry.subject), entry.content
        if key is None or isinstance(content, Malformed) or not isinstance(content.data, ENDS):
            return
        if key in self._ended or self._is_too_old(content.time):
            return
        before, after = await around(self._bus, key, entry.sequence)
        if after.is_terminal and not before.is_terminal:
            await self._rulebook.load()
            targets = told_of_end(key, after, self._rulebook.rules.values(), content.time)
            await self._put(entry, content.id, targets)
            _warn_of_too_many(key, after)
        if after.is_terminal:
            self._remember(key)

    async def _event(self, delivery: Delivery) -> None:
        entry = delivery.entry
        key, content = parse_action(entry.subject), entry.content
        wanted = {type for rule in self._rulebook.rules.values() for type in rule.types}
        if (
            key is not None
            and not isinstance(content, Malformed)
            and content.type in wanted
            and not self._is_too_old(content.time)
        ):
            _, after = await around(self._bus, key, entry.sequence)
            task = after.requested.task.name if after.requested else ""
            targets = told_of_event(key, content, task, self._rulebook.rules.values())
            await self._put(entry, content.id, targets)
        await delivery.ack()

    def _is_too_old(self, at: datetime) -> bool:
        return self._now() - at > self._settings.oldest

    async def _put(self, entry: Entry, event_id: str, targets: list[str]) -> None:
        outbox = self._bus.bucket(OUTBOX_BUCKET)
        for target in targets:
            told = notices.Delivery(
                target=target,
                event_id=event_id,
                subject=entry.subject,
                sequence=entry.sequence,
                next_at=self._now(),
            )
            try:
                await outbox.create(delivery_key(told), told.model_dump_json().encode())
            except Conflict:
                log.debug("notifier.delivery.known", event_id=event_id, target=target)


def _warn_of_too_many(key: ActionKey, state: ActionState) -> None:
    settings = state.requested.settings if state.requested else None
    if settings is not None and (number := len(settings.notifications)) > RUN_NOTIFICATIONS:
        log.warning("notifier.run.asks_too_much", run=str(key.run), asked=number, told=RUN_NOTIFICATIONS)


class NotReadable(BusError):
    """What a consumer has told of is not in the log: not yet, or not any more."""


async def around(bus: Bus, key: ActionKey, sequence: int) -> tuple[ActionState, ActionState]:
    """An action just before a message on its subject, and with it. Raises NotReadable.

    A replica of the stream may be behind the one that told of the message: it is asked again.
    """
    for _ in range(READS):
        before = state = ActionState()
        async for entry in bus.log.read(RUNS, action_subject(key)):
            if entry.sequence > sequence:
                break
            before = state
            if isinstance(entry.content, Malformed):
                state = skip(state, entry.sequence)
            else:
                state = evolve(state, entry.content, entry.sequence)
        if state.version >= sequence:
            return before, state
        await asyncio.sleep(READ_AGAIN_S)
    raise NotReadable(f"sequence {sequence} of {key} was told of, and cannot be read")
