"""What a stack costs while nobody uses it, and how soon a printed line is seen."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from bench.rows import Row
from flyte_bus.process import stat_fields
from testkit.cli import Cli
from testkit.processes import below

LINES = 200
LINE_PAUSE_S = 0.02
SETTLE_S = 3.0
"""How long after its start a stack counts as idle."""
IDLE_S = 10.0
"""For how long an idle stack's processor time is watched."""

TALKER = f"""\
import time

import flyte

env = flyte.TaskEnvironment(name="talk")


@env.task
def talk() -> None:
    for _ in range({LINES}):
        print(f"@{{time.time()}}@")
        time.sleep({LINE_PAUSE_S})
"""


def idle(home: Path) -> Iterator[Row]:
    """A stack that was started and is left alone: memory and processor time of all its processes."""
    time.sleep(SETTLE_S)
    stack = json.loads((home / "stack.json").read_text())["pid"]
    processes = [stack, *below(stack)]
    memory = sum(_memory_bytes(pid) for pid in processes) / 2**20
    before = sum(map(_processor_s, processes))
    time.sleep(IDLE_S)
    busy = 100 * (sum(map(_processor_s, processes)) - before) / IDLE_S
    what = f"idle stack ({len(processes)} processes)"
    yield Row(what=f"{what}, memory", unit="MiB", figures=(memory,), goal="≤ 250 MB")
    yield Row(what=f"{what}, processor", unit="%", figures=(busy,), goal="≤ 1 %")


def log_lines(cli: Cli) -> Iterator[Row]:
    """From `print` in a task to the terminal of `flyte run`."""
    cli.write("talk.py", TALKER)
    cli.ok("run", "talk.py", "talk")
    process = cli.spawn("run", "--no-progress", "talk.py", "talk")
    assert process.stdout is not None
    took = [1000 * (time.time() - float(line.split("@")[1])) for line in process.stdout if "@" in line]
    process.wait()
    cli.spawned.remove(process)
    assert len(took) == LINES, f"{LINES - len(took)} lines of {LINES} were not shown"
    late = sorted(took)[int(0.99 * len(took))]
    yield Row(what="a line printed in a task → shown", unit="ms", figures=tuple(took), goal="p50 ≤ 100 ms")
    yield Row(what="a line printed in a task → shown, p99", unit="ms", figures=(late,), goal="≤ 500 ms")


def _memory_bytes(pid: int) -> int:
    """What a process holds, pages that several share counted by their part (forked ones share most)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _processor_s(pid: int) -> float:
    user, system = stat_fields(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
