"""What can go wrong, as a tree that programs can tell apart.

A failure that crosses from one task to another keeps its code and message, never its Python type: test
`error.code == "ValueError"`. The tree::

    BaseRuntimeError(code, kind, root_cause_message)          kind: "user", "system" or "unknown"
    ├── InitializationError         no client, or no configuration for one
    ├── LogsNotYetAvailableError
    ├── RuntimeSystemError          the platform's doing
    │   └── UnionRpcError
    ├── RuntimeUnknownError
    └── RuntimeUserError            the user's doing
        ├── ActionAbortedError, TaskTimeoutError, OOMError, TaskInterruptedError, RetriesExhaustedError
        ├── PrimaryContainerNotFoundError, InvalidImageNameError, ImagePullBackOffError
        ├── CustomError, NonRecoverableError
        ├── CodeBundleError, DeploymentError, ImageBuildError, InvalidPackageError, ModuleLoadError
        ├── RuntimeDataValidationError, InlineIOMaxBytesBreached, RestrictedTypeError
        ├── NotInTaskContextError, TraceDoesNotAllowNestedTasksError, RemoteTaskNotFoundError
        └── …
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from flyte_schemas.failure import Failure

__all__ = [
    "ActionAbortedError",
    "ActionNotFoundError",
    "BaseRuntimeError",
    "CodeBundleError",
    "ConditionAlreadyExistsError",
    "ConditionFailedError",
    "ConditionNotFoundError",
    "ConditionTimedoutError",
    "CustomError",
    "DeploymentError",
    "ImageBuildError",
    "ImagePullBackOffError",
    "InitializationError",
    "InlineIOMaxBytesBreached",
    "InvalidImageNameError",
    "InvalidPackageError",
    "LogsNotYetAvailableError",
    "ModuleLoadError",
    "NonRecoverableError",
    "NotInTaskContextError",
    "OOMError",
    "OnlyAsyncIOSupportedError",
    "ParameterMaterializationError",
    "PrimaryContainerNotFoundError",
    "RemoteTaskNotFoundError",
    "RemoteTaskUsageError",
    "RestrictedTypeError",
    "RetriesExhaustedError",
    "RuntimeDataValidationError",
    "RuntimeSystemError",
    "RuntimeUnknownError",
    "RuntimeUserError",
    "SlowDownError",
    "TaskInterruptedError",
    "TaskTimeoutError",
    "TraceDoesNotAllowNestedTasksError",
    "UnionRpcError",
    "silence_polling_error",
]


class BaseRuntimeError(RuntimeError):
    """The root: `code` is fit for programs, `kind` says whose fault it is, `message` what happened.

    `failure` is what the platform recorded, with the traceback of where it happened, if there is a record.
    """

    failure: "Failure | None" = None

    def __init__(self, code: str, kind: str, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code = code
        self.kind = kind
        self.message = root_cause_message
        self.worker = worker

    def __str__(self) -> str:
        return self.message


class InitializationError(BaseRuntimeError):
    """There is no client, or nothing to make one from."""


class LogsNotYetAvailableError(BaseRuntimeError):
    """Nothing was written yet."""

    def __init__(self, message: str) -> None:
        super().__init__("LogsNotYetAvailable", "system", message)


class ActionNotFoundError(RuntimeError):
    """There is no such action, or no such run."""


class RuntimeSystemError(BaseRuntimeError):
    """The platform failed, not the task."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "system", message, worker)


class UnionRpcError(RuntimeSystemError):
    """A call to the control plane failed."""


class RuntimeUnknownError(BaseRuntimeError):
    """Nobody can tell whose fault it was."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "unknown", message, worker)


class RuntimeUserError(BaseRuntimeError):
    """A task failed by its own doing; `code` is the name of the exception that it raised."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "user", message, worker)


class OOMError(RuntimeUserError):
    """The task used more memory than it asked for."""


class TaskInterruptedError(RuntimeUserError):
    """The task's machine was taken away."""


class InvalidImageNameError(RuntimeUserError):
    """The task's image has a name that no registry understands."""


class ImagePullBackOffError(RuntimeUserError):
    """The task's image could not be fetched."""


class PrimaryContainerNotFoundError(RuntimeUserError):
    """The task's own container is not among those of its pod."""


class RetriesExhaustedError(RuntimeUserError):
    """The task failed as often as it may."""


class NotInTaskContextError(RuntimeUserError):
    """This works only inside a running task."""


class _SayWhat(RuntimeUserError):
    """An error whose code is its own name."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)


class ActionAbortedError(_SayWhat):
    """The action was given up."""


class TaskTimeoutError(_SayWhat):
    """The task ran longer than it may."""


class CodeBundleError(_SayWhat):
    """The source could not be packed."""


class DeploymentError(_SayWhat):
    """The registry refused a task version."""


class ModuleLoadError(_SayWhat):
    """A module of the user's does not import; the message holds the user's traceback."""


class InlineIOMaxBytesBreached(_SayWhat):
    """The inputs or outputs of a task are larger than its `max_inline_io_bytes`."""


class RemoteTaskNotFoundError(_SayWhat):
    """No such task is deployed."""


class InvalidPackageError(RuntimeUserError):
    """A package that the task wants cannot be imported."""

    def __init__(self, package_name: str, original_error: str) -> None:
        super().__init__("InvalidPackageError", f"package {package_name!r} cannot be used: {original_error}")


class ConditionTimedoutError(_SayWhat):
    """Nobody answered a condition in time."""


class ConditionNotFoundError(_SayWhat):
    """There is no such condition."""


class ConditionFailedError(_SayWhat):
    """A condition failed."""


class ConditionAlreadyExistsError(_SayWhat):
    """A condition of this name was made before."""


class RestrictedTypeError(_SayWhat):
    """A value of this type may not travel between tasks."""


class ParameterMaterializationError(_SayWhat):
    """A value that a parameter points at could not be made."""


class ImageBuildError(_SayWhat):
    """An image could not be built."""


class RemoteTaskUsageError(_SayWhat):
    """A task that is deployed elsewhere was called in a way that only local tasks can be."""


class SlowDownError(_SayWhat):
    """The control plane asks for fewer calls."""


class OnlyAsyncIOSupportedError(_SayWhat):
    """The call needs an asyncio event loop."""


class TraceDoesNotAllowNestedTasksError(_SayWhat):
    """A traced function called a task."""


class CustomError(RuntimeUserError):
    """An error with a code of the user's choice."""

    @classmethod
    def from_exception(cls, error: Exception) -> "CustomError":
        """The same message, under the name of the exception's class."""
        return cls(type(error).__name__, str(error))


class NonRecoverableError(RuntimeUserError):
    """Raise this to say that trying again is of no use: no retry follows."""

    def __init__(self, message: str, code: str = "NonRecoverableError") -> None:
        super().__init__(code, message)


class RuntimeDataValidationError(RuntimeUserError):
    """A value does not have the type that the task's signature gives it."""

    def __init__(self, var: str, e: Exception | str, task_name: str = "") -> None:
        super().__init__(
            "DataValidationError",
            f"In task {task_name} variable {var}, failed to serialize/deserialize because of {e}",
        )


def silence_polling_error(loop: "AbstractEventLoop", context: dict[str, Any]) -> None:
    """For `loop.set_exception_handler`: a poller's BlockingIOError is left out, all else told."""
    if not isinstance(context.get("exception"), BlockingIOError):
        loop.default_exception_handler(context)
