"""The executor, put together: the only module that names the parts it is made of."""

import hashlib
import platform

import structlog

from flyte_bus.ports import Bus, Server
from flyte_bus.service import Supervisor, serve_ping
from flyte_executor.backends.docker import DockerBackend
from flyte_executor.backends.left_words import LeftWords
from flyte_executor.backends.port import Backend
from flyte_executor.backends.process import ProcessBackend
from flyte_executor.executor import Executor
from flyte_executor.requests import Admission
from flyte_executor.settings import SERVICE, ExecutorSettings
from flyte_schemas.backends import BACKEND_KEY, BackendNote
from flyte_schemas.streams import SETTINGS_BUCKET

log = structlog.get_logger()


class ExecutorService:
    """Admission and execution, as one service."""

    def __init__(self, bus: Bus, executor: Executor, admission: Admission, note: BackendNote) -> None:
        self._bus = bus
        self._executor = executor
        self._admission = admission
        self._note = note
        self._tasks = Supervisor(SERVICE)
        self._ping: Server | None = None

    async def start(self) -> None:
        await self._executor.start()
        await self._bus.bucket(SETTINGS_BUCKET).put(BACKEND_KEY, self._note.model_dump_json().encode())
        self._tasks.keep("admission", self._admission.run())
        self._tasks.spawn("executor", self._executor.wait())
        self._ping = await serve_ping(self._bus, SERVICE)

    async def wait(self) -> None:
        await self._tasks.wait()

    async def trouble(self) -> str:
        return await self._executor.trouble()

    async def stop(self) -> None:
        if self._ping is not None:
            await self._ping.stop()
        await self._tasks.stop()
        await self._executor.stop()


async def build(bus: Bus, settings: ExecutorSettings) -> ExecutorService:
    """The service on a connected, provisioned bus."""
    backend = _backend(bus, settings)
    note = BackendNote(name=settings.backend, runs_images=settings.backend != "process")
    return ExecutorService(bus, Executor(bus, backend, settings), Admission(bus), note)


def _backend(bus: Bus, settings: ExecutorSettings) -> Backend:
    if settings.backend == "docker":
        place = f"{platform.node()}:{settings.home.resolve()}"
        site = hashlib.sha256(place.encode()).hexdigest()[:16]
        return DockerBackend(bus.log, site=site, image=settings.image, grace_s=settings.grace_s)
    words = LeftWords(settings.spool, bus.log)
    return ProcessBackend(
        settings.records, grace_s=settings.grace_s, words=words, work=settings.work, bus=bus
    )
