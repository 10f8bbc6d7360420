"""The stack, put together: the same `build` functions that the services' own processes use.

Started in the order of need (server, guard, registry, dataproxy, executor, console), ended the other way
round: who looks first, then the executor, and with it the attempts that it runs.
"""

import os
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

import structlog

import flyte_console.app
import flyte_console.settings
import flyte_dataproxy.app
import flyte_dataproxy.settings
import flyte_executor.app
import flyte_executor.settings
import flyte_guard.app
import flyte_notifier.app
import flyte_notifier.settings
import flyte_registry.app
import flyte_registry.settings
import flyte_scheduler.app
import flyte_scheduler.settings
from flyte_bus import revocations
from flyte_bus.identity.keyring import Keyring
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.meter import Meter
from flyte_bus.service import Service, Supervisor, installed_version
from flyte_bus.settings import SERVICE_PATIENCE_S, BusSettings
from flyte_console.app import ConsoleService
from flyte_console.settings import ConsoleSettings
from flyte_embedded.home import Home
from flyte_embedded.nats_server import ACCESS, Access, NatsServer
from flyte_embedded.ports import keep_port, known_port
from flyte_embedded.settings import StackSettings
from flyte_executor.settings import ExecutorSettings
from flyte_registry.app import RegistryService
from flyte_schemas.access import AGENT, OPERATOR, SERVICES, WORKER

CONSOLE_FILE = "console.json"
"""Where a home keeps the port of its web page."""

log = structlog.get_logger()


