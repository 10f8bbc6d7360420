"""The services as separate processes, by their console scripts, beside a real nats-server: to be killed."""

import os
import signal
import subprocess
from pathlib import Path

from flyte_bus.process import is_alive
from testkit.cli import clean_environment, command
from testkit.nats_server import NatsServer
from testkit.typed import Typed

SERVICES = ("registry", "dataproxy", "executor")
STOP_LIMIT_S = 20.0


class Cluster:
    """nats-server, registry, dataproxy and executor, each a process of its own; a context manager.

    `services` are those that it starts with. `elsewhere` is a second executor, with a home of its own as on
    another machine, that is started by hand; `more` are environment variables of the services and of their
    users; `nats` stands in the configuration of the server.
    """

    def __init__(
        self, folder: Path, services: tuple[str, ...] = SERVICES, *, nats: str = "", **more: str
    ) -> None:
        self._services = services
        self.home = folder / "home"
        self.other_home = folder / "elsewhere"
        self.server = NatsServer(folder / "nats", more=nats)
        self._folder = folder
        self._more = more
        self._processes: dict[str, Typed] = {}

    @property
    def variables(self) -> dict[str, str]:
        """What the services and the CLI need to know."""
        return {
            "FLYTE_HOME": str(self.home),
            "FLYTE_NATS_URL": self.server.url,
            "FLYTE_NATS_USER": self.server.user,
            "FLYTE_NATS_PASSWORD": self.server.password,
            "FLYTE_ADMIN_ENDPOINT": self.server.url,
            **self._more,
        }

    def start(self, name: str) -> None:
        """Start a service (or `nats-server`); `scheduler-2` is a second one of the same kind."""
        if name == "nats-server":
            return self.server.start()
        service, home = name.partition("-")[0], self.home
        if name == "elsewhere":
            service, home = "executor", self.other_home
        more = {"FLYTE_EXECUTOR_SLOTS": "8", "FLYTE_HOME": str(home)}
        log = (self._folder / f"{name}.log").open("ab")
        with log:
            self._processes[name] = Typed(
                [command(f"flyte-{service}")],
                self._folder,
                clean_environment(**(self.variables | more)),
                loads=(f"flyte_{service}.app",),
                log=log,
                is_leader=True,
            )
        return None

    def kill(self, name: str) -> None:
        """`kill -9`."""
        if name == "nats-server":
            return self.server.kill()
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        return None

    def stop(self, name: str) -> int:
        """End a service as its operator does; its exit code."""
        self._processes[name].terminate()
        return self.ended(name)

    def ended(self, name: str) -> int:
        """The exit code of a service that was told to end, or cannot begin."""
        return self._processes.pop(name).wait(STOP_LIMIT_S)

    def terminate(self, name: str) -> None:
        """Tell a service to end, and do not wait for it."""
        self._processes[name].terminate()

    def log(self, name: str) -> str:
        """What a service wrote to its standard error."""
        path = self._folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def agents(self) -> list[int]:
        """The process ids of agents that run."""
        return [
            int(path.stem)
            for home in (self.home, self.other_home)
            for path in (home / "agents").glob("*.json")
            if path.stem.isdecimal() and is_alive(int(path.stem))
        ]

    def __enter__(self) -> "Cluster":
        self.server.start()
        for name in self._services:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.agents():
            _kill(pid)
        self.server.kill()


def _kill(pid: int) -> None:

    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
