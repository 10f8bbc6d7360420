"""What can be watched by name: the face that a run and any of its actions have in common.

Nothing is kept here but the name: each question is answered from the log, whenever it is asked. Methods
block; each has an `.aio` form to be awaited.
"""

import html
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from flyte._client.aborting import ask_abort
from flyte._client.details import Connected
from flyte._client.follow import Follower, WaitFor
from flyte._client.lines import ActionPrinter, LogLine, coming_lines, kept_lines, shown_line
from flyte._client.logs import LogPrinter
from flyte._client.phases import History, read_history, unknown
from flyte._client.pictures import ActionDetails, watch_details
from flyte._client.trouble import Say, say_on_stderr, translated
from flyte._client.watch import Happening, RunWatch
from flyte._documents import Documented
from flyte._explaining.explanation import Explanation
from flyte._outputs import ActionInputs, ActionOutputs
from flyte._raw_phase import RawPhase, raw
from flyte._runtime.interface import NativeInterface
from flyte._streams import streamed
from flyte._syncify import block_on, syncify
from flyte._typed import Deserializers, Types
from flyte.errors import ActionNotFoundError
from flyte_schemas.action import ActionState
from flyte_schemas.addresses import page_address
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import LOGS, RUNS
from flyte_schemas.subjects import ActionKey


