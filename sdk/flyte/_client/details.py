"""One action in full, as the log had it at one moment: phases with their times, attempts, values, its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from flyte._client.phases import History, PhaseTransitionInfo
from flyte._client.trouble import translated
from flyte._client.values import Values
from flyte._documents import Documented
from flyte._outputs import ActionInputs, ActionOutputs
from flyte._raw_phase import RawPhase, raw
from flyte._runtime.context import ActionID
from flyte._runtime.failure import error_of, with_notes
from flyte._runtime.interface import NativeInterface
from flyte._runtime.reports import no_report
from flyte._runtime.transfer import Artifacts
from flyte._syncify import syncify
from flyte._typed import Deserializers, Types, typed
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState
from flyte_schemas.literals import AnyLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey
from flyte_schemas.task import TaskReference


class Connected(Protocol):
    """Where a run gets its bus from, and its address."""

    @property
    def console_url(self) -> str: ...

    async def bus(self) -> Bus: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """Why an action failed; `kind` is "user", "system" or "unknown"."""

    kind: str
    code: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortInfo:
    """Why an action was given up, and by whom (empty: nobody asked for it)."""

    reason: str
    by: str


class Details(Documented):
    """A picture of an action: it does not change; ask its action (or run) for another one."""

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
        self._kept_inputs: ActionInputs | None = None
        self._kept_outputs: ActionOutputs | None = None

    @property
    def _state(self) -> ActionState:
        return self._history.state

    @property
    def name(self) -> str:
        """What is looked at: an action, or a run."""
        raise NotImplementedError

    @property
    def as_of(self) -> int:
        """The place in the log that it is a picture of: all up to it is in it."""
        return self._history.as_of

    @property
    def run_name(self) -> str:
        return self._key.run.run

    @property
    def action_id(self) -> ActionID:
        run = self._key.run
        return ActionID(name=self._key.action, run_name=run.run, project=run.project, domain=run.domain)

    @property
    def task_name(self) -> str | None:
        return self._state.task_name

    @property
    def task_version(self) -> str | None:
        return self._state.requested.task.version if self._state.requested else None

    @property
    def parent_name(self) -> str | None:
        return self._state.parent

    @property
    def group(self) -> str | None:
        return self._state.group

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
    def raw_phase(self) -> RawPhase:
        """The phase as a number."""
        return raw(self.phase)

    @property
    def relation(self) -> None:
        """None: an action is nothing else's but its parent's."""

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
        if self._kept_inputs is not None:
            return self._kept_inputs
        with translated():
            return ActionInputs(await (await self._values()).inputs(self._task, self._state.inputs))

    async def _outputs(self) -> ActionOutputs:
        """What it gave.

        Raises RuntimeError while it is not over, and the action's own error when it did not succeed.
        """
        literals = self._given()
        if self._kept_outputs is not None:
            return self._kept_outputs
        if self._state.condition is not None:  # a condition's: a plain value
            found = await self._output_literals()
            return ActionOutputs(found.values(), tuple(found))
        with translated():
            return await (await self._values()).outputs(self._task, literals)

    async def _keep_data(self) -> None:
        """Read inputs and outputs now, and keep them: whoever asks later needs no stack."""
        self._kept_inputs = await self._inputs()
        if self._state.phase is not None and self._state.phase.is_success:
            self._kept_outputs = await self._outputs()

    def _given(self) -> Mapping[str, AnyLiteral]:
        """The outputs as the log has them. Raises as `outputs` says."""
        state = self._state
        if not state.is_terminal or state.phase is None:
            what = f"run {self.run_name}" if self._key.is_root else f"action {self._key.action}"
            raise RuntimeError(f"{what} is not over yet: call wait() first")
        if not state.phase.is_success:
            raise with_notes(error_of(state.failure, state.phase, state.abort_words))
        return state.outputs or {}

    async def _get_report(self, attempt: int | None = None) -> str:
        """The HTML report of an attempt, counted from 1; by default of the last one that has one.

        Raises RuntimeUserError (`ReportNotFound`) when there is none, the SDK's errors.
        """
        reports = [report for report in self._state.reports if attempt in (None, report.attempt)]
        if not reports:
            raise no_report(f"run {self.run_name}" if self._key.is_root else f"action {self._key.action}")
        last, run = max(reports, key=lambda report: report.attempt), self._key.run
        with translated():
            store = Artifacts((await self._connected.bus()).ask, run.project, run.domain)
            return (await store.get(last.uri, last.sha256, last.size_bytes)).decode()

    @property
    def _task(self) -> TaskReference | None:
        """The task that runs; None of a traced step."""
        return self._state.requested.task if self._state.requested else None

    async def _values(self) -> Values:
        return Values(await self._connected.bus(), self._key.run, self._interface)

    async def _input_literals(self) -> dict[str, Any]:
        """What it was called with, as the JSON data that travels."""
        with translated():
            return await (await self._values()).plain(self._state.inputs)

    async def _output_literals(self) -> dict[str, Any]:
        """What it gave, as the JSON data that travels. Raises as `outputs` does."""
        literals = self._given()
        with translated():
            return await (await self._values()).plain(literals)

    async def _typed_inputs(self, types: Types, deserializers: Deserializers | None = None) -> ActionInputs:
        """What it was called with, as values of these types: by name, in order, or one for all.

        `deserializers` are functions from JSON data to a value, by name or by type. What has no type given is
        as `inputs` has it. Raises TypeError for a value that is not of its type.
        """
        with translated():
            plain = await self._inputs()
            return ActionInputs(dict(plain) | typed(await self._input_literals(), types, deserializers))

    async def _typed_outputs(self, types: Types, deserializers: Deserializers | None = None) -> ActionOutputs:
        """What it gave, as values of these types; see `typed_inputs`. Raises as `outputs` does."""
        with translated():
            plain = (await self._outputs()).named_outputs
            found = plain | typed(await self._output_literals(), types, deserializers)
            return ActionOutputs(found.values(), tuple(found))

    inputs = syncify(_inputs)
    outputs = syncify(_outputs)
    get_report = syncify(_get_report)
    input_literals = syncify(_input_literals)
    output_literals = syncify(_output_literals)
    typed_inputs = syncify(_typed_inputs)
    typed_outputs = syncify(_typed_outputs)

    def to_dict(self) -> dict[str, Any]:
        """The action as JSON data, without its values."""
        error, abort = self.error_info, self.abort_info
        return {
            "name": self._key.action,
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
            "as_of": self.as_of,
        }


def _moment(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time else None
