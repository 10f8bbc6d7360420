"""One action in full, as the log had it at one moment: phases with their times, attempts, values, its end."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from flyte._client.trouble import translated
from flyte._client.values import Values
from flyte._outputs import ActionInputs, ActionOutputs
from flyte._runtime.context import ActionID
from flyte._runtime.failure import error_of, with_notes
from flyte._runtime.interface import NativeInterface
from flyte._syncify import syncify
from flyte.errors import ActionNotFoundError
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import Malformed
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, action_subject


class Connected(Protocol):
    """Where a run gets its bus from."""

    async def bus(self) -> Bus: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTransitionInfo:
    """A stay in one phase; `end` is None while it lasts. `attempt` counts from 1."""

    phase: ActionPhase
    start: datetime
    end: datetime | None
    attempt: int

    @property
    def duration(self) -> timedelta:
        """How long it lasted, or has lasted until now."""
        return (self.end or datetime.now(UTC)) - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """Why an action failed; `kind` is "user" or "system"."""

    kind: str
    code: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortInfo:
    """Why an action was given up, and by whom (empty: nobody asked for it)."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An action's state and how it came there."""

    state: ActionState
    transitions: tuple[PhaseTransitionInfo, ...]


async def read_history(bus: Bus, key: ActionKey) -> History:
    """What the log says of an action now. Raises ActionNotFoundError when it says nothing."""
    state, stays = ActionState(), list[PhaseTransitionInfo]()
    async with aclosing(bus.log.read(RUNS, action_subject(key))) as entries:
        async for entry in entries:
            if isinstance(entry.content, Malformed):
                continue
            before, state = state, evolve(state, entry.content, entry.sequence)
            at = entry.content.time
            if state.phase is None or (state.phase, state.attempt) == (before.phase, before.attempt):
                continue
            if stays:
                stays[-1] = replace(stays[-1], end=at)
            end = at if state.is_terminal else None
            stays.append(
                PhaseTransitionInfo(phase=state.phase, start=at, end=end, attempt=max(1, state.attempt))
            )
    if state.phase is None:
        raise ActionNotFoundError(unknown(key))
    return History(state=state, transitions=tuple(stays))


def unknown(key: ActionKey) -> str:
    """One sentence on an action that the log does not have."""
    place = f"{key.run.project}/{key.run.domain}"
    if key.is_root:
        return f"the log has no run {key.run.run!r} in {place}: `flyte get run` lists them"
    run = key.run.run
    return (
        f"the log has no action {key.action!r} of run {run!r} in {place}: `flyte get action {run}` lists them"
    )


