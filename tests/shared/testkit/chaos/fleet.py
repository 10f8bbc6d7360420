"""All that makes up a control plane, each a process of its own, to be killed, paused and started by name."""

import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import orjson

from flyte_bus.process import is_alive
from testkit.cli import clean_environment, command
from testkit.nats_cluster import NatsCluster
from testkit.nats_server import NatsServer
from testkit.typed import Typed

SERVICES = {
    "registry": "registry",
    "dataproxy": "dataproxy",
    "executor": "executor",
    "executor-2": "executor",
}
"""The processes by name, and what each of them runs."""
STOP_LIMIT_S = 30.0
SLOTS = 4
LEASE_S = 3
"""How long a worker may be silent; short, so that silences which are longer do not make a drill long."""


class Servers(Protocol):
    """One nats-server, or a cluster of them."""

    user: str
    password: str

    @property
    def url(self) -> str: ...


class Fleet:
    """A context manager; `home` is shared by all services of this machine."""

    def __init__(self, folder: Path, *, nodes: int = 1) -> None:
        self.home = folder / "home"
        self.folder = folder
        self._single = NatsServer(folder / "nats") if nodes == 1 else None
        self._cluster = NatsCluster(folder / "nats", nodes) if nodes > 1 else None
        self._nodes = nodes
        self._processes: dict[str, Typed] = {}

    @property
    def servers(self) -> Servers:
        servers = self._single or self._cluster
        assert servers is not None
        return servers

    @property
    def cluster(self) -> NatsCluster | None:
        return self._cluster

    @property
    def variables(self) -> dict[str, str]:
        """What services and users need to know."""
        return {
            "FLYTE_HOME": str(self.home),
            "FLYTE_NATS_URL": self.servers.url,
            "FLYTE_NATS_USER": self.servers.user,
            "FLYTE_NATS_PASSWORD": self.servers.password,
            "FLYTE_NATS_REPLICAS": str(self._nodes),
            "FLYTE_ADMIN_ENDPOINT": self.servers.url,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that has a name here; agents have none."""
        if self._cluster is None:
            return (*SERVICES, "nats-server")
        return (*SERVICES, *(f"nats-server-{node.number}" for node in self._cluster.nodes))

    def start(self, name: str) -> None:
        """Start what was killed."""
        if name == "nats-server" and self._single is not None:
            return self._single.start()
        if name.startswith("nats-server-") and self._cluster is not None:
            return self._cluster.nodes[int(name.rpartition("-")[2])].start()
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = Typed(
                [command(f"flyte-{SERVICES[name]}")],
                self.folder,
                clean_environment(
                    **self.variables, FLYTE_EXECUTOR_SLOTS=str(SLOTS), FLYTE_LEASE_TTL_S=str(LEASE_S)
                ),
                loads=(f"flyte_{SERVICES[name]}.app",),
                log=log,
                is_leader=True,
            )
        return None

    def kill(self, name: str) -> None:
        """`kill -9`."""
        if name == "nats-server" and self._single is not None:
            return self._single.kill()
        if name.startswith("nats-server-") and self._cluster is not None:
            return self._cluster.nodes[int(name.rpartition("-")[2])].kill()
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        return None

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to what runs."""
        if name == "nats-server" and self._single is not None:
            self._single.send(number)
        elif name.startswith("nats-server-") and self._cluster is not None:
            self._cluster.nodes[int(name.rpartition("-")[2])].send(number)
        else:
            self._processes[name].send_signal(number)

    def ended(self) -> dict[str, int]:
        """The services that ended by themselves, which they never should, with their exit codes."""
        codes = {name: process.poll() for name, process in self._processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def agents(self) -> dict[int, str]:
        """The agents that run: the action of each by its process id; a worker of a pool may have none."""
        found = {}
        for path in (self.home / "agents").glob("*.json"):
            try:
                record = orjson.loads(path.read_bytes())
            except (OSError, ValueError):  # it is being written, or was just taken away
                continue
            if is_alive(record["pid"], record["started"]):
                action = f"{record['run']}/{record['action']}" if "run" in record else ""
                found[int(record["pid"])] = action
        return found

    def end_executors(self) -> None:
        """End them as an operator does: workers that have nothing to do end with them."""
        executors = [name for name, service in SERVICES.items() if service == "executor"]
        for name in executors:
            self._processes[name].terminate()
        for name in executors:
            self._processes.pop(name).wait(STOP_LIMIT_S)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def __enter__(self) -> Self:
        if self._cluster is not None:
            self._cluster.__enter__()
        if self._single is not None:
            self._single.start()
        for name in SERVICES:
            self.start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.agents():
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self._single is not None:
            self._single.kill()
        if self._cluster is not None:
            self._cluster.__exit__(kind, error, trace)
