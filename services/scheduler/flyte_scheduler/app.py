"""The scheduler, put together: the only module that names the parts it is made of."""

import structlog

from flyte_bus.ports import Bus, Server
from flyte_bus.service import Supervisor, serve_ping
from flyte_scheduler.declarations import Declarations
from flyte_scheduler.firing import Firing
from flyte_scheduler.settings import SERVICE, Now, SchedulerSettings, utc_now
from flyte_schemas.streams import TRIGGERS

log = structlog.get_logger()


class SchedulerService:
    """The scheduler, between its start and its stop."""

    def __init__(
        self, bus: Bus, declarations: Declarations, firing: Firing, settings: SchedulerSettings
    ) -> None:
        self._bus = bus
        self._declarations = declarations
        self.firing = firing
        self._settings = settings
        self._loops = Supervisor(SERVICE)
        self._ping: Server | None = None

    async def start(self) -> None:
        self._loops.keep("triggers", self.firing.follow())
        for number in range(self._settings.max_looks):
            self._loops.keep(f"looks {number}", self.firing.look_by_turns())
        self._loops.keep("timers", self.firing.hear_timers())
        self._loops.keep("patrol", self.firing.patrol())
        self._loops.keep("requests", self._declarations.run())
        self._ping = await serve_ping(self._bus, SERVICE)
        log.info("scheduler.started")

    async def stop(self) -> None:
        if self._ping is not None:
            await self._ping.stop()
        await self._loops.stop()

    async def wait(self) -> None:
        await self._loops.wait()

    async def trouble(self) -> str:
        """The triggers were not read in time up to what the log holds of them."""
        end = await self._bus.log.last_sequence(TRIGGERS)
        if not await self.firing.has_read(end, self._settings.ready_patience_s):
            return f"it has read the triggers up to {self.firing.position} of {end}"
        return ""


def build(bus: Bus, settings: SchedulerSettings, now: Now = utc_now) -> SchedulerService:
    """The scheduler on a connected and provisioned bus; nothing happens before its `start`."""
    firing = Firing(bus, settings, now)
    return SchedulerService(bus, Declarations(bus, settings, now, firing.triggers_of), firing, settings)
