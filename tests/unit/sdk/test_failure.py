"""Failures: from an exception to the log, and from the log to a parent's exception."""

import traceback
from pathlib import Path

import pytest

import flyte
from flyte import errors
from flyte._runtime import convert
from flyte._runtime.failure import cut, error_of, failure_of, with_notes
from flyte._runtime.loading import load_module
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from testkit.wire import over_the_wire


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as found:
        return found


def test_a_users_exception_is_named_by_its_class() -> None:
    failure = failure_of(caught(ValueError("bad 1")))
    assert (failure.code, failure.message, failure.kind) == ("ValueError", "bad 1", FailureKind.USER)
    assert failure.recoverable
    assert "raise error" in failure.traceback
    assert "test_failure.py" in failure.traceback


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError", "No module named 'nothing_of_this_name'"),
        ("raise ValueError('no key')", "ModuleLoadError", "ValueError: no key"),
        ("def f(:", "ModuleLoadError", "SyntaxError: invalid syntax"),
    ],
)
def test_what_keeps_a_module_from_importing_is_told_once(
    tmp_path: Path, source: str, code: str, message: str
) -> None:
    (tmp_path / "broken.py").write_text(f"{source}\n")
    with pytest.raises(errors.ModuleLoadError) as found:
        load_module("broken", tmp_path / "broken.py", root=tmp_path)
    failure = failure_of(found.value)
    assert (failure.code, failure.message) == (code, f"broken.py does not import: {message}")
    assert failure.traceback.count("broken.py") == 1
    assert "ModuleLoadError" not in failure.traceback


def test_sys_exit_is_a_failure_of_the_user() -> None:
    failure = failure_of(caught(SystemExit(3)))
    assert (failure.code, failure.kind) == ("SystemExit", FailureKind.USER)
    assert failure.message == "the task called sys.exit(3)"


def test_errors_of_ours_keep_their_code_and_kind() -> None:
    assert failure_of(caught(errors.RuntimeUserError("Mine", "m"))).code == "Mine"
    system = failure_of(caught(errors.RuntimeSystemError("Lost", "m")))
    assert (system.code, system.kind) == ("Lost", FailureKind.SYSTEM)
    unknown = failure_of(caught(errors.RuntimeUnknownError("Odd", "m")))
    assert (unknown.code, unknown.kind, unknown.recoverable) == ("Odd", FailureKind.UNKNOWN, True)
    assert not failure_of(caught(errors.NonRecoverableError("enough"))).recoverable


def test_the_traceback_leaves_out_our_frames() -> None:
    try:
        error_of(3)  # type: ignore[arg-type]
    except AttributeError as error:
        text = failure_of(error).traceback
    assert "test_failure.py" in text
    assert "flyte/_runtime" not in text


def test_a_childs_traceback_comes_before_its_parents() -> None:
    child = failure_of(caught(KeyError("k")))
    failure = failure_of(caught(error_of(child)))
    assert failure.code == "KeyError"
    assert failure.traceback.index("KeyError: 'k'") < failure.traceback.index(
        "The child's failure was raised"
    )


def test_a_long_message_keeps_its_end() -> None:
    text = cut("a" * 1000 + "the end", 300)
    assert len(text) <= 300
    assert text.endswith("the end")


@pytest.mark.parametrize(
    ("code", "kind", "phase", "expected", "seen_code"),
    [
        ("ValueError", "user", "failed", errors.RuntimeUserError, "ValueError"),
        ("OOMKilled", "user", "failed", errors.OOMError, "OOMKilled"),
        ("RetriesExhausted|ValueError", "user", "failed", errors.RetriesExhaustedError, "ValueError"),
        ("Whatever", "unknown", "failed", errors.RuntimeUnknownError, "Whatever"),
        ("AgentLost", "system", "failed", errors.RuntimeSystemError, "AgentLost"),
        ("TaskTimeout", "user", "timed_out", errors.TaskTimeoutError, "TaskTimeoutError"),
        ("X", "user", "aborted", errors.ActionAbortedError, "ActionAbortedError"),
    ],
)
def test_a_parent_sees_an_exception_by_kind_code_and_phase(
    code: str, kind: str, phase: str, expected: type[errors.BaseRuntimeError], seen_code: str
) -> None:
    failure = Failure(code=code, kind=FailureKind(kind), message="it broke")
    error = error_of(failure, ActionPhase(phase), abort_reason="no longer wanted")
    assert type(error) is expected
    assert error.code == seen_code
    assert error.failure is failure
    assert str(error) == ("no longer wanted" if phase == "aborted" else "it broke")


def test_without_a_record_nobody_knows() -> None:
    assert isinstance(error_of(None), errors.RuntimeUnknownError)


def test_a_value_of_a_wrong_type_is_told_once_without_how_it_was_found_out() -> None:
    try:
        try:
            raise ValueError("deep within")
        except ValueError as error:
            raise errors.RuntimeDataValidationError("o0", "it is text", "env.t") from error
    except errors.RuntimeDataValidationError as error:
        text = failure_of(error).traceback
    assert "it is text" in text
    assert "deep within" not in text


def test_outside_of_the_run_an_error_shows_what_is_known() -> None:
    failure = failure_of(caught(AssertionError())).model_copy(update={"hint": "look at it"})
    error = with_notes(error_of(failure))
    assert str(error) == ""
    shown = "".join(traceback.format_exception(error))
    assert "look at it" in shown
    assert "[AssertionError] Traceback" in shown


def test_an_argument_of_a_wrong_type_is_a_type_error_to_who_looks_at_the_code() -> None:
    with pytest.raises(TypeError) as caught:
        over_the_wire(int, "text")
    assert failure_of(caught.value).code == "TypeError"


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_exception_that_cannot_be_shown_is_a_failure_all_the_same() -> None:
    failure = failure_of(caught(Mute()))
    assert (failure.code, failure.message) == ("Mute", "the exception cannot be shown: RuntimeError")


def test_a_value_of_another_type_is_a_type_error_by_its_name_too() -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    async def whole(x: int) -> int:
        return x

    with pytest.raises(TypeError) as found:
        convert.inputs_to_json(whole.native_interface, {"x": "text"})
    failure = failure_of(found.value)
    assert failure.code == "TypeError"
    assert f"\nTypeError: {failure.message}" in f"\n{failure.traceback}"
    assert "Mismatch" not in failure.traceback
