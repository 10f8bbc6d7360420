"""One size of a load, on a stack that runs: its rate, and the most memory that each kind of process had."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.children import SOURCE, measured
from bench.growth.watched import KINDS, peaks
from bench.peers.pace import pace
from testkit.cli import Cli

ACTIONS_OF_RUNS = 2_000
"""How many actions all runs have together that run at a time."""
HEADER = (
    f"{'load':<28} {'actions/s':>10} {'seconds':>8}  "
    + "".join(f"{kind + ', MiB':>27}" for kind in KINDS)
    + "  pace, ms"
)

RUN_TOGETHER = """\
import asyncio
import json
import sys
import time

import flyte

import children

RUNS, EACH = map(int, sys.argv[1:])


async def main() -> None:
    await flyte.init_from_config.aio()
    warm = await flyte.run.aio(children.at_once, count=1)
    await warm.wait.aio()
    begun = time.time()
    runs = await asyncio.gather(*(flyte.run.aio(children.at_once, count=EACH) for _ in range(RUNS)))
    await asyncio.gather(*(run.wait.aio() for run in runs))
    took = time.time() - begun
    for run in runs:
        await run.outputs.aio()  # raises where one has failed
    print(json.dumps(took))


asyncio.run(main())
"""


@dataclass(slots=True)
class Point:
    """`size` is what the load has of what grows; `memory` the peak of the RSS by kind of process, in MiB."""

    what: str
    size: int
    rate: float
    seconds: float
    memory: dict[str, float]
    pace_ms: tuple[float, float] = field(default_factory=lambda: (pace(), pace()))

    def line(self) -> str:
        """The row as printed."""
        memory = "".join(f"{self.memory.get(kind, 0.0):>27,.0f}" for kind in KINDS)
        paces = " ".join(f"{one:.0f}" for one in self.pace_ms)
        return f"{self.what:<28} {self.rate:>10,.0f} {self.seconds:>8,.1f}  {memory}  {paces}"

    def as_json(self) -> dict[str, object]:
        return dataclasses.asdict(self)


Measure = Callable[[Cli, int], Point]


def fan_out(cli: Cli, size: int) -> Point:
    """One parent asks for that many children at once, which a pool of two processes runs."""
    cli.write("children.py", SOURCE)
    with peaks(_stack(cli)) as memory:
        (rate,) = measured(cli, f"fan-{size}", "at_once", "--count", str(size))
    return Point(what=f"{size:,} actions", size=size, rate=rate, seconds=size / rate, memory=memory)


def together(cli: Cli, runs: int) -> Point:
    """So many runs at a time share the same children; each run is a parent in a process of its own.

    It counts from the first request until the last run is over.
    """
    cli.write("children.py", SOURCE)
    each = ACTIONS_OF_RUNS // runs
    with peaks(_stack(cli)) as memory:
        program = cli.write("together.py", RUN_TOGETHER)
        done = cli.python(str(program), str(runs), str(each))
    if done.returncode != 0:
        raise RuntimeError(f"{runs} runs at a time: {done.stderr}")
    seconds = float(json.loads(done.stdout.splitlines()[-1]))
    what = f"{runs:,} runs of {each:,} actions" if runs > 1 else f"1 run of {each:,} actions"
    return Point(what=what, size=runs, rate=runs * each / seconds, seconds=seconds, memory=memory)


def _stack(cli: Cli) -> int:
    """The process of the user's stack."""
    return int(json.loads((Path(cli.variables["FLYTE_HOME"]) / "stack.json").read_text())["pid"])
