"""`flyte run --local` on a terminal: the live tree of what happens in this process."""

import asyncio
from pathlib import Path

import pytest

import flyte
from flyte import _local_attempt
from flyte._happenings import Happenings
from flyte._local import LocalOptions, run_here
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from testkit.cli import Cli
from testkit.terminal import MOVES, typed_on_a_terminal, without_codes

FLOW = """
import asyncio
import flyte

env = flyte.TaskEnvironment(name="env")

@env.task
async def step(number: int) -> int:
    print(f"step {number} speaks")
    await asyncio.sleep(0.6)
    return number

@env.task
async def main(count: int = 3) -> int:
    with flyte.group("steps"):
        return sum(await asyncio.gather(*(step(number) for number in range(count))))

@env.task
def fails() -> int:
    raise ValueError("the cause is this")

@env.task
def stops(x: int) -> int:
    breakpoint()
    return x
"""


@pytest.fixture
def user(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path, {"FLYTE_HOME": str(tmp_path / "home")})
    cli.write("flow.py", FLOW)
    return cli


def test_a_local_run_is_a_live_tree_with_its_output_above_and_a_summary_after(user: Cli) -> None:
    code, written = typed_on_a_terminal(user, "run", "--local", "--name", "mine", "flow.py", "main")
    assert code == 0, written
    assert MOVES.search(written)
    plain = without_codes(written)
    assert "● main  running" in plain and "● steps  3: 3 running" in plain
    for number in range(3):
        assert plain.count(f"step {number} speaks") == 1
    assert "✓ run mine SUCCEEDED in " in plain and "4 actions: 4 succeeded" in plain
    assert plain.rindex("Outputs: ActionOutputs(o0=3)") > plain.rindex("SUCCEEDED in")


@pytest.mark.parametrize("words", [("run", "--no-progress"), ("--no-progress", "run")])
def test_without_progress_there_are_plain_lines(user: Cli, words: tuple[str, ...]) -> None:
    code, written = typed_on_a_terminal(user, *words, "--local", "flow.py", "main", "--count", "1")
    assert code == 0, written
    assert not MOVES.search(written)
    assert without_codes(written) == "step 0 speaks\nOutputs: ActionOutputs(o0=0)\n"


def test_a_local_run_that_fails_ends_in_a_box_with_the_cause_first(user: Cli) -> None:
    code, written = typed_on_a_terminal(user, "run", "--local", "flow.py", "fails")
    assert code == 1
    plain = without_codes(written)
    assert "FAILED in" in plain
    assert "ValueError: the cause is this" in plain[plain.rindex("╭") :].splitlines()[1]


def test_a_debugger_has_the_terminal_for_itself(user: Cli) -> None:
    words = ("run", "--local", "flow.py", "stops", "--x", "41")
    code, written = typed_on_a_terminal(user, *words, answer="p x + 1\nc\n")
    assert code == 0, written
    debugged = written[written.index("(Pdb)") : written.rindex("SUCCEEDED")]
    assert "\n42" in debugged.replace("\r", "") and not MOVES.search(debugged)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> flyte.TaskEnvironment:
    monkeypatch.setattr(_local_attempt, "LOCAL_RETRY_DELAY_S", 0.0)
    return flyte.TaskEnvironment(name="env")


def seen(task: "flyte.Task[..., object]", **inputs: object) -> RunFold:
    """What was seen of a local run, whatever became of it."""
    happenings = Happenings()
    options = LocalOptions(name="r", project="p", domain="d", happenings=happenings)
    try:
        run_here(task, dict(inputs), options)
    except flyte.errors.RuntimeUserError:
        pass
    return happenings.look(lambda fold: fold)


def phases(fold: RunFold) -> dict[str, list[tuple[ActionPhase | None, int]]]:
    """Phase and attempt of the actions of each task."""
    found: dict[str, list[tuple[ActionPhase | None, int]]] = {}
    for state in fold.actions.values():
        assert state.requested is not None
        found.setdefault(state.requested.task.name, []).append((state.phase, state.attempt))
    return found


def test_groups_parents_and_attempts_are_seen(env: flyte.TaskEnvironment) -> None:
    @env.task(retries=1)
    def flaky(x: int) -> int:
        if flyte.ctx().attempt_number == 0:
            raise ValueError("once")
        return x

    @env.task
    async def middle(x: int) -> int:
        return await flaky(x) + await flaky(x)

    @env.task
    async def root() -> int:
        with flyte.group("g"):
            return await middle(1)

    fold = seen(root)
    assert phases(fold) == {
        "env.root": [(ActionPhase.SUCCEEDED, 1)],
        "env.middle": [(ActionPhase.SUCCEEDED, 1)],
        "env.flaky": [(ActionPhase.SUCCEEDED, 2)] * 2,
    }
    ((name, below),) = fold.children("a0")
    assert below.requested is not None and below.requested.group == "g"
    assert [state.requested and state.requested.group for _, state in fold.children(name)] == [None, None]


def test_what_fails_times_out_or_is_given_up_is_seen_so(env: flyte.TaskEnvironment) -> None:
    @env.task(timeout=0.05)
    async def slow() -> None:
        await asyncio.sleep(60)

    @env.task
    async def waits() -> None:
        await asyncio.sleep(60)

    @env.task
    async def root() -> None:
        waiting = asyncio.create_task(waits())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await slow()

    assert phases(seen(root)) == {
        "env.root": [(ActionPhase.FAILED, 1)],
        "env.slow": [(ActionPhase.TIMED_OUT, 1)],
        "env.waits": [(ActionPhase.ABORTED, 1)],
    }


def test_traced_steps_stand_below_their_action(env: flyte.TaskEnvironment) -> None:
    @flyte.trace
    def step(x: int) -> int:
        if x == 2:
            raise ValueError("no")
        return x

    @env.task
    def root() -> int:
        return step(1) + step(2)

    found = [(state.task_name, state.phase) for _, state in seen(root).children("a0")]
    name = f"{__name__}.test_traced_steps_stand_below_their_action.<locals>.step"
    assert sorted(found, key=str) == [(name, ActionPhase.FAILED), (name, ActionPhase.SUCCEEDED)]
