"""Runs on the stack: start one, and the object that stands for it."""

import getpass
import sys
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from flyte._client.follow import Follower, WaitFor, already_exists
from flyte._client.logs import LogPrinter
from flyte._client.trouble import say_on_stderr, translated
from flyte._client.watch import RunWatch
from flyte._outputs import ActionOutputs
from flyte._runtime import convert, wire_json
from flyte._runtime.failure import error_of
from flyte._runtime.interface import NativeInterface
from flyte._runtime.offload import offload, restore
from flyte._runtime.transfer import Artifacts
from flyte._syncify import block_on, syncify
from flyte.errors import RuntimeUserError
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import Event
from flyte_schemas.events import StartRun
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, RunKey, action_subject, run_request
from flyte_schemas.task import TaskReference

SOURCE = "/flyte/client"


class Connected(Protocol):
    """Where a run gets its bus from."""

    async def bus(self) -> Bus: ...


async def start_run(
    bus: Bus,
    key: RunKey,
    task: TaskReference,
    inputs: dict[str, InlineLiteral],
    *,
    env_vars: dict[str, str] | None = None,
) -> str:
    """Ask for a run of a deployed task version; the id of the request.

    It is enough that the bus has the request: the run starts when the executor takes it. Raises
    RuntimeUserError (`RunAlreadyExistsError`) for a name that is taken; the bus's errors.
    """
    last = await bus.log.last(RUNS, action_subject(key.action(ROOT_ACTION)))
    if last is not None:
        raise already_exists(key.run)
    literals = await offload(inputs, Artifacts(bus.ask, key.project, key.domain))
    request = Event(
        id=f"run.{uuid.uuid4().hex}",
        source=SOURCE,
        subject=run_request(key),
        time=datetime.now(UTC),
        data=StartRun(task=task, inputs=literals, env_vars=env_vars or {}, requested_by=_who()),
    )
    await bus.log.append(request)
    return request.id


class Run:
    """A run on the stack: what is known of it comes from the log, whenever you ask.

    Methods block; each has an `.aio` form to be awaited.
    """

    def __init__(
        self,
        connected: Connected,
        key: RunKey,
        *,
        request_id: str | None = None,
        interface: NativeInterface | None = None,
    ) -> None:
        self._connected = connected
        self._key = key
        self._request_id = request_id
        self._interface = interface
        self._known: RunWatch | None = None

    @property
    def name(self) -> str:
        return self._key.run

    @property
    def url(self) -> str:
        """An address of the run, for people and for the CLI (`flyte logs URL`)."""
        return f"flyte://{self._key.project}/{self._key.domain}/runs/{self._key.run}"

    @property
    def phase(self) -> ActionPhase:
        """Where the run stands now. A run that the executor has not taken yet is QUEUED."""
        return block_on(self.state()).phase or ActionPhase.QUEUED

    @property
    def status(self) -> str:
        """The phase in upper case, e.g. "SUCCEEDED"."""
        return self.phase.name

    def __repr__(self) -> str:
        return f"<run {self.name} ({self.url})>"

    async def state(self) -> ActionState:
        """The root action, folded from the log. Raises RuntimeSystemError when the log cannot be read."""
        with translated():
            watch = await self._watch()
            return watch.fold.root if watch.fold.root.is_terminal else await watch.refresh()

    async def _wait(self, quiet: bool = False, wait_for: WaitFor = "terminal") -> None:
        """Wait until the run is over, and print its output while it runs (not when `quiet`).

        Returns however the run ended: look at `status`. `wait_for="running"` returns as soon as its
        function runs. Outages of the stack are waited out. Raises RuntimeSystemError when it cannot be
        reached at all, RuntimeUserError when the run's name turns out to be another run's.
        """
        with translated():
            bus = await self._connected.bus()
            watch = RunWatch(bus, self._key)  # from the start: the ends of earlier output count too
            await Follower(
                bus,
                watch,
                None if quiet else LogPrinter(sys.stdout, sys.stderr, watch.task_of),
                say=say_on_stderr,
                request_id=self._request_id,
                wait_for=wait_for,
            ).wait()

    async def _outputs(self) -> ActionOutputs:
        """What the run gave.

        Raises RuntimeError while it is not over, and the run's own error when it did not succeed.
        """
        state = await self.state()
        if not state.is_terminal or state.phase is None:
            raise RuntimeError(f"run {self.name} is not over yet: call wait() first")
        if state.phase is not ActionPhase.SUCCEEDED:
            raise error_of(state.failure, state.phase, state.abort_reason)
        with translated():
            bus = await self._connected.bus()
            artifacts = Artifacts(bus.ask, self._key.project, self._key.domain)
            return _readable(await restore(state.outputs or {}, artifacts), self._interface)

    async def _done(self) -> bool:
        """Whether the run is over."""
        return (await self.state()).is_terminal

    @classmethod
    def get(cls, name: str) -> "Run":
        """The run of this name or URL, in the project and domain of this process.

        Raises InitializationError without a client, RuntimeUserError (`RunNotFound`) for a run that the
        log does not have.
        """
        from flyte import _session

        client = _session.client()
        run = cls(client, parse_run(name, client.config.project, client.config.domain))
        if block_on(run.state()).phase is None:
            raise RuntimeUserError("RunNotFound", f"the log has no run {run._key}")
        return run

    wait = syncify(_wait)
    outputs = syncify(_outputs)
    done = syncify(_done)

    async def _watch(self) -> RunWatch:
        if self._known is None:
            self._known = RunWatch(await self._connected.bus(), self._key)
        return self._known


def parse_run(text: str, project: str, domain: str) -> RunKey:
    """The run that a name or a URL names. Raises ValueError."""
    if "://" not in text:
        return RunKey(project, domain, text)
    match text.split("/"):
        case ["flyte:", "", found_project, found_domain, "runs", name]:
            return RunKey(found_project, found_domain, name)
        case _:
            raise ValueError(f"{text!r} is no run: give its name, or flyte://PROJECT/DOMAIN/runs/NAME")


def _readable(literals: dict[str, InlineLiteral], interface: NativeInterface | None) -> ActionOutputs:
    if interface is not None:
        returned = convert.outputs_from_wire(interface, literals)
        return ActionOutputs.of(returned, is_tuple=interface.returns_tuple)
    values = [wire_json.unwrap(literals[name].value) for name in sorted(literals, key=_place)]
    return ActionOutputs(values or [None])


def _place(name: str) -> tuple[int, str]:
    return (int(name[1:]), name) if name[1:].isdigit() else (sys.maxsize, name)


def _who() -> str:
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""