class Stack:
    """A running stack, between start and stop."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._held = AsyncExitStack()
        self._tasks = Supervisor("embedded")
        self._services: dict[str, Service] = {}
        self.access: Access | None = None
        self.console_url = ""
        """Where the web page is, once started."""
        self._seal_key = ""
        self.meters: list[Meter] = []
        """What the services count."""

    async def start(self) -> None:
        """Bring everything up; returns when a run would succeed.

        Raises HomeInUse, NatsServerFailed, BusUnavailable; PortTaken of the dataproxy's or the console's;
        StoreUnusable or ValueError for artifacts that cannot be kept as the settings say.
        """
        self._held.enter_context(self._home.held())
        self._held.push_async_callback(self._tasks.stop)
        self.access = await self._server()
        self._tell_processes(self.access)
        await self._provision(self.access)
        page = ["console"] if self._settings.console else []
        for name in ("guard", "registry", "dataproxy", "executor", "scheduler", *page, "notifier"):
            bus = await self._connect(self.access, name)
            self.meters.append(bus.meter)
            service = await self._build(name, bus)
            self._held.push_async_callback(service.stop)
            await service.start()
            self._services[name] = service
            self._tasks.spawn(name, service.wait())
            if isinstance(service, RegistryService):
                self._seal_key = service.seal_key
            if isinstance(service, ConsoleService):
                self.console_url = service.url
                keep_port(self._settings.home / CONSOLE_FILE, service.port)
        self._held.enter_context(self._home.announced(self._note(self.access)))

    async def wait(self) -> None:
        """Return after `stop`. Raises LoopDied when a part of the stack died."""
        await self._tasks.wait()

    async def trouble(self) -> str:
        """Why a service could not do its work just now, and which; the empty text when all could."""
        for name, service in self._services.items():
            if trouble := await service.trouble():
                return f"{name}: {trouble}"
        return ""

    async def stop(self) -> None:
        """End everything, the last first."""
        await self._held.aclose()

    async def _server(self) -> Access:
        if self._settings.nats_url is not None:
            return _access_to(self._settings.nats_url, self._settings)
        server = NatsServer(self._settings.home)
        access = await server.start()
        self._held.push_async_callback(server.stop)
        self._tasks.keep("nats-server", server.keep())
        self._tasks.keep("nats-server-room", server.keep_room())
        self._tasks.keep("nats-server-users", server.keep_users())
        return access

    def _tell_processes(self, access: Access) -> None:
        """What the processes that we start (agents) need to know."""
        os.environ |= {
            "FLYTE_NATS_URL": access.url,
            "FLYTE_NATS_USER": access.user,
            "FLYTE_NATS_PASSWORD": access.password,
            "FLYTE_HOME": str(self._settings.home),
        }
        if access.keyring is not None:
            os.environ["FLYTE_NATS_CREDS"] = str(access.keyring.credentials(OPERATOR.name))
        if self._settings.backend:
            os.environ["FLYTE_EXECUTOR_BACKEND"] = self._settings.backend
        if self._settings.artifacts:
            os.environ["FLYTE_DATAPROXY_ROOT"] = self._settings.artifacts
        if self._settings.endpoint_url:
            os.environ["FLYTE_AWS_ENDPOINT"] = self._settings.endpoint_url

    async def _connect(
        self, access: Access, name: str, patience_s: float = SERVICE_PATIENCE_S
    ) -> JetStreamBus:
        bus = await connect(
            BusSettings(
                url=access.url,
                user=access.user,
                password=access.password,
                name=f"flyte-{name}",
                patience_s=patience_s,
                replicas=self._settings.replicas,
                security=access.as_service(name),
                waits_for_room=True,
            )
        )
        self._held.push_async_callback(bus.close)
        return bus

    async def _provision(self, access: Access) -> None:
        async with await self._connect(access, "provisioner", patience_s=15.0) as bus:
            await bus.provision()

    async def _build(self, name: str, bus: JetStreamBus) -> Service:
        match name:
            case "guard":
                return flyte_guard.app.build(bus)
            case "registry":
                keys = self._settings.keys or self._settings.home / ACCESS
                registry = flyte_registry.settings.from_environment(keys)
                return await flyte_registry.app.build(bus, registry)
            case "dataproxy":
                return await flyte_dataproxy.app.build(bus, flyte_dataproxy.settings.from_environment())
            case "console":
                if self.access is not None and self.access.keyring is not None:
                    await revocations.tell(bus, self.access.keyring.revoked())
                return await flyte_console.app.build(bus, self._console_settings())
            case "notifier":
                notifier = flyte_notifier.settings.from_environment()
                page = notifier.console_url or self.console_url
                return flyte_notifier.app.build(bus, replace(notifier, console_url=page))
            case "scheduler":
                return flyte_scheduler.app.build(bus, flyte_scheduler.settings.SchedulerSettings())
            case _:
                return await flyte_executor.app.build(bus, self._executor_settings())

    def _executor_settings(self) -> ExecutorSettings:
        """What the variables say; by the keys at hand each attempt is let in by itself."""
        said = replace(flyte_executor.settings.from_environment(), stop_attempts=True)
        keyring = self.access.keyring if self.access else None
        if keyring is None:
            return said
        agent, worker = (keyring.minter_file(role.name) for role in (AGENT, WORKER))
        return replace(said, agent_key=agent, worker_key=worker)

    def _console_settings(self) -> ConsoleSettings:
        """What the variables say; without a port there, the one that this home had before, so links last."""
        said = flyte_console.settings.from_environment()
        return said if said.port else replace(said, port=known_port(self._settings.home / CONSOLE_FILE))

    def _note(self, access: Access) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "nats_url": access.url,
            "nats_user": access.user,
            "nats_password": access.password,
            "nats_credentials": str(access.keyring.credentials(OPERATOR.name)) if access.keyring else "",
            "started_at": datetime.now(UTC).isoformat(),
            "version": installed_version(),
            "console_url": self.console_url,
            "seal_key": self._seal_key,
            "has_own_server": self._settings.nats_url is None,
            "home": str(self._settings.home),
            "artifacts": self._settings.artifacts or str(self._settings.home / "artifacts"),
        }


def _access_to(url: str, settings: StackSettings) -> Access:
    """How to reach a server that exists: where it knows roles, each service by its own credentials.

    Raises ValueError for a folder that lacks some, and for credentials of one role, which are no stack's.
    """
    if settings.keys is None:
        found = settings.security.credentials()
        if found is not None and found.identity.role:
            raise ValueError(
                f"FLYTE_NATS_CREDS are those of one role ({found.identity.role}), and each service of a "
                "stack has its own: name the folder that `flyte admin init` made (--keys DIR)"
            )
        return Access(
            url=url, user=settings.nats_user, password=settings.nats_password, security=settings.security
        )
    keyring = Keyring(settings.keys)
    files = [keyring.credentials(name) for name in (*(role.name for role in SERVICES), OPERATOR.name)]
    files += [keyring.minter_file(role.name) for role in (AGENT, WORKER)]
    missing = [str(file.relative_to(keyring.folder)) for file in files if not os.access(file, os.R_OK)]
    if missing:
        raise ValueError(
            f"{keyring.folder} is no folder of `flyte admin init`, or not whole: "
            f"{', '.join(missing)} cannot be read"
        )
    return Access(url=url, security=settings.security, keyring=keyring)
