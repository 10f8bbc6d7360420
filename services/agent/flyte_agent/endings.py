"""What the end of the user's process means when it left no last word: pure."""

import os
import signal

from flyte._runtime.transfer import ArtifactError, ArtifactRefused
from flyte_agent.bundle import BundleRefused
from flyte_agent.image import ImageMismatch
from flyte_agent.memory import MemoryUse
from flyte_agent.secrets import SecretsRefused
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.failure_codes import OUT_OF_MEMORY, SHARED_PROCESS_ENDED

_SIGNALS: dict[int, tuple[str, str, str]] = {
    signal.SIGSEGV: (
        "SegmentationFault",
        "the task's process crashed with a segmentation fault",
        "a native extension read memory that is not its own: look at the last lines of its log",
    ),
    signal.SIGKILL: (
        "Killed",
        "the task's process was killed (SIGKILL)",
        "somebody sent it that signal, and memory was left: look for who did",
    ),
    signal.SIGABRT: (
        "ProcessAborted",
        "the task's process aborted itself (SIGABRT)",
        "a native extension gave up: look at the last lines of its log",
    ),
}


def failure_of_status(status: int, memory: MemoryUse | None = None) -> Failure:
    """The failure behind a wait status of a process that reported nothing, and was not ended by us."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL and memory is not None and memory.ran_out:
            return _out_of_memory(memory)
        unusual = f"the task's process was ended by signal {_name(number)}"
        code, message, hint = _SIGNALS.get(number, ("ProcessKilled", unusual, "find out who sent it"))
    else:
        exit_code = os.WEXITSTATUS(status)
        code = "ProcessExited"
        message = f"the task's process exited with code {exit_code} before the task returned"
        hint = "something called os._exit or the like: return from the task, or raise, instead"
    return Failure(code=code, kind=FailureKind.USER, message=message, hint=hint)


def _out_of_memory(memory: MemoryUse) -> Failure:
    return Failure(
        code=OUT_OF_MEMORY,
        kind=FailureKind.USER,
        message=f"the task's process was killed because memory ran out: {memory}",
        hint="let the task hold less at a time, run fewer tasks beside it, or give the machine more memory",
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)  # most of the real-time signals have no name


def interrupted() -> Failure:
    """The agent was told to stop."""
    return Failure(
        code="Interrupted",
        kind=FailureKind.SYSTEM,
        message="the agent was told to stop",
        hint="the platform tries again by itself",
    )


def neighbour_ended() -> Failure:
    """The process ended in which the attempt ran beside others, and it is not known to be its doing."""
    return Failure(
        code=SHARED_PROCESS_ENDED,
        kind=FailureKind.SYSTEM,
        message="the process ended in which this attempt ran beside others of its pool",
        hint="the platform tries again by itself, in a process of its own: if that ends too, it says why",
    )


def not_understood(error: Exception) -> Failure:
    """The task's process said something to us that we cannot read."""
    return Failure(
        code="NotUnderstood",
        kind=FailureKind.USER,
        message=f"the task's process sent a message that cannot be read: {error}",
        hint="the usual reason is a value that is nested more than some hundred levels deep: make it flatter",
        recoverable=False,
    )


def unprepared(error: Exception) -> Failure:
    """The attempt was not prepared: by the user's doing, the artifact store's, or the machine's."""
    match error:
        case ImageMismatch() | SecretsRefused():
            return error.failure
        case BundleRefused():
            return Failure(code="BundleRefused", kind=FailureKind.USER, message=str(error), recoverable=False)
        case ArtifactError():
            return not_prepared(error, error.code)
        case _:
            return not_prepared(error, "MachineNotFit")


def not_prepared(error: Exception, code: str) -> Failure:
    """Something of the platform's kept the attempt from going on; what was refused is its asker's doing."""
    if isinstance(error, ArtifactRefused):
        return error.failure
    return Failure(
        code=code,
        kind=FailureKind.SYSTEM,
        message=str(error) or type(error).__name__,
        hint="the platform tries again by itself; if it stays, look at the dataproxy and its store",
    )
