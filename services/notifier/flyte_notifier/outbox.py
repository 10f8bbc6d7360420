"""Delivers what is in the outbox: at least once, again after a pause, a limited number of times.

Each delivery is a key of a bucket, and outlasts every notifier. Who tries one claims it first, by the key's
revision, so that of two notifiers one tries. Each target has places of its own: a dead one holds up nobody.
"""

import asyncio
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import structlog

from flyte_bus.errors import BusError, Conflict, TooLarge
from flyte_bus.ports import Bus, KeyEntry
from flyte_bus.service import Supervisor
from flyte_notifier.core.matching import is_for, named_by
from flyte_notifier.core.messages import cut, document
from flyte_notifier.measures import Measures
from flyte_notifier.rulebook import Rulebook
from flyte_notifier.senders import NotSent, Senders, Unsendable
from flyte_notifier.settings import SERVICE, NotifierSettings, Now
from flyte_notifier.watching import NotReadable, around
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Event, Malformed
from flyte_schemas.notices import Delivery, NotificationFailed
from flyte_schemas.streams import OUTBOX_BUCKET, RUNS
from flyte_schemas.subjects import ActionKey, notice_subject, parse_action

log = structlog.get_logger()

_LOST_RACE_S = 0.5
"""How long who was too late for a claim waits for the other's."""
_OWN_WORDS = frozenset({"body", "message", "title", "blocks", "card"})
"""Settings by which a run says itself what is sent: the notifier does not vouch for that."""


