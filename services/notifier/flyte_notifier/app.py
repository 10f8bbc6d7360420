"""The notifier, put together: the only module that names the parts it is made of."""

import structlog

from flyte_bus.ports import Bus, Server
from flyte_bus.service import Supervisor, serve_ping
from flyte_notifier.outbox import Outbox
from flyte_notifier.rulebook import Rulebook
from flyte_notifier.senders import Senders
from flyte_notifier.settings import SERVICE, NotifierSettings, Now, utc_now
from flyte_notifier.watching import Watching
from flyte_schemas.streams import RUNS

log = structlog.get_logger()


class NotifierService:
    """The notifier, between its start and its stop."""

    def __init__(
        self, bus: Bus, rulebook: Rulebook, watching: Watching, outbox: Outbox, senders: Senders
    ) -> None:
        self._bus = bus
        self._rulebook = rulebook
        self._watching = watching
        self._outbox = outbox
        self._senders = senders
        self._loops = Supervisor(SERVICE)
        self._ping: Server | None = None

    async def start(self) -> None:
        await self._senders.open()
        await self._rulebook.load()
        self._loops.keep("rules", self._rulebook.follow())
        self._loops.keep("outbox", self._outbox.run(self._loops))
        self._loops.keep("ends", self._watching.ends())
        self._loops.keep("events", self._watching.events())
        self._ping = await serve_ping(self._bus, SERVICE)
        log.info("notifier.started", rules=len(self._rulebook.rules))

    async def stop(self) -> None:
        if self._ping is not None:
            await self._ping.stop()
        await self._loops.stop()
        await self._senders.close()

    async def wait(self) -> None:
        await self._loops.wait()

    async def trouble(self) -> str:
        """Only that the bus does not answer, which raises: who takes no notification is not our trouble."""
        await self._bus.log.last_sequence(RUNS)
        return ""


def build(bus: Bus, settings: NotifierSettings, now: Now = utc_now) -> NotifierService:
    """The notifier on a connected and provisioned bus; nothing happens before its `start`.

    Raises ValueError for a file of rules that cannot be read.
    """
    rulebook, senders = Rulebook(bus, settings.rules_file), Senders(settings)
    watching = Watching(bus, rulebook, settings, now)
    outbox = Outbox(bus, rulebook, senders, settings, now)
    return NotifierService(bus, rulebook, watching, outbox, senders)
