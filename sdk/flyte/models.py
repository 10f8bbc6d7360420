"""Words that several parts of the surface share: phases, ids, the context of a task."""

from flyte._runtime.context import ActionID, TaskContext
from flyte._runtime.interface import NativeInterface
from flyte_schemas.phase import ActionPhase

__all__ = ["ActionID", "ActionPhase", "NativeInterface", "TaskContext"]