class Outbox:
    """One task for each delivery that is there."""

    def __init__(
        self, bus: Bus, rulebook: Rulebook, senders: Senders, settings: NotifierSettings, now: Now
    ) -> None:
        self._bus = bus
        self._rulebook = rulebook
        self._senders = senders
        self._settings = settings
        self._now = now
        self._kept = bus.bucket(OUTBOX_BUCKET)
        self._there: dict[str, tuple[Delivery, int]] = {}
        self._places = asyncio.Semaphore(settings.at_a_time)
        self._places_of: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(settings.at_a_time_each)
        )
        self._waiting: Counter[str] = Counter()
        """How many deliveries there are for a target."""
        self._measures = Measures(bus.meter)
        self._measures.show(lambda: len(self._there))

    async def run(self, tasks: Supervisor) -> None:
        """Deliver for ever what is there and what comes."""
        async for entry in self._kept.watch():
            known = self._there.get(entry.key)
            if known is not None and entry.revision <= known[1]:
                continue  # our own word comes back
            if entry.value is None:
                self._there.pop(entry.key, None)
                continue
            is_new = known is None
            self._there[entry.key] = (Delivery.model_validate_json(entry.value), entry.revision)
            if is_new:
                tasks.spawn(f"deliver {entry.key}", self._deliver(entry.key))

    async def _deliver(self, key: str) -> None:
        """See to one, whatever it holds: none may end the notifier, which would come upon it ever again."""
        try:
            await self._see_through(key)
        except Exception as error:
            if isinstance(error, BusError) and not isinstance(error, TooLarge):
                raise  # the bus cannot be used, whatever is on its way
            log.error("notifier.delivery.broken", key=key, exc_info=error)
            await self._remove(key)

    async def _see_through(self, key: str) -> None:
        """Try one until it is done, by whomever."""
        if key not in self._there:
            return None
        target = await self._place_of(self._there[key][0])
        self._waiting[target] += 1
        try:
            if self._waiting[target] > self._settings.waiting_each:
                return await self._give_up(key, "too many others wait for the same target")
            while key in self._there:
                if (pause_s := self._pause_s(self._there[key][0])) > 0:
                    await asyncio.sleep(pause_s)
                    continue
                async with self._places_of[target], self._places:
                    await self._try(key)
        finally:
            self._waiting[target] -= 1

    def _pause_s(self, delivery: Delivery) -> float:
        """For how long it is nobody's turn, or another's."""
        until = max(delivery.next_at, delivery.claimed_until or delivery.next_at)
        return (until - self._now()).total_seconds()

    async def _place_of(self, delivery: Delivery) -> str:
        """What deliveries share their places with: those of one rule, or of one run's wish."""
        if delivery.target.startswith("rule:"):
            return delivery.target
        try:
            kind, settings, _ = await self._whom(delivery, await self._state_of(delivery))
        except NotSent:  # the try will say so
            return delivery.target
        said = (settings.get(field) for field in ("url", "webhook_url", "name"))
        return f"{kind} {next((place for place in said if place and isinstance(place, str)), '')}"

    async def _try(self, key: str) -> None:
        if key not in self._there or self._pause_s(self._there[key][0]) > 0:
            return  # somebody else has claimed it while we waited for a place
        delivery, revision = self._there[key]
        claimed = delivery.model_copy(
            update={"claimed_until": self._now() + timedelta(seconds=self._settings.claim_s)}
        )
        try:
            revision = await self._kept.update(key, _raw(claimed), revision=revision)
        except Conflict:
            await self._look_again(key)
            return
        self._there[key] = (claimed, revision)
        try:
            happened_at = await self._send(key, delivery)
        except Unsendable as error:
            await self._give_up(key, str(error))
        except NotSent as error:
            await self._failed(key, delivery, str(error))
        except TooLarge:
            await self._give_up(key, "it is larger than a message may be")
        except BusError:
            raise
        except Exception as error:  # ours, or settings that are none: the others are to be told all the same
            log.error("notifier.try.broken", target=delivery.target, exc_info=error)
            await self._failed(key, delivery, f"this is a bug in flyte ({type(error).__name__})")
        else:
            self._measures.delivered.add()
            # Two machines' clocks may differ.
            self._measures.took.add(max(0.0, (self._now() - happened_at).total_seconds()))
            log.info("notifier.delivered", event_id=delivery.event_id, target=delivery.target)
            await self._remove(key)

    async def _look_again(self, key: str) -> None:
        """Somebody else was faster: see what has become of it."""
        await asyncio.sleep(_LOST_RACE_S)
        entry: KeyEntry | None = await self._kept.get(key)
        if entry is None or entry.value is None:
            self._there.pop(key, None)
        else:
            self._there[key] = (Delivery.model_validate_json(entry.value), entry.revision)

    async def _send(self, key: str, delivery: Delivery) -> datetime:
        """Tell of the event; returns when it happened. Raises NotSent, Unsendable."""
        action, event, state = await self._read(delivery)
        kind, settings, is_own = await self._whom(delivery, state)
        is_signed = not is_own or _OWN_WORDS.isdisjoint(settings)
        told = document(action, state, event, delivery.sequence, self._settings.console_url)
        await self._senders.send(kind, settings, told, key, is_signed=is_signed)
        return event.time

    async def _failed(self, key: str, delivery: Delivery, error: str) -> None:
        tries, error = delivery.tries + 1, cut(error)
        log.warning(
            "notifier.try.failed",
            event_id=delivery.event_id,
            target=delivery.target,
            tries=tries,
            error=error,
        )
        after = delivery.model_copy(
            update={
                "tries": tries,
                "error": error,
                "claimed_until": None,
                "next_at": self._now() + timedelta(seconds=self._settings.pause_s(tries)),
            }
        )
        _, revision = self._there.get(key, (delivery, 0))
        if tries >= self._settings.tries:
            self._there[key] = (after, revision)
            return await self._give_up(key, error)
        try:
            self._there[key] = (after, await self._kept.update(key, _raw(after), revision=revision))
        except Conflict:  # the try took longer than its claim, and somebody else has it
            await self._look_again(key)
        else:
            self._measures.tried_again.add()

    async def _give_up(self, key: str, error: str) -> None:
        """Record that nobody took it, then forget it."""
        if key not in self._there:  # somebody else has seen to it meanwhile
            return
        delivery, _ = self._there[key]
        action, target, error = _action_of(delivery), cut(delivery.target), cut(error)
        log.error("notifier.given_up", event_id=delivery.event_id, target=target, error=error)
        data = NotificationFailed(
            target=target,
            event_id=delivery.event_id,
            sequence=delivery.sequence,
            tries=delivery.tries,
            error=error,
        )
        event = Event(
            id=f"notice.{key}",
            source=f"/{SERVICE}",
            subject=notice_subject(action),
            time=self._now(),
            data=data,
            cause=delivery.event_id,
        )
        await self._bus.log.append(event)
        self._measures.given_up.add()
        await self._remove(key)

    async def _remove(self, key: str) -> None:
        await self._kept.delete(key)
        self._there.pop(key, None)

    # -- whom, and what --------------------------------------------------------------------------------

    async def _whom(self, delivery: Delivery, state: ActionState) -> tuple[str, dict[str, Any], bool]:
        """How to send, what that needs, and whether the run itself says so (else a rule)."""
        how, _, name = delivery.target.partition(":")
        if how == "run":
            settings = state.requested.settings if state.requested else None
            assert settings is not None  # the run has asked for it
            own = settings.notifications[int(name)]
            name = named_by(own)
            if not name:
                return own.kind, own.settings, True
        rule = await self._rulebook.find(name)
        if rule is None or not is_for(rule, _action_of(delivery), state):
            return "unknown", {"name": cut(name)}, False
        return rule.kind, rule.settings, False

    async def _state_of(self, delivery: Delivery) -> ActionState:
        """The action as the event left it. Raises NotSent."""
        try:
            _, state = await around(self._bus, _action_of(delivery), delivery.sequence)
        except NotReadable as error:
            raise NotSent("its event cannot be read from the log") from error
        return state

    async def _read(self, delivery: Delivery) -> tuple[ActionKey, AnyEvent, ActionState]:
        """The event, and its action as the event left it."""
        state = await self._state_of(delivery)
        async for entry in self._bus.log.read(RUNS, delivery.subject, after=delivery.sequence - 1):
            if not isinstance(entry.content, Malformed):
                return _action_of(delivery), entry.content, state
        raise Unsendable("its event is not in the log any more")


def _action_of(delivery: Delivery) -> ActionKey:
    key = parse_action(delivery.subject)
    assert key is not None  # the watch has read it
    return key


def _raw(delivery: Delivery) -> bytes:
    return delivery.model_dump_json().encode()
