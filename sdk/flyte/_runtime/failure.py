"""An exception as a failure for the log, and a failure as the exception that a parent catches.

The type of the user's exception does not travel: its name does, as the code. The traceback is cut to what
the user can act on: our own frames and the machinery that called them are left out.
"""

import functools
import importlib
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import flyte_schemas
from flyte import errors
from flyte._limits import MAX_MESSAGE_CHARACTERS, MAX_TRACEBACK_CHARACTERS
from flyte._runtime.advice import advice_on, missing_module
from flyte._runtime.convert import Mismatch
from flyte_schemas.phase import ActionPhase

if TYPE_CHECKING:
    from flyte_schemas.failure import Failure, FailureKind

_SDK = Path(__file__).resolve().parents[1]


@functools.cache
def _machinery() -> tuple[str, ...]:
    """The folders whose frames are no user's."""
    import asyncio
    import concurrent.futures

    ours = Path(str(flyte_schemas.__file__)).resolve().parent
    pythons = (asyncio, concurrent.futures, importlib)
    folders = [Path(str(module.__file__)).resolve().parent for module in pythons]
    return tuple(map(str, (_SDK, ours, *folders)))


_BY_CODE: dict[str, type[errors.RuntimeUserError | errors.RuntimeUnknownError]] = {
    "OOM": errors.OOMError,
    "Interrupted": errors.TaskInterruptedError,
    "PrimaryContainerNotFound": errors.PrimaryContainerNotFoundError,
    "RetriesExhausted": errors.RetriesExhaustedError,
    "InvalidImageName": errors.InvalidImageNameError,
    "ImagePullBackOff": errors.ImagePullBackOffError,
    "Unknown": errors.RuntimeUnknownError,
}
"""What a part of a code says of the kind of an error; the first that fits counts."""


_CONDITIONS: dict[str, Callable[[str], errors.RuntimeUserError]] = {
    one.__name__: one
    for one in (
        errors.ConditionAlreadyExistsError,
        errors.ConditionFailedError,
        errors.ConditionNotFoundError,
        errors.ConditionTimedoutError,
    )
}
"""Errors whose name is their code, and nobody else's."""

_WHOLE_STORY = (errors.RuntimeDataValidationError, Mismatch)
"""Errors that say all there is to say: what led to them is how we found out."""

_MISMATCH = f"{Mismatch.__module__}.{Mismatch.__qualname__}"
"""How Python names a class of ours that is a TypeError to everybody else."""


def failure_of(error: BaseException) -> "Failure":
    """What the log says of an exception that ended a task; also of one that cannot say anything itself."""
    try:
        return _recorded(error)
    except Exception as worse:
        from flyte_schemas.failure import Failure, FailureKind

        code, message = type(error).__name__, f"the exception cannot be shown: {type(worse).__name__}"
        return Failure(code=code[:200], kind=FailureKind.USER, message=message)


def failure_in(error: BaseException, root: str) -> "Failure":
    """The same, with the files below `root` as the user knows them: relative to it."""
    failure, prefix = failure_of(error), root + os.sep
    return failure.model_copy(
        update={
            "message": failure.message.replace(prefix, ""),
            "traceback": failure.traceback.replace(prefix, ""),
        }
    )


def _recorded(error: BaseException) -> "Failure":
    from flyte_schemas.failure import Failure

    return Failure(
        code=_code(error)[:200],
        kind=_kind(error),
        message=cut(_message(error), MAX_MESSAGE_CHARACTERS),
        hint=_hint(error),
        traceback=cut(_whole_traceback(error), MAX_TRACEBACK_CHARACTERS),
        recoverable=not isinstance(error, errors.NonRecoverableError),
    )


def error_of(
    failure: "Failure | None", phase: ActionPhase = ActionPhase.FAILED, abort_reason: str = ""
) -> errors.BaseRuntimeError:
    """The exception for an action that ended in `phase` without a result; `.failure` is the record."""
    error = _error(failure, phase, abort_reason)
    error.failure = failure
    return error


def with_notes(error: errors.BaseRuntimeError) -> errors.BaseRuntimeError:
    """The error for a program outside of the run: where nobody catches it, Python shows what is known too."""
    if error.failure is not None:
        for note in (error.failure.hint, f"[{error.failure.code}] {error.failure.traceback}".rstrip()):
            if note:
                error.add_note(note)
    return error


