"""What one project's warm actions take while another project floods the stack, without and with limits.

The machine is shared too: whoever keeps its processors busy slows everybody, and no limit of ours changes
that. So there is a row for busy processes that say nothing to the stack; what a flood adds to that is ours.
Each turn measures everything once, on a stack of its own and in the same order, so that other load of the
machine hits all rows alike.

`python -m bench.noisy_neighbour` measures only these rows.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "shared"))

from bench import children
from bench.rows import HEADER, Row
from testkit.cli import Cli, clean_environment

TURNS = 3
ACTIONS = 200
NOISY = "noisy"
LIMITS = {
    "live-actions": "2",
    "requests-per-s": "5",
    "event-bytes-per-run": "5MB",
    "log-bytes-per-run": "5MB",
}
FLOODS = {
    "children": "thousands of warm children at once",
    "output": "output, as much as it can",
    "events": "events of its steps, as many as it can",
    "requests": "requests, as many as it can",
}
"""Requests come last: of a flood of them it takes minutes until the last are refused."""
FLOODED_S = 4.0
"""How long a flood goes on before anything is measured beside it."""
HOGS = 2
"""As many busy processes as a flood has tasks."""

PROGRAM = """\
import asyncio

import flyte

pool = flyte.TaskEnvironment(name="noise", reusable=flyte.ReusePolicy(replicas=2))
env = flyte.TaskEnvironment(name="flood", depends_on=[pool])


@pool.task
async def nothing(number: int) -> int:
    return number


@env.task
async def children(wave: int = 0) -> None:
    while True:
        await asyncio.gather(*(nothing(wave * 3000 + number) for number in range(3000)))
        wave += 1


@env.task
def output(which: int) -> None:
    while True:
        print("x" * 200)


@flyte.trace
async def step(number: int) -> int:
    return number


@env.task
async def events(which: int) -> None:
    number = 0
    while True:
        await step(number)
        number += 1
"""

DRIVER = """\
import asyncio
import sys
import uuid
from datetime import UTC, datetime

import flyte
import flyte.remote

kind = sys.argv[1]
flyte.init_from_config(project="noisy")


def again_and_again(which):
    task = flyte.remote.Task.get(f"flood.{kind}", auto_version="latest")
    inputs = {} if kind == "children" else {"which": which}
    while True:
        flyte.run(task, **inputs).wait()


async def requests():
    from flyte import _session
    from flyte._client.identity import who
    from flyte_schemas.envelope import Event
    from flyte_schemas.events import StartRun
    from flyte_schemas.subjects import RunKey, run_request
    from flyte_schemas.task import TaskReference

    bus = await _session.client().bus()

    async def ask():
        name = uuid.uuid4().hex
        start = StartRun(task=TaskReference(name="flood.nobody", version="v0"), requested_by=who())
        subject = run_request(RunKey("noisy", "development", name), who())
        await bus.log.append(Event(id=name, source="/x", subject=subject, time=datetime.now(UTC), data=start))

    while True:
        await asyncio.gather(*(ask() for _ in range(64)))


if kind == "requests":
    from flyte._syncify import block_on

    block_on(requests())
else:
    import threading

    for which in range(1 if kind == "children" else 2):
        threading.Thread(target=again_and_again, args=(which,), daemon=True).start()
    threading.Event().wait()
"""

QUIET = """\
import time

import flyte
import flyte.remote
from flyte._client.limits import limits_of

flyte.init_from_config(project="noisy")
until = time.monotonic() + 300
while time.monotonic() < until:
    live = [run for run in flyte.remote.Run.listall(limit=500) if not run.done()]
    if not live:
        break
    for run in live:
        run.abort("the measurement is over")
    time.sleep(1)
written = None  # what the runs leave behind is aborted after them
while time.monotonic() < until:
    before, written = written, [
        line.use for line in limits_of(flyte.remote.Project.get("noisy"), "development")
        if line.what == "event_bytes_per_day"
    ]
    if written == before:
        break
    time.sleep(3)
"""


@contextmanager
def _stack() -> Iterator["_Measured"]:
    """A stack with both projects, which has done something already."""
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(Path(folder), {"FLYTE_HOME": f"{folder}/home"}, limit_s=600.0, is_forked=False)
        for name, text in (
            ("children.py", children.SOURCE),
            ("flood.py", PROGRAM),
            ("driver.py", DRIVER),
            ("quiet.py", QUIET),
        ):
            cli.write(name, text)
        cli.ok("start", "--detach")
        try:
            cli.ok("deploy", "-p", NOISY, "flood.py", "--all")
            measured = _Measured(cli)
            measured.once("a first time, which does not count")
            yield measured
        finally:
            cli.ok("stop")


def rows() -> Iterator[Row]:
    """On stacks of its own."""
    figures: dict[str, list[tuple[float, float]]] = {}
    for _ in range(TURNS):
        with _stack() as measured:
            for what, both in measured.turn():
                figures.setdefault(what, []).append(both)
    alone = figures["alone"]
    for at, which in enumerate(("p50", "p99")):
        floor = sorted(one[at] for one in alone)[len(alone) // 2]
        for what, found in figures.items():
            yield Row(
                what=f"{which} of a warm action, {what}",
                unit="ms",
                figures=tuple(one[at] for one in found),
                floor=floor,
                floor_is="the same alone",
                goal="≤ 2 times beside busy processes" if what.endswith("limited") else "—",
            )


class _Measured:
    """The quiet project, measured beside this and that."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self._count = 0

    def turn(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """Everything once."""
        yield "alone", self.once("alone")
        with _hogs():
            yield f"beside {HOGS} busy processes", self.once("busy")
        for kind, about in FLOODS.items():
            self._limit(dict.fromkeys(LIMITS, "none"))
            with self._flood(kind):
                yield f"beside {about}", self.once(kind)
            self._limit(LIMITS)
            with self._flood(kind):
                yield f"beside {about}, limited", self.once(f"{kind}, limited")

    def once(self, what: str) -> tuple[float, float]:
        """Median and 99th percentile, in milliseconds."""
        self._count += 1
        took = sorted(
            children.in_turn(self.cli, f"quiet-{self._count}", "one_by_one", "--count", str(ACTIONS))
        )
        both = took[len(took) // 2], took[int(0.99 * len(took))]
        print(f"  {what}: p50 {both[0]:.1f} ms, p99 {both[1]:.1f} ms", file=sys.stderr, flush=True)
        return both

    def _limit(self, limits: dict[str, str]) -> None:
        words = [word for what, amount in limits.items() for word in ("--limit", f"{what}={amount}")]
        self.cli.ok("update", "project", NOISY, *words)

    @contextmanager
    def _flood(self, kind: str) -> Iterator[None]:
        said = self.cli.folder / "driver.txt"
        with said.open("w") as file:
            driver = subprocess.Popen(
                [sys.executable, "driver.py", kind],
                cwd=self.cli.folder,
                env=clean_environment(**self.cli.variables),
                stdout=subprocess.DEVNULL,
                stderr=file,
            )
        try:
            with suppress(subprocess.TimeoutExpired):
                driver.wait(timeout=FLOODED_S)
            assert driver.returncode is None, f"the flood of {kind} has ended by itself:\n{said.read_text()}"
            yield
        finally:
            driver.kill()
            driver.wait()
            self._limit(dict.fromkeys(LIMITS, "none"))
            self.cli.python("quiet.py")


@contextmanager
def _hogs() -> Iterator[None]:
    """Processes that are busy and say nothing."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(HOGS)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def main() -> int:
    """Measure only this."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(HEADER)
    for row in rows():
        print(row.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
