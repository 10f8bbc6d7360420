"""Three nats-servers that form a cluster on one machine: each can be killed, paused and cut off.

Each server calls each other one through a gate of its own, and clients come to each server through one:
whatever is cut off, nobody is told. The addresses that servers tell each other lead nowhere.
"""

import json
import secrets
import signal
import subprocess
import time
import urllib.request
from itertools import permutations
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testkit.gates import Gate, Gates, free_port
from testkit.nats_server import PROGRAM

START_LIMIT_S = 60.0
LOOK_AGAIN_S = 0.05

_CONFIG = """\
server_name: "n{number}"
listen: "127.0.0.1:{client}"
http: "127.0.0.1:{monitor}"
log_file: "{folder}/nats.log"
max_traced_msg_len: 80
jetstream {{ store_dir: "{folder}/store", max_file_store: 68719476736 }}
authorization {{ user: "{user}", password: "{password}" }}
cluster {{
  name: "tested"
  listen: "127.0.0.1:{route}"
  cluster_advertise: "127.0.0.1:9"
  no_advertise: true
  connect_retries: 0
  routes: [{routes}]
}}
"""


class Node:
    """One server of the cluster."""

    def __init__(self, number: int, folder: Path, config: dict[str, Any], gates: Gates) -> None:
        self.number = number
        self.folder = folder
        self.config = config
        self.clients = gates.make(config["client"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it joins the others when it can."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "nats.conf"
        file.write_text(_CONFIG.format(number=self.number, folder=self.folder, **self.config))
        self.process = subprocess.Popen(
            [PROGRAM, "-c", file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it as a power cut would; nothing happens when it is not running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def jetstream(self) -> dict[str, Any]:
        """What it says of the cluster's state; {} when it does not answer."""
        try:
            url = f"http://127.0.0.1:{self.config['monitor']}/jsz?accounts=1&streams=1"
            with urllib.request.urlopen(url, timeout=2.0) as answer:
                document: dict[str, Any] = json.load(answer)
                return document
        except (OSError, ValueError):
            return {}


class NatsCluster:
    """The cluster; a context manager. `user`, `password` and `url` are what a client needs."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        self.user = "tester"
        self.password = secrets.token_hex(16)
        self._gates = Gates()
        self._folder = folder
        self._size = size
        self.nodes: list[Node] = []
        self._between: dict[tuple[int, int], Gate] = {}

    @property
    def url(self) -> str:
        """The addresses of all servers."""
        return ",".join(f"nats://127.0.0.1:{node.clients.port}" for node in self.nodes)

    def start(self) -> None:
        """Start what is not running, and return when all agree on a leader."""
        for node in self.nodes:
            if node.process is None:
                node.start()
        self.await_quorum()

    def await_quorum(self) -> None:
        """Return when somebody leads the cluster."""
        deadline = time.monotonic() + START_LIMIT_S
        while not self.leader():
            assert time.monotonic() < deadline, f"the cluster found no leader in {START_LIMIT_S:g} s"
            time.sleep(LOOK_AGAIN_S)

    def leader(self) -> str:
        """The name of the server that leads the cluster, of which two know; "" when there is none."""
        said = [node.jetstream().get("meta_cluster", {}).get("leader") for node in self.nodes]
        return next((name for name in said if name and said.count(name) * 2 > self._size), "")

    def leader_of(self, stream: str) -> Node:
        """The server that leads a stream."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            for node in self.nodes:
                for account in node.jetstream().get("account_details", []):
                    for detail in account.get("stream_detail", []):
                        name = detail.get("cluster", {}).get("leader", "")
                        if detail["name"] == stream and name:
                            return self.nodes[int(name.removeprefix("n"))]
            time.sleep(LOOK_AGAIN_S)
        raise AssertionError(f"{stream} has no leader")

    def cut_off(self, node: Node) -> None:
        """Let the node hear nothing of the others, nor they of it; clients still reach it."""
        for pair, gate in self._between.items():
            if node.number in pair:
                gate.shut()

    def heal(self) -> None:
        """Undo every cut."""
        for gate in self._between.values():
            gate.open()
        for node in self.nodes:
            node.clients.open()

    def logs(self) -> str:
        """The last words of each server."""
        return "\n".join(
            f"-- n{node.number}\n{(node.folder / 'nats.log').read_text()[-4000:]}"
            for node in self.nodes
            if (node.folder / "nats.log").exists()
        )

    def __enter__(self) -> Self:
        self._gates.__enter__()
        routes = [free_port() for _ in range(self._size)]
        for caller, called in permutations(range(self._size), 2):
            self._between[caller, called] = self._gates.make(routes[called])
        for number in range(self._size):
            known = [gate.port for (caller, _), gate in self._between.items() if caller == number]
            config = {
                "client": free_port(),
                "monitor": free_port(),
                "route": routes[number],
                "routes": ", ".join(f'"nats://127.0.0.1:{port}"' for port in known),
                "user": self.user,
                "password": self.password,
            }
            self.nodes.append(Node(number, self._folder / f"n{number}", config, self._gates))
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.kill()
        self._gates.__exit__(kind, error, trace)
