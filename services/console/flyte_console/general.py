"""What is asked before anything else: who answers here, and what."""

import asyncio
from collections.abc import Sequence

import orjson

from flyte_bus.errors import BusError
from flyte_bus.ports import Bus
from flyte_bus.service import installed_version
from flyte_console.answers.parts import About
from flyte_console.core.asks import Ask
from flyte_console.core.openapi import openapi
from flyte_console.routes import AnyRoute, Encoded
from flyte_console.settings import SERVICE, ConsoleSettings
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
        return About(
            service=SERVICE,
            version=installed_version(),
            nats="connected" if is_there else "away",
            default_project=self._settings.project,
            default_domain=self._settings.domain,
            as_of=as_of,
        )

    async def openapi(self, ask: Ask) -> Encoded:
        """The OpenAPI document of all that is answered here."""
        return Encoded(orjson.dumps(openapi(self._routes, installed_version())))
