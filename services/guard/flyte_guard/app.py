"""The guard, put together: it listens, judges, and passes on. It keeps nothing; any number share the work."""

from typing import Protocol

import orjson
import structlog

from flyte_bus.ports import Bus, EndAsked, PassedOn, Relaying, Server, TurnedDown
from flyte_bus.service import Supervisor, serve_ping, stop_all
from flyte_guard.core.questions import End, Refused, judge
from flyte_guard.measures import Measures
from flyte_guard.settings import ASKED, SERVICE
from flyte_schemas.reading import parse_last
from flyte_schemas.streams import RUNS

DIRECT_GET = "$JS.API.DIRECT.GET."
MAX_REASON = 500
"""Characters of what is said to who was refused: a part of it may be his own words."""

log = structlog.get_logger()


class GuardBus(Bus, Relaying, Protocol):
    """A bus on which questions can be passed on."""


class GuardService:
    """The guard, between its start and its stop."""

    def __init__(self, bus: GuardBus) -> None:
        self._bus = bus
        self._measures = Measures(bus.meter)
        self._loops = Supervisor(SERVICE)
        self._servers: tuple[Server, ...] = ()

    async def start(self) -> None:
        self._servers = (await self._bus.relay(ASKED, self._decide), await serve_ping(self._bus, SERVICE))
        log.info("guard.started")

    async def stop(self) -> None:
        await stop_all(self._servers)
        await self._loops.stop()

    async def wait(self) -> None:
        await self._loops.wait()

    async def trouble(self) -> str:
        """Only that the log cannot be read, which raises."""
        await self._bus.last_read(RUNS.name)
        return ""

    def _decide(self, subject: str, reply: str, body: bytes) -> PassedOn | TurnedDown | EndAsked:
        try:
            question = judge(subject, reply, body)
        except Refused as refused:
            self._measures.refused.value += 1
            log.warning("guard.refused", subject=subject, reason=str(refused)[:MAX_REASON])
            reason = f"the guard refused {subject}: {refused}"[:MAX_REASON]
            error = {"error": {"code": 403, "description": reason}}
            return TurnedDown(reason, orjson.dumps(error) if parse_last(subject) else b"")
        self._measures.passed.value += 1
        if isinstance(question, End):
            return EndAsked(question.stream)
        return PassedOn(DIRECT_GET + question.stream, question.body)


def build(bus: GuardBus) -> GuardService:
    """The guard on a connected bus; nothing happens before its `start`."""
    return GuardService(bus)
