"""Puts the registry together: the consumer of deploy requests, the read model, the questions."""

import asyncio
from datetime import UTC, datetime

import structlog

from flyte_bus.ports import Bus, Server
from flyte_bus.service import Supervisor, serve_ping, stop_all
from flyte_registry.core.pace import in_words
from flyte_registry.deployments import Deployments
from flyte_registry.measures import Measures
from flyte_registry.projection import FOLLOWED, Projection
from flyte_registry.questions import Questions
from flyte_registry.seal_key import seal_key
from flyte_registry.sealing import Sealer
from flyte_registry.settings import LOOK_PATIENCE_S, SERVICE, RegistrySettings

log = structlog.get_logger()


class RegistryService:
    """The registry, between its start and its stop."""

    def __init__(
        self,
        bus: Bus,
        deployments: Deployments,
        projection: Projection,
        questions: Questions,
        sealer: Sealer | None,
    ) -> None:
        self._bus = bus
        self._deployments = deployments
        self._projection = projection
        self._questions = questions
        self._sealer = sealer
        self._servers: tuple[Server, ...] = ()
        self._loops = Supervisor(SERVICE)

    @property
    def seal_key(self) -> str:
        """The public key of its seals; empty when it seals nothing."""
        return self._sealer.public_key if self._sealer is not None else ""

    async def start(self) -> None:
        """Open the read model and begin. Raises ReadModelInUse when another registry has the file."""
        await self._projection.open()
        for stream in FOLLOWED:
            self._loops.keep(f"follow {stream.name}", self._projection.follow(stream))
        self._loops.keep("deployments", self._deployments.run())
        if self._sealer is not None:
            self._loops.keep("sealing", self._sealer.run())
        self._servers = (*await self._questions.serve(), await serve_ping(self._bus, SERVICE))
        log.info("registry.started")

    async def stop(self) -> None:
        servers, self._servers = self._servers, ()
        await stop_all(servers)
        await self._loops.stop()
        await self._projection.close()

    async def wait(self) -> None:
        await self._loops.wait()

    async def trouble(self) -> str:
        """The read model has not seen in time what the log holds now."""
        for stream in FOLLOWED:
            end = await self._bus.log.last_sequence(stream)
            as_of = await self._projection.reach(stream, end, LOOK_PATIENCE_S)
            if as_of < end:
                found = await self._projection.progress(stream)
                return in_words(stream.name, found.as_of, found.end, found.per_s)
        return ""


async def build(bus: Bus, settings: RegistrySettings) -> RegistryService:
    """The registry on a connected and provisioned bus; nothing happens before its `start`.

    Raises SealKeyUnusable.
    """
    projection = Projection(bus, settings, _now)
    sealer = None
    if settings.seal_key_file is not None:
        key = await asyncio.to_thread(seal_key, settings.seal_key_file)
        sealer = Sealer(bus, projection, key, settings, _now)
        projection.on_runs = sealer.note
        log.info("registry.seals", key=key.public, file=str(settings.seal_key_file))
    Measures(bus, FOLLOWED, lambda: projection.places).show()
    return RegistryService(
        bus,
        Deployments(bus, settings, _now),
        projection,
        Questions(bus, projection, settings),
        sealer,
    )


def _now() -> datetime:
    return datetime.now(UTC)