class Tracked(Documented):
    """An action of a run on the stack."""

    def __init__(
        self,
        connected: Connected,
        action: ActionKey,
        *,
        request_id: str | None = None,
        interface: NativeInterface | None = None,
        as_of: int | None = None,
    ) -> None:
        self._as_of = as_of
        self._connected = connected
        self._action = action
        self._key = action.run
        self._request_id = request_id
        self._interface = interface

    @property
    def name(self) -> str:
        return self._action.action

    @property
    def as_of(self) -> int | None:
        """Up to where the log had been read when it was found: the listing's place, or that of `get`.

        None for a run that this process has just asked for.
        """
        return self._as_of

    @property
    def url(self) -> str:
        """An address for people and for the CLI (`flyte logs URL`): its page, where there is a console."""
        return page_address(self._action, self._connected.console_url)

    @property
    def phase(self) -> ActionPhase:
        """Where it stands now. What the executor has not taken yet is QUEUED."""
        return block_on(self.state()).phase or ActionPhase.QUEUED

    @property
    def raw_phase(self) -> RawPhase:
        """The phase as a number."""
        return raw(self.phase)

    @property
    def status(self) -> str:
        """The phase in upper case, e.g. "SUCCEEDED"."""
        return self.phase.name

    async def state(self) -> ActionState:
        """Folded from the log. Raises RuntimeSystemError when the log cannot be read."""
        with translated():
            return (await self._history()).state

    async def _look(self) -> ActionState:
        """Its state, as of the place in the log that `as_of` then has."""
        with translated():
            history = await self._history()
        self._as_of = history.as_of
        return history.state

    async def _history(self) -> History:
        try:
            return await read_history(await self._connected.bus(), self._action)
        except ActionNotFoundError:
            return History(state=ActionState(), transitions=())

    async def _wait(self, quiet: bool = False, wait_for: WaitFor = "terminal") -> None:
        """Wait until it is over, and print its output meanwhile (not when `quiet`).

        Returns however it ended: look at `status`. `wait_for="running"` returns as soon as its function
        runs. Outages of the stack are waited out. Raises RuntimeSystemError when it cannot be reached at all,
        RuntimeUserError when the run's name turns out to be another run's.
        """
        watch = await self.watched()
        printer = None if quiet else self._printer(watch)
        await self.follow(watch, printer, say=say_on_stderr, wait_for=wait_for)

    async def watched(self) -> RunWatch:
        """A reader of its run, from the start: the ends of earlier output count too."""
        with translated():
            return RunWatch(await self._connected.bus(), self._key)

    async def follow(
        self, watch: RunWatch, printer: LogPrinter | None, *, say: Say, wait_for: WaitFor = "terminal"
    ) -> None:
        """Return when it is over; `watch` has seen what happened, `printer` was given its output."""
        with translated():
            await Follower(
                await self._connected.bus(),
                watch,
                printer,
                say=say,
                request_id=self._request_id,
                wait_for=wait_for,
                action=self._action.action,
            ).wait()

    def _printer(self, watch: RunWatch) -> LogPrinter:
        return ActionPrinter(self._action.action, watch)

    async def _outputs(self) -> ActionOutputs:
        """What it gave.

        Raises RuntimeError while it is not over, and its own error when it did not succeed.
        """
        return await (await self._picture())._outputs()

    async def _inputs(self) -> ActionInputs:
        """What it was called with, by name."""
        return await (await self._picture())._inputs()

    async def _picture(self) -> ActionDetails:
        """A picture of it as it is now."""
        with translated():
            return ActionDetails(self._connected, self._action, await self._history(), self._interface)

    async def _done(self) -> bool:
        """Whether it is over."""
        return (await self.state()).is_terminal

    async def _sync(self) -> Any:
        """Read the log again, and return this. (Whatever is asked is read from the log anyway.)"""
        await self.state()
        return self

    async def _abort(self, reason: str = "Manually aborted from the SDK.") -> None:
        """Give it up, with everything below it; its processes are stopped.

        It is enough that the bus has the request. What is over stays as it ended. Raises RuntimeUserError
        for what the log does not know.
        """
        with translated():
            bus = await self._connected.bus()
            state = (await self._history()).state
            if state.phase is None and self._request_id is None:
                raise self._unknown()
            if not state.is_terminal:
                await ask_abort(bus, self._action, reason)

    def _unknown(self) -> Exception:
        return ActionNotFoundError(unknown(self._action))

    async def _explain(self) -> Explanation:
        """Why it ended as it did, or what it waits for; `print` it, or look at its fields.

        Raises RuntimeUserError (`RunNotFound`) or ActionNotFoundError for what the log does not know.
        """
        from flyte._client.explaining import explain_action

        with translated():
            found = await explain_action(await self._connected.bus(), self._action)
        if found is None:
            raise self._unknown()
        return found

    async def lines(self, attempt: int | None = None) -> list[LogLine]:
        """What it has printed until now, line by line."""
        return (await self.lines_as_of(attempt))[0]

    async def lines_as_of(self, attempt: int | None = None) -> tuple[list[LogLine], int]:
        """The same, and the place in the log of output up to which all is in it."""
        with translated():
            bus = await self._connected.bus()
            as_of = await bus.log.last_sequence(LOGS)
            return await kept_lines(bus, self._action, attempt), as_of

    async def _logs(self, attempt: int | None = None) -> str:
        """What it has printed until now (all attempts, or one of them, counted from 1), as one text."""
        return "".join(f"{line.text}\n" for line in await self.lines(attempt))

    async def _show_logs(
        self,
        attempt: int | None = None,
        max_lines: int = 100,
        show_ts: bool = False,
        raw: bool = False,
        filter_system: bool = False,
    ) -> None:
        """Print the last `max_lines` lines of what it has printed until now, with their times if `show_ts`.

        There is nothing of the platform's in the output, so `raw` and `filter_system` change nothing.
        """
        for line in (await self.lines(attempt))[-max_lines:]:
            sys.stdout.write(f"{shown_line(line, show_ts=show_ts)}\n")

    async def _get_logs(
        self, attempt: int | None = None, filter_system: bool = False, show_ts: bool = False
    ) -> AsyncGenerator[str]:
        """Its lines from the beginning until it has ended."""
        with translated():
            bus = await self._connected.bus()
            if (await self._history()).state.is_terminal:
                for line in await kept_lines(bus, self._action, attempt):
                    yield shown_line(line, show_ts=show_ts)
                return
            async with aclosing(coming_lines(bus, self._action, attempt)) as lines:
                async for line in lines:
                    yield shown_line(line, show_ts=show_ts)

    async def events_as_of(self) -> tuple[list[Happening], int]:
        """What has happened to it until now, and the place in the log up to which all is in it."""
        with translated():
            as_of = await (await self._connected.bus()).log.last_sequence(RUNS)
        happened = [happening async for happening in self._events()]
        return happened, max(as_of, *(happening.sequence for happening in happened), 0)

    async def _events(self) -> AsyncGenerator[Happening]:
        """What has happened to it until now, event by event."""
        with translated():
            watch = RunWatch(await self._connected.bus(), self._key)
            async with aclosing(watch.happened()) as happenings:
                async for happening in happenings:
                    if self._concerns(happening):
                        yield happening

    def _concerns(self, happening: Happening) -> bool:
        return happening.action == self._action.action

    async def _watch(
        self, cache_data_on_done: bool = False, wait_for: WaitFor = "terminal"
    ) -> AsyncGenerator[ActionDetails]:
        """A picture of it now and after each change, until it has ended (or runs, if that is enough).

        With `cache_data_on_done` the last one holds inputs and outputs: to ask it for them needs no stack.
        """
        pictures = watch_details(
            self._connected,
            self._action,
            self._interface,
            until_running=wait_for in ("running", "logs-ready"),
            keep_data=cache_data_on_done,
        )
        async with aclosing(pictures):
            async for details in pictures:
                yield details

    async def _input_literals(self) -> dict[str, Any]:
        """What it was called with, as the JSON data that travels."""
        return await (await self._picture())._input_literals()

    async def _output_literals(self) -> dict[str, Any]:
        """What it gave, as the JSON data that travels. Raises as `outputs` does."""
        return await (await self._picture())._output_literals()

    async def _get_report(self, attempt: int | None = None) -> str:
        """Its HTML report: see `ActionDetails.get_report`."""
        return await (await self._picture())._get_report(attempt)

    async def _typed_inputs(self, types: Types, deserializers: Deserializers | None = None) -> ActionInputs:
        """What it was called with, as values of types that you name: see `ActionDetails.typed_inputs`."""
        return await (await self._picture())._typed_inputs(types, deserializers)

    async def _typed_outputs(self, types: Types, deserializers: Deserializers | None = None) -> ActionOutputs:
        """What it gave, as values of types that you name: see `ActionDetails.typed_outputs`."""
        return await (await self._picture())._typed_outputs(types, deserializers)

    wait = syncify(_wait)
    outputs = syncify(_outputs)
    inputs = syncify(_inputs)
    get_report = syncify(_get_report)
    input_literals = syncify(_input_literals)
    output_literals = syncify(_output_literals)
    typed_inputs = syncify(_typed_inputs)
    typed_outputs = syncify(_typed_outputs)
    done = syncify(_done)
    sync = syncify(_sync)
    abort = syncify(_abort)
    explain = syncify(_explain)
    logs = syncify(_logs)
    show_logs = syncify(_show_logs)
    get_logs = streamed(_get_logs)
    events = streamed(_events)
    watch = streamed(_watch)

    def to_dict(self) -> dict[str, Any]:
        """It as JSON data, as it is now."""
        return block_on(self._picture()).to_dict() | {"url": self.url}

    def _repr_html_(self) -> str:
        """A small table for a notebook; only what is known when the stack cannot be reached."""
        try:
            details = block_on(self._picture())
            facts = {"name": self.name, "task": details.task_name or "", "status": details.status}
        except Exception:
            facts = {"name": self.name, "status": "unknown: the stack cannot be reached"}

        rows = (facts | {"url": self.url}).items()
        cells = "".join(f"<tr><th>{label}</th><td>{html.escape(text)}</td></tr>" for label, text in rows)
        return f"<table>{cells}</table>"
