"""A run at one point of its log: by sequence, by time, and what is said of points that are not in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from flyte._cli.main import command
from flyte._cli.player import Player
from flyte._client.past import read_past, tell
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import action_subject
from testkit.plane import KEY, TASK, Plane

START = datetime(2025, 1, 1, tzinfo=UTC)

STORY: tuple[tuple[float, str, EventData], ...] = (
    (0, "a0", ActionRequested(task=TASK)),
    (1, "a0", ActionQueued(attempt=1, pool="process")),
    (2, "a0", AttemptPlaced(attempt=1, worker="w")),
    (3, "a0", AttemptStarted(attempt=1, worker="w")),
    (10, "child", ActionRequested(task=TASK, parent="a0", parent_attempt=1)),
    (9, "child", ActionQueued(attempt=1, pool="process")),  # by a clock that is a second behind
    (60, "a0", AttemptSucceeded(attempt=1)),
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def told(plane: Plane) -> list[int]:
    """The story is in the log, between words of another run; the sequences of its events."""
    sequences = []
    for number, (seconds, action, data) in enumerate(STORY):
        other = KEY._replace(run="another").action("a0")
        await plane.say(action_subject(other), ActionQueued(attempt=number + 1, pool="process"))
        event = Event(
            id=f"s{number}",
            source="/test",
            subject=action_subject(KEY.action(action)),
            time=at(seconds),
            data=data,
        )
        sequences.append(await plane.theirs.log.append(event))
    return sequences


async def test_at_each_sequence_it_is_what_the_log_said_until_then(plane: Plane) -> None:
    sequences = await told(plane)
    phases = []
    for number, sequence in enumerate(sequences):
        past = await read_past(plane.mine, KEY, sequence)
        assert (past.sequence, past.events) == (sequence, number + 1)
        phases.append(past.fold.phase)
    P = ActionPhase
    assert phases == [P.QUEUED, P.WAITING_FOR_RESOURCES, P.INITIALIZING, *[P.RUNNING] * 3, P.SUCCEEDED]


async def test_a_sequence_of_another_run_between_two_of_ours_is_as_the_one_before_it(plane: Plane) -> None:
    sequences = await told(plane)
    past = await read_past(plane.mine, KEY, sequences[3] + 1)
    assert (past.sequence, past.time) == (sequences[3], at(3))


async def test_at_a_time_it_is_what_was_said_before_the_first_later_word(plane: Plane) -> None:
    sequences = await told(plane)
    assert (await read_past(plane.mine, KEY, at(3.5))).sequence == sequences[3]
    past = await read_past(plane.mine, KEY, at(9.5))  # what came by a clock behind had not come
    assert (past.sequence, past.time) == (sequences[3], at(9.5))
    assert (await read_past(plane.mine, KEY, at(10))).sequence == sequences[5]


async def test_durations_are_counted_to_the_moment_that_is_shown(plane: Plane) -> None:
    await told(plane)
    past = await read_past(plane.mine, KEY, at(33))
    (root, child) = past.to_dict()["actions"]
    assert (root["name"], root["phase"], root["seconds"]) == ("a0", "running", 30)
    assert (child["parent"], child["phase"], child["seconds"]) == ("a0", "waiting_for_resources", 23)
    assert past.to_dict()["as_of"] == {"sequence": past.sequence, "time": at(33).isoformat()}


async def test_a_point_that_is_not_in_the_log_gets_a_sentence(plane: Plane) -> None:
    first, *_, last = await told(plane)
    with pytest.raises(ValueError, match=f"began at sequence {first} .*: {first - 1} is before it"):
        await read_past(plane.mine, KEY, first - 1)
    with pytest.raises(ValueError, match=f"ends at sequence {last} .*: {last + 1} is after it"):
        await read_past(plane.mine, KEY, last + 1)
    with pytest.raises(ValueError, match=r"began at sequence .* is before it"):
        await read_past(plane.mine, KEY, at(-1))
    with pytest.raises(LookupError, match="the log has no run 'unheard'"):
        await read_past(plane.mine, KEY._replace(run="unheard"))


async def test_what_goes_on_is_pictured_as_it_is_now(plane: Plane) -> None:
    await told(plane)
    past = await read_past(plane.mine, KEY)
    assert not past.fold.is_settled  # the child has not ended
    assert past.time > at(60)


async def test_played_as_fast_as_it_goes_it_ends_where_the_log_does(plane: Plane) -> None:
    sequences = await told(plane)
    player = Player(float("inf"))
    seen: list[ActionState] = []
    async for one in tell(plane.mine, KEY):
        await player.take(one)
        seen.append(player.fold.root)
        assert player.now() == one.clock
    assert player.sequence == sequences[-1]
    assert player.fold.phase is ActionPhase.SUCCEEDED
    assert [state.phase for state in seen[:2]] == [ActionPhase.QUEUED, ActionPhase.WAITING_FOR_RESOURCES]
    assert player.picture(5).size == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "soon"], "neither a sequence of the log nor a time"),
        (["--speed", "0"], "'0' is no speed: 10x is ten times as fast as it was"),
        (["--speed", "fast"], "'fast' is no speed"),
        (["--at", "1", "--speed", "2x"], "--speed is for playing a run"),
        (["-o", "json", "--speed", "2x"], "--speed is for playing a run"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_asked(words: list[str], said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        command().main(["replay", "r1", *words], prog_name="flyte", standalone_mode=False)


@pytest.mark.parametrize("option", ["--project", "--domain"])
def test_an_import_goes_to_a_place_that_can_be(option: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(click.BadParameter, match="has a dot, a wildcard or white space"):
        command().main(["import", str(file), option, "a.b"], prog_name="flyte", standalone_mode=False)
