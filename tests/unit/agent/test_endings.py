"""What the end of the user's process means when it left no last word."""

import os
import signal

import pytest

from flyte._runtime.transfer import ArtifactRefused, ArtifactUnavailable
from flyte_agent.endings import failure_of_status, interrupted, not_prepared, not_understood
from flyte_schemas.exhausted import ran_too_long
from flyte_schemas.failure import Failure, FailureKind


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGSEGV, "SegmentationFault"),
        (signal.SIGKILL, "Killed"),
        (signal.SIGABRT, "ProcessAborted"),
        (signal.SIGTERM, "ProcessKilled"),
        (signal.SIGRTMIN + 1, "ProcessKilled"),
    ],
)
def test_a_signal_has_its_own_code(number: int, code: str) -> None:
    failure = failure_of_status(number)
    assert os.WIFSIGNALED(number)
    assert (failure.code, failure.kind) == (code, FailureKind.USER)


@pytest.mark.parametrize("exit_code", [0, 1, 71])
def test_an_exit_names_its_code(exit_code: int) -> None:
    failure = failure_of_status(exit_code << 8)
    assert failure.code == "ProcessExited"
    assert f"code {exit_code} " in failure.message


@pytest.mark.parametrize(
    ("failure", "code", "kind"),
    [
        (interrupted(), "Interrupted", FailureKind.SYSTEM),
        (ran_too_long(1.5), "TaskTimeout", FailureKind.USER),
        (
            not_prepared(ArtifactUnavailable("away"), "ArtifactUnavailable"),
            "ArtifactUnavailable",
            FailureKind.SYSTEM,
        ),
        (not_prepared(OSError(), "MachineNotFit"), "MachineNotFit", FailureKind.SYSTEM),
        (not_understood(ValueError("?")), "NotUnderstood", FailureKind.USER),
    ],
    ids=lambda value: value.code if isinstance(value, Failure) else str(value),
)
def test_every_failure_says_what_happened_and_what_to_do(
    failure: Failure, code: str, kind: FailureKind
) -> None:
    assert (failure.code, failure.kind) == (code, kind)
    assert failure.message
    assert failure.hint


def test_a_timeout_says_how_long_it_was() -> None:
    assert "1.5 s" in ran_too_long(1.5).message


def test_what_the_artifact_store_refuses_keeps_its_code_and_is_no_loss_of_the_platforms() -> None:
    refused = Failure(code="ArtifactTooLarge", kind=FailureKind.USER, message="too large", hint="smaller")
    assert not_prepared(ArtifactRefused(refused), "ChildNotRequested") == refused
