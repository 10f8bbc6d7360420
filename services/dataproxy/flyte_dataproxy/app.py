"""The composition root: the one place that names the adapters of the dataproxy."""

import asyncio
import time
from contextlib import AsyncExitStack

import structlog

from flyte_bus.ports import Bus
from flyte_bus.service import serve_ping, stop_all
from flyte_dataproxy.endpoints import Endpoints
from flyte_dataproxy.http import ArtifactServer
from flyte_dataproxy.measures import TransferMeasures
from flyte_dataproxy.settings import STALE_UPLOAD_S, DataproxySettings, S3Settings
from flyte_dataproxy.store.local import LocalStore
from flyte_dataproxy.store.port import ArtifactKeep, ArtifactLocations
from flyte_dataproxy.store.secret import load_or_make
from flyte_dataproxy.store.served import ServedLocations
from flyte_dataproxy.tidying import Tidying
from flyte_schemas.endpoints import COMPLETE_UPLOAD, CREATE_DOWNLOAD_LOCATION, CREATE_UPLOAD_LOCATION
from flyte_schemas.streams import TASKS
from flyte_schemas.tidying import LIST_ARTIFACTS, REMOVE_ARTIFACTS, REMOVE_UNFINISHED_UPLOADS

log = structlog.get_logger()


class DataproxyService:
    """The dataproxy, between its start and its stop. It has no loop of its own: others ask, it answers."""

    def __init__(self, bus: Bus, settings: DataproxySettings) -> None:
        self._bus = bus
        self._settings = settings
        self._held = AsyncExitStack()
        self._stopped = asyncio.Event()
        self._keep: ArtifactKeep | None = None
        self.url = ""
        """Where objects are served, once started."""

    async def start(self) -> None:
        """Serve objects, then answer questions about them.

        Raises PortTaken; OSError or ValueError when the folder or the secret in it cannot be used;
        StoreUnusable when S3 refuses the keys or has no such bucket.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        s3 = self._settings.s3
        locations, keep = await (self._in_folder() if s3 is None else self._in_s3(s3))
        self._keep = keep
        max_bytes = self._settings.max_object_bytes
        await self._answer(
            Endpoints(locations=locations, max_object_bytes=max_bytes, clock=time.time),
            Tidying(keep=keep, clock=time.time),
        )

    async def _in_folder(self) -> tuple[ArtifactLocations, ArtifactKeep]:
        """Objects in a folder, served by a server of our own."""
        settings = self._settings
        store = LocalStore(settings.root)
        self._held.callback(store.close)
        removed = await asyncio.to_thread(store.prepare, stale_before=time.time() - STALE_UPLOAD_S)
        secret = await asyncio.to_thread(load_or_make, settings.root / ".secret")
        server = await ArtifactServer.start(
            store, secret, settings, time.time, TransferMeasures(self._bus.meter)
        )
        self._held.push_async_callback(server.stop)
        self.url = settings.public_url or server.url
        log.info("dataproxy.started", url=self.url, root=str(settings.root), removed_stale_uploads=removed)
        served = ServedLocations(
            store, secret, public_url=self.url, url_ttl_s=settings.url_ttl_s, clock=time.time
        )
        return served, store

    async def _in_s3(self, settings: S3Settings) -> tuple[ArtifactLocations, ArtifactKeep]:
        """Objects in a bucket, served by S3."""
        from flyte_dataproxy.store.s3 import S3Store

        opening = S3Store.opened(settings, url_ttl_s=self._settings.url_ttl_s, clock=time.time)
        store = await self._held.enter_async_context(opening)
        self.url = f"s3://{settings.bucket}/{settings.prefix}"
        log.info("dataproxy.started", url=self.url, endpoint=settings.endpoint_url or "AWS")
        return store, store

    async def _answer(self, endpoints: Endpoints, tidying: Tidying) -> None:
        bus = self._bus
        servers = (
            await bus.serve(CREATE_UPLOAD_LOCATION, endpoints.create_upload_location),
            await bus.serve(COMPLETE_UPLOAD, endpoints.complete_upload),
            await bus.serve(CREATE_DOWNLOAD_LOCATION, endpoints.create_download_location),
            await bus.serve(LIST_ARTIFACTS, tidying.list_artifacts),
            await bus.serve(REMOVE_ARTIFACTS, tidying.remove_artifacts),
            await bus.serve(REMOVE_UNFINISHED_UPLOADS, tidying.remove_unfinished_uploads),
            await serve_ping(bus, "dataproxy"),
        )
        self._held.push_async_callback(stop_all, servers)

    async def stop(self) -> None:
        """Stop answering, then stop serving. Harmless when it was not started or has stopped."""
        await self._held.aclose()
        self._stopped.set()

    async def wait(self) -> None:
        """Return when the service was stopped."""
        await self._stopped.wait()

    async def trouble(self) -> str:
        """See `flyte_bus.service.Service.trouble`."""
        await self._bus.log.last_sequence(TASKS)  # any question to the bus
        return "it has not started" if self._keep is None else await self._keep.trouble()


async def build(bus: Bus, settings: DataproxySettings) -> DataproxyService:
    """A dataproxy on a connected bus."""
    return DataproxyService(bus, settings)
