"""A real nats-server of its own for one test: killed and started again at will, gone afterwards."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

PROGRAM = Path(os.environ.get("FLYTE_TEST_NATS_SERVER") or Path(sys.executable).parent / "nats-server")
"""The server that tests start: the environment's own, or `FLYTE_TEST_NATS_SERVER`, to try another version."""
START_LIMIT_S = 20.0
"""How long a server may take until it accepts connections."""
LOOK_AGAIN_S = 0.01

STORE_BYTES = 64 * 1024**3
"""How much a server may store, whatever room its disk has when it starts."""

_CONFIG = """\
listen: "127.0.0.1:{port}"
ports_file_dir: "{folder}"
log_file: "{folder}/nats.log"
jetstream {{ store_dir: "{folder}/store", max_file_store: {store_bytes} }}
"""
_USER = 'authorization {{ user: "{user}", password: "{password}" }}\n'


class NatsServer:
    """One nats-server on 127.0.0.1, with its store below `folder`; the port is chosen at the first start.

    `more` stands in its configuration as it is, which has no user and password `without_user`. `inside` are
    words to write before its command, which may see other folders; `seen` is `folder` from here.
    """

    def __init__(
        self,
        folder: Path,
        *,
        more: str = "",
        without_user: bool = False,
        inside: Sequence[str] = (),
        seen: Path | None = None,
    ) -> None:
        self._more = more
        self._without_user = without_user
        self._inside = tuple(inside)
        self._seen = seen or folder
        self.user = "tester"
        self.password = secrets.token_hex(16)
        self.port = 0
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the same port and store as before, and return when it accepts connections."""
        if self._process is not None:
            raise RuntimeError("this nats-server is running")
        self._seen.mkdir(parents=True, exist_ok=True)
        config = self._seen / "nats.conf"
        config.write_text(
            _CONFIG.format(
                port=self.port or -1,
                folder=self._folder,
                store_bytes=STORE_BYTES,
            )
            + ("" if self._without_user else _USER.format(user=self.user, password=self.password))
            + self._more
        )
        self._process = subprocess.Popen(
            [*self._inside, PROGRAM, "-c", self._folder / "nats.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"nats-server did not start:\n{self._log()}")
            time.sleep(LOOK_AGAIN_S)

    def kill(self) -> None:
        """Kill it as a power cut would; nothing happens when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it; one that was told to stop has stopped when this returns."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def _accepts(self) -> bool:
        self.port = self.port or self._chosen_port()
        if not self.port:
            return False
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False

    def _chosen_port(self) -> int:
        """The port that the server wrote down; 0 when it has not yet."""
        for path in self._seen.glob("nats-server*.ports"):
            try:
                (url,) = json.loads(path.read_text())["nats"]
            except ValueError:  # it is writing just now
                return 0
            return int(url.rpartition(":")[2])
        return 0

    def _log(self) -> str:
        path = self._seen / "nats.log"
        return path.read_text() if path.exists() else "(it wrote no log)"


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A running nats-server with an empty store."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        yield server
    finally:
        server.kill()