def _whole_traceback(error: BaseException) -> str:
    """The traceback, after that of the child whose failure this is when it happened in another process.

    Of a module that does not import it is that of what its import raised: ours says the same once more.
    """
    if isinstance(error, errors.ModuleLoadError) and error.__cause__ is not None:
        return user_traceback(error.__cause__)
    own = user_traceback(error)
    if isinstance(error, errors.BaseRuntimeError) and error.failure and error.__cause__ is None:
        child = error.failure.traceback
        return f"{child.rstrip()}\n\nThe child's failure was raised in its parent:\n\n{own}" if child else own
    return own


def user_traceback(error: BaseException) -> str:
    """The traceback of `error` and of what led to it, without our frames and without the machinery's."""
    summary = traceback.TracebackException.from_exception(error, capture_locals=False, compact=True)
    _cut_frames(error, summary, set())
    return "".join(summary.format()).replace(_MISMATCH, TypeError.__name__)


def is_machinery(filename: str) -> bool:
    """Whether a frame of this file says nothing to a user."""
    return filename.startswith(("<frozen ", *_machinery())) or Path(filename).parent.name in _OWN_PACKAGES


_OWN_PACKAGES = frozenset({"flyte_agent", "flyte_bus"})


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of `text`: its beginning and its end, which says most.

    What is not Unicode (a lone surrogate, as in some file names) stands as an escape: JSON cannot hold it.
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3 - 60
    return f"{text[:head]}\n… {len(text) - head - tail} characters left out …\n{text[-tail:]}"


def _cut_frames(error: BaseException, summary: traceback.TracebackException, seen: set[int]) -> None:
    if id(summary) in seen:
        return
    seen.add(id(summary))
    if isinstance(error, _WHOLE_STORY):
        summary.__cause__ = summary.__context__ = None
    kept = [frame for frame in summary.stack if not is_machinery(frame.filename)]
    summary.stack = traceback.StackSummary.from_list(kept)
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for part, other in (
        (error.__cause__, summary.__cause__),
        (error.__context__, summary.__context__),
        *zip(parts, summary.exceptions or (), strict=False),
    ):
        if part is not None and other is not None:
            _cut_frames(part, other, seen)


def _kind(error: BaseException) -> "FailureKind":
    """Whose fault it was, as the error itself says; what is no error of ours is the task's own."""
    from flyte_schemas.failure import FailureKind

    match error:
        case errors.RuntimeSystemError():
            return FailureKind.SYSTEM
        case errors.RuntimeUnknownError():
            return FailureKind.UNKNOWN
        case _:
            return FailureKind.USER


def _hint(error: BaseException) -> str:
    recorded = isinstance(error, errors.BaseRuntimeError) and error.failure
    return recorded.hint if recorded else advice_on(error)


def _code(error: BaseException) -> str:
    if isinstance(error, Mismatch):
        return TypeError.__name__
    if missing_module(error) is not None:
        return ModuleNotFoundError.__name__
    return error.code if isinstance(error, errors.BaseRuntimeError) else type(error).__name__


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the task called sys.exit({'' if error.code is None else repr(error.code)})"
    if isinstance(error, errors.ModuleLoadError) and error.__cause__ is not None:
        raised = traceback.format_exception_only(error.__cause__)[-1].strip()
        said = str(error.__cause__) if missing_module(error) is not None else raised
        return f"{str(error).partition(chr(10))[0]} {said}"  # the traceback has the rest
    if isinstance(error, MemoryError):
        return str(error) or "Python could not get the memory that the task asked for"
    return str(error)


def _error(failure: "Failure | None", phase: ActionPhase, abort_reason: str) -> errors.BaseRuntimeError:
    if phase is ActionPhase.ABORTED:
        return errors.ActionAbortedError(abort_reason or "the action was aborted")
    if phase is ActionPhase.TIMED_OUT:
        return errors.TaskTimeoutError(failure.message if failure else "the task ran too long")
    if failure is None:
        return errors.RuntimeUnknownError(
            "Unknown", f"the action ended as {phase.value} and nothing says why"
        )
    if failure.code in _CONDITIONS:
        return _CONDITIONS[failure.code](failure.message)
    code = failure.code.rpartition("|")[2] or failure.code
    from flyte_schemas.failure import FailureKind

    if failure.kind is FailureKind.SYSTEM:
        return errors.RuntimeSystemError(code, failure.message)
    if failure.kind is FailureKind.UNKNOWN:
        return errors.RuntimeUnknownError(code, failure.message)
    for part, kind in _BY_CODE.items():
        if part in failure.code:
            return kind(code, failure.message)
    return errors.RuntimeUserError(code, failure.message)
