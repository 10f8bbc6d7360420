"""Which action this code runs in: what `flyte.ctx()` answers, and what it hands down to its children.

Outside a task the answer is a falsy object whose attributes are all None, so that a function can be used
in both places without asking twice.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from flyte._raw_data import RawDataPath
from flyte._runtime import group, tracing
from flyte._runtime.reports import Report

if TYPE_CHECKING:
    from flyte._checkpoint import Checkpoint, CheckpointPaths

Mode = Literal["local", "remote", "hybrid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionID:
    """One action of one run. `org` is always None: there are no organizations here."""

    name: str
    run_name: str | None = None
    project: str | None = None
    domain: str | None = None
    org: str | None = None

    @classmethod
    def create_random(cls) -> "ActionID":
        """An id of nothing, under a name that nothing has."""
        return cls(name=uuid.uuid4().hex)

    def new_sub_action(self, name: str | None = None) -> "ActionID":
        """An id of the same run, under this name or one that nothing has."""
        return dataclasses.replace(self, name=name or uuid.uuid4().hex)

    def unique_id_str(self, salt: str | None = None) -> str:
        """All of it in one word."""
        parts = (self.project, self.domain, self.run_name, self.name, salt)
        return "-".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class GroupData:
    """The group that is open, by its name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """The running attempt. `attempt_number` counts from 0; `data` is the task's own to keep things in.

    These mean nothing yet and are None or empty: `input_path`, `output_path`, `run_base_dir`, `code_bundle`,
    `compiled_image_cache`, `task_action`, and the places of a distributed task (`rank`, `world_size`, …).
    """

    action: ActionID
    version: str = ""
    mode: Mode = "local"
    attempt_number: int = 0
    custom_context: Mapping[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    raw_data_path: RawDataPath | None = None
    """Below it lies what the task makes for others."""
    input_path: str | None = None
    output_path: str | None = None
    run_base_dir: str | None = None
    run_start_time: datetime.datetime | None = None
    """When the run began."""
    interactive_mode: bool = False
    disable_run_cache: bool = False
    report: Report | None = None
    """What the attempt has written of its HTML report."""
    checkpoint_paths: "CheckpointPaths | None" = None
    checkpoint: "Checkpoint | None" = None
    """What earlier attempts saved, and where this one saves for later ones."""
    code_bundle: None = None
    compiled_image_cache: None = None
    task_action: None = None
    rank: None = None
    local_rank: None = None
    world_size: None = None
    local_world_size: None = None
    node_rank: None = None
    nnodes: None = None
    master_addr: None = None
    master_port: None = None
    restart_attempt: None = None

    @property
    def group(self) -> str | None:
        """The name of the group that is open now: the label of children called from here."""
        return group.current()

    @property
    def group_data(self) -> GroupData | None:
        """The group that is open now; None when none is."""
        name = group.current()
        return GroupData(name) if name else None

    def is_in_cluster(self) -> bool:
        """Whether the task runs on a stack, not in the user's own process."""
        return self.mode == "remote"

    def replace(self, **changes: Any) -> "TaskContext":
        """The same context with other values. Raises TypeError for a field that does not exist."""
        return dataclasses.replace(self, **changes)


class NullContext:
    """No task is running: false, and every attribute is None."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        return "<no task is running>"


NULL_CONTEXT = NullContext()

_context: ContextVar[TaskContext | None] = ContextVar("flyte_context", default=None)
_custom_outside: ContextVar[Mapping[str, str]] = ContextVar("flyte_custom_context")


def ctx() -> TaskContext | NullContext:
    """The context of the running task; a falsy object outside of one."""
    return _context.get() or NULL_CONTEXT


def current() -> TaskContext:
    """The context of the running task. Raises LookupError outside of one."""
    running = _context.get()
    if running is None:
        raise LookupError("no task is running")
    return running


@contextmanager
def use(context: TaskContext) -> Iterator[None]:
    """Make `context` the current one within the block, with no group open and no trace begun."""
    token = _context.set(context)
    try:
        with group.use(None), tracing.use(None):
            yield
    finally:
        _context.reset(token)


@contextmanager
def custom_context(**context: str) -> Iterator[None]:
    """Hand `context` down to every action that is called within the block, and to all below it.

    It is added to what is there; the inner value of a name wins. Raises TypeError for what is no string.
    """
    for name, value in context.items():
        if not isinstance(value, str):
            raise TypeError(f"custom_context maps names to strings, not {name!r} to {value!r}")
    with _use_custom({**get_custom_context(), **context}):
        yield


def get_custom_context() -> dict[str, str]:
    """What was handed down to this code; outside a task, what the open `custom_context` blocks say."""
    running = _context.get()
    return dict(_custom_outside.get({}) if running is None else running.custom_context)


@contextmanager
def _use_custom(values: Mapping[str, str]) -> Iterator[None]:
    running = _context.get()
    if running is None:
        outside = _custom_outside.set(values)
        try:
            yield
        finally:
            _custom_outside.reset(outside)
    else:
        inside = _context.set(running.replace(custom_context=values))
        try:
            yield
        finally:
            _context.reset(inside)


@contextmanager
def as_called(label: str | None, custom: Mapping[str, str]) -> Iterator[None]:
    """The group and the custom context as they were at a call, wherever its coroutine is awaited."""
    with group.use(label), _use_custom(custom):
        yield
