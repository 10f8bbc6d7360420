"""The console as a process beside a stack that runs: killed and started again at the same address."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from testkit.cli import Cli, clean_environment, command
from testkit.typed import Typed
from testkit.waiting import wait_for

STOP_LIMIT_S = 15.0


def nats_of(home: Path) -> dict[str, str]:
    """The variables by which a service finds the bus of the stack with this home."""
    stack = json.loads((home / "stack.json").read_text())
    return {
        "FLYTE_NATS_URL": stack["nats_url"],
        "FLYTE_NATS_CREDS": stack["nats_credentials"],
    }


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ConsoleProcess:
    """`flyte-console` with `variables`, within a block; its address stays when it is started again."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._log = folder / "console.log"
        self._port = free_port()
        self._variables = {**variables, "FLYTE_CONSOLE_PORT": str(self._port)}
        self._process: Typed | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        with self._log.open("ab") as log:
            self._process = Typed(
                [command("flyte-console")],
                self._log.parent,
                clean_environment(**self._variables),
                loads=("flyte_console.app",),
                log=log,
            )
        wait_for(f"a console at {self.url}", self._answers)

    def kill(self) -> None:
        """End it without a farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
            self._process = None

    def way_in(self) -> str:
        """An address that signs a browser in."""
        variables = {
            **self._variables,
            "FLYTE_ADMIN_ENDPOINT": self._variables["FLYTE_NATS_URL"],
            "FLYTE_CONSOLE_ENDPOINT": self.url,
        }
        return Cli(self._log.parent, variables).ok("console", "--no-open").strip()

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(self.url, timeout=STOP_LIMIT_S):
                return True
        except (OSError, urllib.error.URLError):
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_LIMIT_S)
