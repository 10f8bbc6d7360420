"""A process that runs an installed script of ours, forked from one that has loaded what the script needs.

It is used as a `subprocess.Popen` is. `testkit.forking` says why, and what is the same for the script.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

COMMANDS = ("flyte_schemas", "flyte_bus", "flyte._cli", "flyte._client", "flyte._run", "flyte.remote")
"""What the commands of `flyte` load."""


class Typed:
    """A process that runs the script `words[0]` in `folder`, with these variables and no others.

    What it writes goes to `log`; where there is none, both or either of its streams can be read here.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        *,
        loads: Sequence[str] = COMMANDS,
        log: IO[bytes] | None = None,
        apart: bool = False,
        is_leader: bool = False,
    ) -> None:
        self.args = list(words)
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        if log is None:
            self.stdout, out = _pipe()
        else:
            out = os.dup(log.fileno())
        error = out
        if apart:
            self.stderr, error = _pipe()
        self._readers: list[threading.Thread] = []
        self._read: dict[str, str] = {}
        order = {
            "words": self.args,
            "folder": str(folder),
            "variables": dict(variables),
            "loads": list(loads),
            "is_leader": is_leader,
        }
        self._end, told = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        socket.send_fds(_forking(), [json.dumps(order).encode()], [nothing, out, error, told])
        for one in {nothing, out, error, told}:
            os.close(one)
        self.pid = self._told()["pid"]

    def _told(self) -> dict[str, int]:
        line = b""
        while not line.endswith(b"\n"):
            read = os.read(self._end, 1)
            assert read, "who forks the commands has gone: what it says stands above"
            line += read
        return dict(json.loads(line))

    def poll(self) -> int | None:
        """The exit code, where it has ended."""
        if self.returncode is None and select.select([self._end], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._end], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = self._told()["code"]
            os.close(self._end)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that was not read before, once it has ended; raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._readers:
            self._readers = [
                threading.Thread(target=self._read_all, args=(name, pipe), daemon=True)
                for name, pipe in (("out", self.stdout), ("error", self.stderr))
                if pipe is not None
            ]
            for reader in self._readers:
                reader.start()
        for reader in self._readers:
            reader.join(_left(deadline))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        self.wait(_left(deadline))
        return self._read.get("out", ""), self._read.get("error", "")

    def _read_all(self, name: str, pipe: IO[str]) -> None:
        with pipe:
            self._read[name] = pipe.read()

    def send_signal(self, number: int) -> None:
        """Send it a signal, where it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`."""
        self.send_signal(signal.SIGKILL)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _pipe() -> tuple[IO[str], int]:
    read, write = os.pipe()
    return os.fdopen(read, encoding="utf-8"), write


@cache
def _forking() -> socket.socket:
    """The way to the process that forks the others: one for the whole of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    script = Path(__file__).with_name("forking.py")
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(script), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            cwd="/",
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
