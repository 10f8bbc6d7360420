"""`make bench-growth`: fan-outs of 1,000, 10,000 and 100,000 actions, and 1, 10 and 100 runs at a time.

Each size has a stack of its own. Prints a table, writes the figures as JSON and the plot as SVG.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "shared"))
# Users have the bytecode that installing made; some machines switch it off for all programs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from bench.growth import plot
from bench.growth.measured import HEADER, Measure, Point, fan_out, together
from bench.peers.pace import pace
from testkit.cli import Cli

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results" / "growth.json"
PICTURE = ROOT / "docs" / "growth.svg"
ACTIONS = (1_000, 10_000, 100_000)
RUNS = (1, 10, 100)
LIMIT_S = 3600.0


def main() -> int:
    """Measure; the largest sizes take a quarter of an hour, so that smaller ones can be asked for."""
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=max(ACTIONS), help="leave out larger fan-outs")
    most = parser.parse_args().most
    print(HEADER, flush=True)
    actions = [_on_a_stack(fan_out, size) for size in ACTIONS if size <= most]
    runs = [_on_a_stack(together, count) for count in RUNS]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    RESULTS.parent.mkdir(exist_ok=True)
    figures = {"actions": [point.as_json() for point in actions], "runs": [point.as_json() for point in runs]}
    RESULTS.write_text(json.dumps({"machine": machine, **figures}, indent=2))
    if most == max(ACTIONS):
        PICTURE.write_text(plot.picture(actions, runs))
        print(f"The plot is {PICTURE.relative_to(ROOT)}.")
    return 0


def _on_a_stack(measure: Measure, size: int) -> Point:
    before = pace()
    with tempfile.TemporaryDirectory() as folder:
        cli = Cli(Path(folder), {"FLYTE_HOME": f"{folder}/home"}, limit_s=LIMIT_S, is_forked=False)
        cli.ok("start", "--detach")
        try:
            point = measure(cli, size)
        finally:
            cli("stop")
    point.pace_ms = before, pace()
    print(point.line(), flush=True)
    return point


if __name__ == "__main__":
    sys.exit(main())
