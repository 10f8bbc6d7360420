"""What the peers' programs do the same way: hear a plan, take times, and tell figures as lines of JSON.

It runs by the interpreter of each peer's own environment, so it uses the standard library only.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NoReturn

WARM_UP = 20
"""Calls before those that count."""
SETTLE_S = 3.0
"""How long after its start a system counts as idle."""
START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0


class Measuring:
    """One program's plan, and the way by which its figures leave it."""

    def __init__(self) -> None:
        """Read the command line. What anybody prints from now on goes to standard error."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--folder", type=Path, required=True, help="where files may be left")
        parser.add_argument("--calls", type=int, required=True, help="how many calls in turn")
        parser.add_argument("--rounds", type=int, required=True, help="how often everything is repeated")
        parser.add_argument(
            "--budget", type=float, required=True, help="seconds; then no further round begins"
        )
        parser.add_argument("--sizes", type=int, nargs="*", default=[], help="of fan-outs")
        plan = parser.parse_args()
        self.folder: Path = plan.folder
        self.calls: int = plan.calls
        self.sizes: list[int] = plan.sizes
        self._rounds: int = plan.rounds
        self._budget_s: float = plan.budget
        self._figures = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        sys.excepthook = self._fails

    def rounds(self) -> Iterator[int]:
        """The rounds of one figure; the first one is always there."""
        begun = time.monotonic()
        for number in range(self._rounds):
            if number and time.monotonic() - begun > self._budget_s:
                return
            yield number

    def figure(self, name: str, samples: list[float]) -> None:
        """Tell what one round gave."""
        self._line({"figure": name, "samples": samples})

    def note(self, words: str) -> None:
        """Tell something that belongs beside the figures."""
        self._line({"note": words})

    def leave_out(self, why: str) -> NoReturn:
        """Tell why nothing more is measured, and end."""
        self._line({"failure": why})
        sys.exit(1)

    def idle(self, *roots: int) -> None:
        """Tell the memory of these processes and of all below them, when they have come to rest."""
        time.sleep(SETTLE_S)
        self.figure("idle", [sum(map(memory_mib, {pid for root in roots for pid in tree(root)}))])

    def in_turn(self, name: str, call: Callable[[int], int]) -> None:
        """Tell how many milliseconds each of `call(n) == n * n` takes, one after the other."""
        for _ in self.rounds():
            samples = []
            for number in range(-WARM_UP, self.calls):
                begun = time.perf_counter()
                gave = call(number)
                samples.append(1000 * (time.perf_counter() - begun))
                assert gave == number * number, f"{number} squared is not {gave}"
            self.figure(name, samples[WARM_UP:])

    def at_once(self, call: Callable[[range], list[int]]) -> None:
        """Tell how many a second `call(numbers)`, all of them at once, squares."""
        call(range(WARM_UP))
        for size in self.sizes:
            for _ in self.rounds():
                begun = time.perf_counter()
                gave = call(range(size))
                took = time.perf_counter() - begun
                check(gave)
                self.figure(f"fan-out {size}", [size / took])

    def _fails(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._line({"failure": f"{kind.__name__}: {error}"})
        sys.__excepthook__(kind, error, trace)

    def _line(self, line: object) -> None:
        self._figures.write(json.dumps(line) + "\n")
        self._figures.flush()


async def times(call: Callable[[int], Awaitable[int]], count: int) -> list[float]:
    """Milliseconds of each of so many calls in turn, after some that do not count."""
    samples = []
    for number in range(-WARM_UP, count):
        begun = time.perf_counter()
        gave = await call(number)
        samples.append(1000 * (time.perf_counter() - begun))
        assert gave == number * number, f"{number} squared is not {gave}"
    return samples[WARM_UP:]


def check(squares: list[int]) -> None:
    """Whether a fan-out gave what it had to."""
    assert squares == [number * number for number in range(len(squares))], "the squares are wrong"


def free_port() -> int:
    """A port of this machine's that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(words: list[str], **variables: str) -> Iterator[int]:
    """Run a server, which may print to standard error, until the block ends; its process."""
    with subprocess.Popen(words, env=os.environ | variables, stdin=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def until(there: Callable[[], bool], what: str) -> None:
    """Wait until something is there."""
    limit = time.monotonic() + START_LIMIT_S
    while not there():
        if time.monotonic() > limit:
            raise TimeoutError(f"{what} was not there within {START_LIMIT_S:g} s")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def post(url: str, body: object, limit_s: float = 300.0) -> object:
    """Send JSON to a server on this machine, and what it answers."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=limit_s) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{url}: {error} {error.read().decode(errors='replace')}") from error


def tree(root: int) -> list[int]:
    """A process and all that are below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    found, level = [root], [root]
    while level := [pid for pid, parent in parents.items() if parent in level]:
        found += level
    return found


def memory_mib(pid: int) -> float:
    """What a process holds, pages that several share counted by their part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it has ended meanwhile
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
