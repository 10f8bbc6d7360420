"""Everything is killed and paused at random while runs go on: no promise is broken."""

from pathlib import Path

import pytest

from testkit.chaos.drill import Drill, Outcome


def _drill(drill: Drill) -> Outcome:
    try:
        outcome = drill.run()
    except BaseException:
        print(drill.logs())
        raise
    print(outcome)
    if outcome.verdict.broken:
        print(drill.logs())
    assert outcome.verdict.broken == []
    return outcome


@pytest.mark.parametrize("seed", [1])
def test_no_promise_is_broken_while_processes_are_killed_and_paused(tmp_path: Path, seed: int) -> None:
    outcome = _drill(Drill(tmp_path, seed, runs=10))
    assert outcome.verdict.runs >= 10
    assert outcome.faults
