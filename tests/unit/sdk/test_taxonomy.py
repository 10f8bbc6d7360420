"""What a parent sees when its child fails, in a local run; and what the log's failures become."""

import asyncio
from pathlib import Path

import pytest

import flyte
from flyte import errors
from flyte._loading import load_file
from flyte._runtime.failure import error_of
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from testkit.taxonomy import FILE, SEEN


@pytest.fixture(scope="module")
def kept() -> dict[str, dict[str, str]]:
    """What one run has seen, for all tests of this module."""
    return {}


@pytest.fixture
def seen(kept: dict[str, dict[str, str]], project: Path) -> dict[str, str]:
    if not kept:
        (project / "failing.py").write_text(FILE)
        main = load_file(Path("failing.py")).environment("env").tasks["failing.main"]
        kept["seen"] = flyte.run(main).outputs().o0
    return kept["seen"]


@pytest.mark.parametrize("how", SEEN)
def test_a_parent_sees(seen: dict[str, str], how: str) -> None:
    assert seen[how] == SEEN[how]


def test_every_way_has_its_row(seen: dict[str, str]) -> None:
    assert sorted(seen) == sorted(SEEN)


USER, SYSTEM = FailureKind.USER, FailureKind.SYSTEM


@pytest.mark.parametrize(
    ("failure", "phase", "expected"),
    [
        (Failure(code="X", kind=USER, message="m"), ActionPhase.FAILED, errors.RuntimeUserError),
        (Failure(code="X", kind=SYSTEM, message="m"), ActionPhase.FAILED, errors.RuntimeSystemError),
        (Failure(code="OOM", kind=SYSTEM, message="m"), ActionPhase.FAILED, errors.RuntimeSystemError),
        (Failure(code="OOM|X", kind=USER, message="m"), ActionPhase.FAILED, errors.OOMError),
        (Failure(code="TaskTimeout", kind=USER), ActionPhase.TIMED_OUT, errors.TaskTimeoutError),
        (None, ActionPhase.TIMED_OUT, errors.TaskTimeoutError),
        (None, ActionPhase.ABORTED, errors.ActionAbortedError),
        (None, ActionPhase.FAILED, errors.RuntimeUnknownError),
    ],
)
def test_the_end_of_a_child_is_an_error_of_this_type(
    failure: Failure | None, phase: ActionPhase, expected: type[errors.BaseRuntimeError]
) -> None:
    assert type(error_of(failure, phase)) is expected


def test_an_abort_says_why() -> None:
    assert str(error_of(None, ActionPhase.ABORTED, "enough")) == "enough"


def test_a_child_that_nobody_catches_fails_its_parents_with_the_same_words() -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    def bad() -> None:
        raise errors.CustomError("MINE", "said")

    @env.task
    async def middle() -> None:
        await bad.aio()

    @env.task
    async def top() -> None:
        await middle()

    with pytest.raises(errors.RuntimeUserError) as caught:
        flyte.run(top)
    assert (caught.value.code, str(caught.value)) == ("MINE", "said")


def test_a_pollers_noise_is_left_out_and_all_else_is_told() -> None:
    told: list[dict[str, object]] = []

    class Loop(asyncio.SelectorEventLoop):
        def default_exception_handler(self, context: dict[str, object]) -> None:
            told.append(context)

    loop = Loop()
    loop.set_exception_handler(errors.silence_polling_error)
    loop.call_exception_handler({"exception": BlockingIOError()})
    loop.call_exception_handler({"exception": ValueError()})
    loop.close()
    assert [type(context["exception"]) for context in told] == [ValueError]
