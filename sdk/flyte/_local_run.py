"""A run that happened in this process: over when you get it, with the face of one on the stack."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flyte._documents import Documented
from flyte._outputs import ActionInputs, ActionOutputs
from flyte._raw_phase import RawPhase, raw
from flyte._runtime.convert import inputs_to_json, outputs_to_json
from flyte._runtime.interface import NativeInterface
from flyte._runtime.reports import no_report
from flyte._streams import streamed
from flyte._syncify import syncify
from flyte._typed import Deserializers, Types, typed
from flyte_schemas.phase import ActionPhase

if TYPE_CHECKING:
    from flyte_schemas.events import RunSettings


class LocalRun(Documented):
    """A finished local run. One that failed raised its error instead."""

    def __init__(
        self, name: str, interface: NativeInterface, returned: Any, report: Path | None = None
    ) -> None:
        self._name = name
        self._interface = interface
        self._report = report
        self._outputs = ActionOutputs.of(returned, interface)
        self._inputs: Mapping[str, Any] = {}
        self._settings: RunSettings | None = None

    def of(self, inputs: Mapping[str, Any], settings: "RunSettings") -> "LocalRun":
        """This run, knowing what it was called with and what was said of it."""
        self._inputs, self._settings = dict(inputs), settings
        return self

    @property
    def name(self) -> str:
        return self._name

    @property
    def url(self) -> str:
        """Where the run is: nowhere but in this process."""
        return f"local://runs/{self._name}"

    @property
    def phase(self) -> ActionPhase:
        return ActionPhase.SUCCEEDED

    @property
    def raw_phase(self) -> RawPhase:
        """The phase as a number."""
        return raw(self.phase)

    @property
    def status(self) -> str:
        """The phase in upper case."""
        return self.phase.name

    def __repr__(self) -> str:
        return f"<local run {self._name} of {self._interface.task}: {self.status}>"

    async def _wait(self, quiet: bool = False, wait_for: Literal["terminal", "running"] = "terminal") -> None:
        """Return at once: the run is over."""

    async def _outputs_aio(self) -> ActionOutputs:
        """What the task returned."""
        return self._outputs

    async def _inputs_aio(self) -> ActionInputs:
        """What the task was called with."""
        return ActionInputs(self._inputs)

    async def _input_literals(self) -> dict[str, Any]:
        """What the task was called with, as JSON data."""
        return inputs_to_json(self._interface, self._inputs)

    async def _output_literals(self) -> dict[str, Any]:
        """What the task returned, as JSON data."""
        returned = tuple(self._outputs) if self._interface.returns_tuple else self._outputs[0]
        return outputs_to_json(self._interface, returned)

    async def _typed_inputs(self, types: Types, deserializers: Deserializers | None = None) -> ActionInputs:
        """What the task was called with, as values of types that you name: see `ActionDetails`."""
        return ActionInputs(dict(self._inputs) | typed(await self._input_literals(), types, deserializers))

    async def _typed_outputs(self, types: Types, deserializers: Deserializers | None = None) -> ActionOutputs:
        """What the task returned, as values of types that you name: see `ActionDetails`."""
        found = self._outputs.named_outputs | typed(await self._output_literals(), types, deserializers)
        return ActionOutputs(found.values(), tuple(found))

    async def _get_report(self, attempt: int | None = None) -> str:
        """The HTML report of its root action; of the last attempt. Raises RuntimeUserError without one."""
        if self._report is None:
            raise no_report(f"run {self._name}")
        return await asyncio.to_thread(self._report.read_text, encoding="utf-8")

    async def _done(self) -> bool:
        """True: a local run is over when you get it."""
        return True

    async def _abort(self, reason: str = "") -> None:
        """Nothing: the run is over."""

    async def _sync(self) -> "LocalRun":
        """This run: it does not change any more."""
        return self

    async def _details(self) -> "LocalRun":
        """This run: all that is known of it."""
        return self

    async def _logs(self, attempt: int | None = None) -> str:
        """Nothing: what a local run prints is in this process's own output."""
        return ""

    async def _show_logs(self, *_: Any, **__: Any) -> None:
        """Nothing more: the output was shown while it ran."""

    async def _get_logs(self, *_: Any, **__: Any) -> AsyncGenerator[str]:
        """No lines: they were shown while it ran."""
        nothing: tuple[str, ...] = ()
        for line in nothing:
            yield line

    async def _events(self) -> AsyncGenerator[Any]:
        """None: a local run keeps no log."""
        nothing: tuple[Any, ...] = ()
        for event in nothing:
            yield event

    async def _watch(self, *_: Any, **__: Any) -> AsyncGenerator["LocalRun"]:
        """Itself, once."""
        yield self

    wait = syncify(_wait)
    outputs = syncify(_outputs_aio)
    inputs = syncify(_inputs_aio)
    input_literals = syncify(_input_literals)
    output_literals = syncify(_output_literals)
    typed_inputs = syncify(_typed_inputs)
    typed_outputs = syncify(_typed_outputs)
    get_report = syncify(_get_report)
    done = syncify(_done)
    abort = syncify(_abort)
    sync = syncify(_sync)
    details = syncify(_details)
    logs = syncify(_logs)
    show_logs = syncify(_show_logs)
    get_logs = streamed(_get_logs)
    events = streamed(_events)
    watch = streamed(_watch)

    @property
    def task_name(self) -> str:
        return self._interface.task

    @property
    def labels(self) -> dict[str, str]:
        return dict(self._settings.labels) if self._settings else {}

    @property
    def error_info(self) -> None:
        """None: a run that failed raised its error instead."""

    @property
    def abort_info(self) -> None:
        """None: nobody can abort what is over."""

    @property
    def is_running(self) -> bool:
        return False

    def get_debug_url(self) -> None:
        """None: a run has no debugger to visit."""

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        import html

        facts = {"name": self._name, "task": self._interface.task, "status": self.status, "url": self.url}
        cells = "".join(f"<tr><th>{key}</th><td>{html.escape(text)}</td></tr>" for key, text in facts.items())
        return f"<table>{cells}</table>"

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON data, without its values."""
        return {
            "name": self._name,
            "task": self._interface.task,
            "phase": self.phase.value,
            "url": self.url,
            "metadata": self._settings.model_dump(mode="json") if self._settings else {},
        }
