"""Sessions: opened by a question on the bus, kept there by the hash of their secret.

So they outlast a restart, every console knows them, and nobody who reads the bucket has one. What was found
is believed for a few seconds; while the bus is away, for some minutes, since pages should say that it is.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import ValidationError

from flyte_bus.asker import asker
from flyte_bus.errors import BusError, Conflict
from flyte_bus.ports import Bus
from flyte_bus.revocations import any_revoked
from flyte_console.core.allowance import Allowance
from flyte_console.core.sessions import SeenPlace, Session, hash_of, new_path, new_secret
from flyte_console.holders import holder_of, refused
from flyte_console.settings import ConsoleSettings
from flyte_schemas.sessions import OpenSession, SessionOpened
from flyte_schemas.streams import SESSIONS_BUCKET

TOUCHES = 20
"""How often within its idle time the use of a session is noted at most."""
MAX_PLACES = 256
"""How many places one session covers at most."""
WHO_GIVES = "Whoever gave you your credentials can give you others."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    session: Session
    looked_at_s: float


class Sessions:
    """All sessions; `url` is where browsers find this console."""

    def __init__(
        self, bus: Bus, settings: ConsoleSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._bucket = bus.bucket(SESSIONS_BUCKET)
        self._settings = settings
        self._clock = clock
        self._opened = Allowance(settings.max_opened, 60.0)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self.url = ""

    async def open(self, asked: OpenSession) -> SessionOpened:
        """Let somebody in who could ask for it. Raises Refusal."""
        holder = holder_of(asked, asker())
        if await any_revoked(self._bucket, holder.keys):
            raise refused(f"the credentials of {holder.user} were taken back", WHO_GIVES)
        if not self._opened.take((asked.project, asked.domain), time.monotonic()):
            most = self._settings.max_opened
            raise refused(f"more than {most} sessions a minute were asked for of this place")
        places: tuple[SeenPlace, ...] = (SeenPlace(project=asked.project, domain=asked.domain),)
        if asked.joined is not None:
            joined = await self._take(asked.joined)
            if joined is None:
                raise refused("the secret to be joined is used up, or no longer good")
            if joined.keys != holder.keys:
                raise refused("the secret to be joined was given to who has other credentials")
            places = (*joined.places, *places)
        if len(places) > MAX_PLACES:
            raise refused(f"a session covers {MAX_PLACES} places at most")
        now = self._clock()
        age_s = self._settings.session_s if asked.lasting else self._settings.code_s
        session = Session(
            kind="program" if asked.lasting else "code",
            user=holder.user,
            places=places,
            ends_at=_first(now + timedelta(seconds=age_s), holder.until),
            seen_at=now,
            keys=holder.keys,
            until=holder.until,
        )
        secret = new_secret()
        await self._put(secret, session)
        log.info("console.session.asked", kind=session.kind, user=session.user, places=_named(places))
        return SessionOpened(secret=secret, ends_at=session.ends_at, url=self.url)

    async def enter(self, code: str, *, with_path: bool) -> tuple[str, str, Session] | None:
        """Turn a code into a browser's session: its secret and its path. None for a code that is not good."""
        found = await self._take(code)
        if found is None:
            return None
        now, path = self._clock(), new_path() if with_path else ""
        session = Session(
            kind="browser",
            user=found.user,
            places=found.places,
            ends_at=_first(now + timedelta(seconds=self._settings.session_s), found.until),
            seen_at=now,
            path_hash=hash_of(path) if with_path else "",
            keys=found.keys,
            until=found.until,
        )
        secret = new_secret()
        await self._put(secret, session)
        log.info("console.session.opened", user=session.user, places=_named(session.places))
        return secret, path, session

    async def find(self, secret: str) -> Session | None:
        """The session of a browser or a program that lives. Raises BusError, TimeoutError."""
        key = hash_of(secret)
        known, now_s = self._known.get(key), time.monotonic()
        if known is None or now_s - known.looked_at_s > self._settings.fresh_s:
            try:
                async with asyncio.timeout(self._settings.ask_patience_s):
                    return await self._look(key)
            except (BusError, TimeoutError):
                if known is None or now_s - known.looked_at_s > self._settings.stale_s:
                    raise
        return known.session if self._lives(known.session) else None

    async def end(self, secret: str) -> None:
        """Sign out: here at once, at other consoles within seconds."""
        key = hash_of(secret)
        self._known.pop(key, None)
        await self._bucket.delete(key)
        log.info("console.session.ended")

    async def _look(self, key: str) -> Session | None:
        entry = await self._bucket.get(key)
        self._known.pop(key, None)
        session = _read(entry.value) if entry else None
        if entry is None or session is None or session.kind == "code" or not self._lives(session):
            return None
        if await self._was_revoked(key, session):
            return None
        now = self._clock()
        if now - session.seen_at > timedelta(seconds=self._settings.idle_s / TOUCHES):
            session = session.model_copy(update={"seen_at": now})
            value = session.model_dump_json().encode()
            try:
                await self._bucket.update(key, value, revision=entry.revision, ttl_s=self._ttl_s(session))
            except Conflict:  # another console has noted it, or it was just ended: the next look tells
                return session
        self._known[key] = _Known(session, time.monotonic())
        if len(self._known) > self._settings.max_known_sessions:
            self._known.popitem(last=False)
        return session

    async def _take(self, code: str) -> Session | None:
        """What a code is good for; from now on it is good for nothing. Of two who take it, one gets it."""
        key = hash_of(code)
        entry = await self._bucket.get(key)
        session = _read(entry.value) if entry else None
        if entry is None or session is None or session.kind != "code" or not self._lives(session):
            return None
        if await self._was_revoked(key, session):
            return None
        try:
            await self._bucket.update(key, b"", revision=entry.revision, ttl_s=self._ttl_s(session))
        except Conflict:
            return None
        return session

    async def _was_revoked(self, key: str, session: Session) -> bool:
        """Whether the credentials that it was made by count no more; then it is removed, too."""
        if not await any_revoked(self._bucket, session.keys):
            return False
        await self._bucket.delete(key)
        log.info("console.session.revoked", kind=session.kind, user=session.user)
        return True

    async def _put(self, secret: str, session: Session) -> None:
        value = session.model_dump_json().encode()
        await self._bucket.create(hash_of(secret), value, ttl_s=self._ttl_s(session))

    def _lives(self, session: Session) -> bool:
        now = self._clock()
        return now < session.ends_at and now - session.seen_at < timedelta(seconds=self._settings.idle_s)

    def _ttl_s(self, session: Session) -> int:
        left_s = (session.ends_at - self._clock()).total_seconds()
        return max(1, math.ceil(min(left_s, self._settings.idle_s)))


def _read(value: bytes | None) -> Session | None:
    try:
        return Session.model_validate_json(value) if value else None
    except ValidationError:
        return None


def _named(places: tuple[SeenPlace, ...]) -> list[str]:
    return [f"{place.project}/{place.domain}" for place in places]


def _first(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)