class ActionDetails:
    """A picture of an action: it does not change; ask its action for another one."""

    def __init__(
        self,
        connected: Connected,
        key: ActionKey,
        history: History,
        interface: NativeInterface | None = None,
    ) -> None:
        self._connected = connected
        self._key = key
        self._history = history
        self._interface = interface

    @property
    def _state(self) -> ActionState:
        return self._history.state

    @property
    def name(self) -> str:
        return self._key.action

    @property
    def run_name(self) -> str:
        return self._key.run.run

    @property
    def action_id(self) -> ActionID:
        run = self._key.run
        return ActionID(name=self.name, run_name=run.run, project=run.project, domain=run.domain)

    @property
    def task_name(self) -> str | None:
        return self._state.requested.task.name if self._state.requested else None

    @property
    def task_version(self) -> str | None:
        return self._state.requested.task.version if self._state.requested else None

    @property
    def parent_name(self) -> str | None:
        return self._state.requested.parent if self._state.requested else None

    @property
    def group(self) -> str | None:
        return self._state.requested.group if self._state.requested else None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was said of the run when it was asked for: labels, annotations and the rest, as JSON data."""
        requested = self._state.requested
        settings = requested.settings.model_dump(mode="json") if requested and requested.settings else {}
        return {
            "task": self.task_name,
            "version": self.task_version,
            "parent": self.parent_name,
            "group": self.group,
            "env_vars": requested.env_vars if requested else {},
            "custom_context": requested.custom_context if requested else {},
            "requested_by": requested.requested_by if requested else "",
            **settings,
        }

    @property
    def labels(self) -> dict[str, str]:
        settings = self._state.requested.settings if self._state.requested else None
        return dict(settings.labels) if settings else {}

    @property
    def phase(self) -> ActionPhase:
        return self._state.phase or ActionPhase.QUEUED

    @property
    def raw_phase(self) -> str:
        """The phase as the log spells it."""
        return self.phase.value

    @property
    def status(self) -> str:
        """The phase in upper case."""
        return self.phase.name

    @property
    def is_running(self) -> bool:
        return self.phase is ActionPhase.RUNNING

    @property
    def attempts(self) -> int:
        """How many attempts were opened."""
        return self._state.attempt

    @property
    def start_time(self) -> datetime | None:
        return self._state.requested_at

    @property
    def runtime(self) -> timedelta:
        """From the request to the end, or until now."""
        start = self._state.requested_at or datetime.now(UTC)
        return (self._state.ended_at or datetime.now(UTC)) - start

    @property
    def error_info(self) -> ErrorInfo | None:
        """Why it failed; None unless its end is a failure."""
        failure = self._state.failure
        if failure is None or self.phase not in (ActionPhase.FAILED, ActionPhase.TIMED_OUT):
            return None
        return ErrorInfo(
            kind=failure.kind.value, code=failure.code, message=failure.message, traceback=failure.traceback
        )

    @property
    def abort_info(self) -> AbortInfo | None:
        """Why it was given up; None unless it was."""
        if self.phase is not ActionPhase.ABORTED:
            return None
        return AbortInfo(reason=self._state.abort_reason, by=self._state.aborted_by)

    def get_phase_transitions(self, attempt: int | None = None) -> list[PhaseTransitionInfo]:
        """The stays in phases, in order; of one attempt when it is given."""
        return [stay for stay in self._history.transitions if attempt in (None, stay.attempt)]

    @property
    def phase_durations(self) -> dict[ActionPhase, timedelta]:
        """How long it was in each phase, over all attempts."""
        durations: dict[ActionPhase, timedelta] = {}
        for stay in self._history.transitions:
            durations[stay.phase] = durations.get(stay.phase, timedelta()) + stay.duration
        return durations

    @property
    def queued_time(self) -> timedelta | None:
        return self.phase_durations.get(ActionPhase.QUEUED)

    @property
    def waiting_for_resources_time(self) -> timedelta | None:
        return self.phase_durations.get(ActionPhase.WAITING_FOR_RESOURCES)

    @property
    def initializing_time(self) -> timedelta | None:
        return self.phase_durations.get(ActionPhase.INITIALIZING)

    @property
    def running_time(self) -> timedelta | None:
        return self.phase_durations.get(ActionPhase.RUNNING)

    def logs_available(self, attempt: int | None = None) -> bool:
        """Whether the attempt (the last one by default) has begun, so that there can be output."""
        return 0 < (attempt or self.attempts) <= self.attempts

    def done(self) -> bool:
        """Whether it had ended."""
        return self._state.is_terminal

    async def _inputs(self) -> ActionInputs:
        """What it was called with, by name. Raises the SDK's errors."""
        requested = self._state.requested
        if requested is None:
            return ActionInputs({})
        with translated():
            values = Values(await self._connected.bus(), self._key.run, self._interface)
            return ActionInputs(await values.inputs(requested.task, requested.inputs))

    async def _outputs(self) -> ActionOutputs:
        """What it gave.

        Raises RuntimeError while it is not over, and the action's own error when it did not succeed.
        """
        state = self._state
        if not state.is_terminal or state.phase is None:
            what = f"run {self.run_name}" if self._key.is_root else f"action {self.name}"
            raise RuntimeError(f"{what} is not over yet: call wait() first")
        if state.phase is not ActionPhase.SUCCEEDED or state.requested is None:
            raise with_notes(error_of(state.failure, state.phase, state.abort_reason))
        with translated():
            values = Values(await self._connected.bus(), self._key.run, self._interface)
            return await values.outputs(state.requested.task, state.outputs or {})

    inputs = syncify(_inputs)
    outputs = syncify(_outputs)

    def to_dict(self) -> dict[str, Any]:
        """The action as JSON data, without its values."""
        error, abort = self.error_info, self.abort_info
        return {
            "name": self.name,
            "run": self.run_name,
            "project": self._key.run.project,
            "domain": self._key.run.domain,
            "phase": self.phase.value,
            "attempts": self.attempts,
            "requested_at": _moment(self._state.requested_at),
            "started_at": _moment(self._state.started_at),
            "ended_at": _moment(self._state.ended_at),
            "metadata": dict(self.metadata),
            "phases": [
                {
                    "phase": stay.phase.value,
                    "attempt": stay.attempt,
                    "start": _moment(stay.start),
                    "end": _moment(stay.end),
                }
                for stay in self._history.transitions
            ],
            "error": {"kind": error.kind, "code": error.code, "message": error.message} if error else None,
            "abort": {"reason": abort.reason, "by": abort.by} if abort else None,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def __repr__(self) -> str:
        task = f" of {self.task_name}" if self.task_name else ""
        return f"<action {self.run_name}/{self.name}{task}: {self.status}, {self.attempts} attempt(s)>"


def _moment(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time else None
