"""Words that several parts of the surface share: phases, ids, the context of a task."""

from flyte._checkpoint import CheckpointPaths
from flyte._limits import MAX_INLINE_IO_BYTES
from flyte._names import generate_random_name
from flyte._raw_data import RawDataPath
from flyte._runtime.context import NULL_CONTEXT as NULL_TASK_CONTEXT
from flyte._runtime.context import ActionID, GroupData, TaskContext
from flyte._runtime.interface import NativeInterface
from flyte_schemas.phase import ActionPhase

__all__ = [
    "MAX_INLINE_IO_BYTES",
    "NULL_TASK_CONTEXT",
    "ActionID",
    "ActionPhase",
    "CheckpointPaths",
    "GroupData",
    "NativeInterface",
    "RawDataPath",
    "TaskContext",
    "generate_random_name",
]
