"""Everything is killed, paused and cut off at random while runs go on: no promise is broken.

A short drill runs with every test. `make chaos MINUTES=n` lets drills follow each other for so long, with a
single nats-server and with a cluster by turns; `FLYTE_CHAOS_SEED` is the first one's seed.
"""

import os
import random
import time
from pathlib import Path

import pytest

from testkit.chaos.drill import Drill

MINUTES = float(os.environ.get("FLYTE_CHAOS_MINUTES") or 0)
SEED = int(os.environ.get("FLYTE_CHAOS_SEED") or random.randrange(1_000_000))
SHORT_S = 20.0
DRILL_S = 120.0
"""How long things go wrong in the short drill, and in each of many."""


def _drill(drill: Drill, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        outcome = drill.run()
    except BaseException:
        print(drill.logs())
        raise
    with capsys.disabled():
        print(f"\n{outcome}")
    if outcome.verdict.broken:
        print(drill.logs())
    assert outcome.verdict.broken == []
    assert outcome.faults
    assert outcome.verdict.runs


@pytest.mark.timeout(400)
def test_no_promise_is_broken_while_processes_are_killed_and_paused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _drill(Drill(tmp_path, 1, runs=6, parallel=3, seconds=SHORT_S), capsys)


if MINUTES:

    @pytest.mark.timeout(0)
    def test_no_promise_is_broken_in_drill_after_drill(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        deadline, seed = time.monotonic() + 60 * MINUTES, SEED
        while time.monotonic() < deadline:
            nodes = 1 if seed % 2 else 3
            _drill(Drill(tmp_path / str(seed), seed, seconds=DRILL_S, nodes=nodes), capsys)
            seed += 1
