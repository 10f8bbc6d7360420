"""The executor, put together: the only module that names the parts it is made of."""

import hashlib
import os
import platform
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from flyte_bus.ports import Bus, Server
from flyte_bus.secrets.file import FOLDER
from flyte_bus.security import CREDS
from flyte_bus.service import Supervisor, serve_ping
from flyte_executor.backends.docker import DockerBackend
from flyte_executor.backends.handing import Handing
from flyte_executor.backends.left_words import LeftWords
from flyte_executor.backends.measured import MeasuredBackend
from flyte_executor.backends.port import Backend
from flyte_executor.backends.process import ProcessBackend
from flyte_executor.credentials import Issuer, issuer_of
from flyte_executor.executor import Executor
from flyte_executor.renewals import Renewals
from flyte_executor.requests import Admission
from flyte_executor.secrets.environment import EnvironmentStore
from flyte_executor.secrets.file import FileStore
from flyte_executor.secrets.port import SecretStore
from flyte_executor.secrets.service import Secrets
from flyte_executor.settings import SERVICE, ExecutorSettings
from flyte_schemas.backends import BACKEND_KEY, BackendNote
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.tracing import PROTOCOL, PROTOCOLS, is_asked_for, protocol_of

if TYPE_CHECKING:
    from flyte_executor.spans import Sampling, SpanSender

log = structlog.get_logger()


class ExecutorService:
    """Admission and execution, as one service."""

    def __init__(
        self,
        bus: Bus,
        executor: Executor,
        admission: Admission,
        note: BackendNote,
        secrets: Secrets,
        spans: "SpanSender | None" = None,
        renewals: Renewals | None = None,
    ) -> None:
        self._renewals = renewals
        self._spans = spans
        self._bus = bus
        self._executor = executor
        self._admission = admission
        self._note = note
        self._secrets = secrets
        self._tasks = Supervisor(SERVICE)
        self._ping: Server | None = None

    async def start(self) -> None:
        await self._secrets.start()  # before the agents that it finds, or makes, ask
        if self._renewals is not None:
            await self._renewals.start()
        await self._executor.start()
        await self._bus.bucket(SETTINGS_BUCKET).put(BACKEND_KEY, self._note.model_dump_json().encode())
        self._tasks.keep("admission", self._admission.run())
        if self._spans is not None:
            self._tasks.keep("spans", self._spans.run())
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
        await self._secrets.stop()
        if self._renewals is not None:
            await self._renewals.stop()


def check_bus(said: str, own: str) -> None:
    """Raise ValueError for a bus that no pod can reach; `said` is how pods do, if the settings say so."""
    hosts = [urlsplit(one if "://" in one else f"nats://{one}").hostname or "" for one in own.split(",")]
    if not said and any(host in ("localhost", "::1") or host.startswith("127.") for host in hosts):
        raise ValueError(
            f"no pod can reach the bus at {own}: use a NATS server that the cluster reaches, or say in "
            "FLYTE_EXECUTOR_K8S_NATS_URL how pods reach this one"
        )


async def build(bus: Bus, settings: ExecutorSettings) -> ExecutorService:
    """The service on a connected, provisioned bus. Raises ValueError for keys that are none."""
    issuer = issuer_of(settings.agent_key, settings.worker_key, settings.credential_ttl_s)
    renewals = Renewals(bus, issuer) if issuer is not None else None
    backend, store = _backend(bus, settings, issuer)
    secrets = Secrets(bus, store)
    measured = MeasuredBackend(backend, settings.backend, bus.meter)
    note = BackendNote(name=settings.backend, runs_images=settings.backend != "process")
    executor = Executor(bus, measured, settings)
    if (tracing := _tracing(bus)) is None:
        return ExecutorService(bus, executor, Admission(bus), note, secrets, renewals=renewals)
    sampling, spans = tracing
    admission = Admission(bus, begun=sampling.begun)
    return ExecutorService(bus, executor, admission, note, secrets, spans, renewals)


def _secret_store(settings: ExecutorSettings) -> SecretStore:
    """Where secrets lie, but for those of a cluster."""
    if settings.secrets == "environment":
        return EnvironmentStore(os.environ)  # takes them out of it, before any process inherits it
    return FileStore(settings.home / FOLDER)


def _tracing(bus: Bus) -> "tuple[Sampling, SpanSender] | None":
    """What traces are made and sent with; None: nobody wants them, or what it takes is not installed."""
    if not is_asked_for(os.environ):
        return None
    if (protocol := protocol_of(os.environ)) != PROTOCOL:
        log.warning("executor.traces.off", reason=f"{PROTOCOLS[-1]} is {protocol}: say {PROTOCOL}")
        return None
    try:
        from flyte_executor.spans import Sampling, SpanSender
    except ImportError as error:
        log.warning("executor.traces.off", reason=f"{error}: pip install 'flytejet[telemetry]'")
        return None
    return Sampling(), SpanSender(bus)


def _backend(bus: Bus, settings: ExecutorSettings, issuer: Issuer | None) -> tuple[Backend, SecretStore]:
    """Where attempts run, and their secrets lie. Raises ValueError."""
    store = _secret_store(settings)
    if settings.backend == "kubernetes":
        # Only here: it takes a second to import, and other backends do without its packages.
        from flyte_executor.backends.kubernetes.backend import KubernetesBackend
        from flyte_executor.backends.kubernetes.secret_store import KubernetesStore
        from flyte_executor.backends.kubernetes.settings import from_environment

        kubernetes = from_environment()
        check_bus(kubernetes.nats_url, os.environ.get("FLYTE_NATS_URL", ""))
        if issuer is None and os.environ.get(CREDS):
            raise ValueError(
                f"{CREDS} are the executor's own, and would stand in every pod: give it "
                "FLYTE_EXECUTOR_AGENT_KEY and FLYTE_EXECUTOR_WORKER_KEY, by which each attempt is let in"
            )
        backend = KubernetesBackend(bus, kubernetes, issuer=issuer)
        if settings.secrets == "kubernetes":
            store = KubernetesStore(lambda: backend.apis, kubernetes)
        return backend, store
    if settings.backend == "docker":
        place = f"{platform.node()}:{settings.home.resolve()}"
        site = hashlib.sha256(place.encode()).hexdigest()[:16]
        docker = DockerBackend(
            bus.log, site=site, image=settings.image, grace_s=settings.grace_s, issuer=issuer
        )
        return docker, store
    words = LeftWords(settings.spool, bus.log)
    processes = ProcessBackend(
        settings.records,
        grace_s=settings.grace_s,
        words=words,
        work=settings.work,
        bus=bus,
        handing=None if issuer is None else Handing(issuer, settings.credentials),
    )
    return processes, store
