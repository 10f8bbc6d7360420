"""The composition root of the console."""

from contextlib import AsyncExitStack

import structlog

from flyte_bus.ports import Bus
from flyte_bus.service import Supervisor, serve_ping, stop_all
from flyte_console.actions import ActionAnswers
from flyte_console.changes import PlaceViews
from flyte_console.general import GeneralAnswers
from flyte_console.http.server import ConsoleServer
from flyte_console.measures import Measures
from flyte_console.routes import AnyRoute, StreamRoute
from flyte_console.runs import RunAnswers
from flyte_console.sessions import Sessions
from flyte_console.settings import SERVICE, ConsoleSettings
from flyte_console.table import general_routes, list_routes, run_routes, task_routes
from flyte_console.tasks import TaskAnswers
from flyte_console.views import RunViews
from flyte_console.words import WordAnswers
from flyte_schemas.sessions import OPEN_SESSION
from flyte_schemas.streams import RUNS

log = structlog.get_logger()


class ConsoleService:
    """The console, between its start and its stop."""

    def __init__(self, bus: Bus, settings: ConsoleSettings) -> None:
        self._bus = bus
        self._settings = settings
        self._held = AsyncExitStack()
        self._loops = Supervisor(SERVICE)
        self.views = RunViews(bus, settings, self._loops)
        self.places = PlaceViews(bus, settings, self._loops)
        self._sessions = Sessions(bus, settings)
        self.routes = self._routes()
        """All that is answered."""
        self._measures = Measures(bus.meter)
        self._measures.show(lambda: len(self.views), lambda: self.places.following)
        for route in self.routes:
            if isinstance(route, StreamRoute):
                self._measures.offered(route.path)
        self.url = ""
        """Where browsers find it, once started."""
        self.port = 0
        """The port that it listens on, once started."""

    async def start(self) -> None:
        """Begin to answer. Raises PortTaken."""
        self._held.push_async_callback(self._loops.stop)
        server = await ConsoleServer.start(self.routes, self._settings, self._measures, self._sessions)
        self._held.push_async_callback(server.stop)
        self._loops.keep("readers", server.handlers.look())
        self.url, self.port = self._settings.public_url or server.url, server.port
        self._sessions.url = self.url
        served = (
            await serve_ping(self._bus, SERVICE),
            await self._bus.serve(OPEN_SESSION, self._sessions.open),
        )
        self._held.push_async_callback(stop_all, served)
        log.info("console.started", url=self.url)

    def _routes(self) -> list[AnyRoute]:
        bus, settings = self._bus, self._settings
        runs = RunAnswers(bus, self.views, settings)
        routes: list[AnyRoute] = []
        routes += general_routes(GeneralAnswers(bus, settings, routes))
        routes += task_routes(TaskAnswers(bus, settings))
        routes += list_routes(runs, self.places)
        routes += run_routes(runs, WordAnswers(bus, self.views, settings), ActionAnswers(bus, settings))
        return routes

    async def stop(self) -> None:
        """End every stream and stop answering. Harmless when it was not started or has stopped."""
        await self._held.aclose()
        await self._loops.stop()

    async def wait(self) -> None:
        """Return when the service was stopped. Raises LoopDied."""
        await self._loops.wait()

    async def trouble(self) -> str:
        """See `flyte_bus.service.Service.trouble`."""
        await self._bus.log.last_sequence(RUNS)  # any question to the bus
        return ""


async def build(bus: Bus, settings: ConsoleSettings) -> ConsoleService:
    """A console on a connected bus."""
    return ConsoleService(bus, settings)
