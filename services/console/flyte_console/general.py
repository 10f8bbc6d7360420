"""What is asked before anything else: who answers here, and what."""

import asyncio
from collections.abc import Sequence

import orjson

from flyte_bus.errors import BusError
from flyte_bus.ports import Bus
from flyte_bus.service import installed_version
from flyte_console.answers.parts import About, SeenPlace, Visitor
from flyte_console.core.asks import Ask
from flyte_console.core.openapi import openapi
from flyte_console.core.sessions import Session
from flyte_console.routes import AnyRoute, Encoded
from flyte_console.settings import SERVICE, ConsoleSettings
from flyte_schemas.sessions import ANY
from flyte_schemas.streams import RUNS


class GeneralAnswers:
    """The handlers."""

    def __init__(self, bus: Bus, settings: ConsoleSettings, routes: Sequence[AnyRoute]) -> None:
        self._bus = bus
        self._settings = settings
        self._routes = routes

    async def about(self, ask: Ask) -> About:
        """Who answers, also while the bus is away."""
        try:
            async with asyncio.timeout(self._settings.ask_patience_s):
                as_of, is_there = await self._bus.log.last_sequence(RUNS), True
        except (BusError, TimeoutError):
            as_of, is_there = 0, False
        project, domain = self._first(ask.session)
        return About(
            service=SERVICE,
            version=installed_version(),
            nats="connected" if is_there else "away",
            default_project=project,
            default_domain=domain,
            as_of=as_of,
        )

    def _first(self, session: Session) -> tuple[str, str]:
        """What the page shows first: the usual place, else the first one that the session covers."""
        usual = (self._settings.project, self._settings.domain)
        if session.covers(*usual):
            return usual
        first = session.places[0]
        return (
            usual[0] if first.project == ANY else first.project,
            usual[1] if first.domain == ANY else first.domain,
        )

    async def session(self, ask: Ask) -> Visitor:
        """Who is signed in."""
        return visitor(ask.session)

    async def openapi(self, ask: Ask) -> Encoded:
        """The OpenAPI document of all that is answered here."""
        return Encoded(orjson.dumps(openapi(self._routes, installed_version())))


def visitor(session: Session) -> Visitor:
    """Who is signed in, as it is told."""
    places = tuple(SeenPlace(project=place.project, domain=place.domain) for place in session.places)
    return Visitor(user=session.user, places=places, ends_at=session.ends_at)
