"""One attempt, from the claim to the last word.

Whatever happens to the user's process, one terminal fact follows, after all of its output. Only when this
agent dies too is that left to the executor.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

import structlog

from flyte._runtime.messages import (
    Ask,
    Entered,
    Find,
    GiveUp,
    Locate,
    Message,
    Pause,
    Raised,
    Recall,
    Record,
    Reported,
    Returned,
    Save,
    Saved,
    Start,
)
from flyte._runtime.transfer import ArtifactError, Artifacts
from flyte_agent.bundle import BundleRefused
from flyte_agent.children import Children
from flyte_agent.code_folder import CodeFolder
from flyte_agent.endings import (
    interrupted,
    not_understood,
    unprepared,
)
from flyte_agent.image import ImageMismatch, check_image
from flyte_agent.known import Known
from flyte_agent.lease import Lease, LeaseLost
from flyte_agent.locations import Locations
from flyte_agent.outbox import Outbox
from flyte_agent.process import Runner
from flyte_agent.recovered import source_of
from flyte_agent.reports import Reports
from flyte_agent.secrets import AttemptSecrets, SecretsRefused
from flyte_agent.settings import AgentSettings
from flyte_agent.stages import Stages
from flyte_agent.starts import claimed_state, found_version, start_of
from flyte_agent.traces import Traces
from flyte_bus.errors import BusUnavailable
from flyte_bus.ports import Bus
from flyte_bus.spool import SpoolFile, spool_path
from flyte_schemas.events import ActionRequested, AttemptFailed, AttemptStarted, AttemptSucceeded
from flyte_schemas.exhausted import ran_too_long
from flyte_schemas.failure import Failure
from flyte_schemas.orders import Order
from flyte_schemas.policies import SecretReference
from flyte_schemas.streams import LEASES_BUCKET
from flyte_schemas.subjects import lease_key

log = structlog.get_logger()

T = TypeVar("T")


class Attempt:
    """Runs one attempt in `runner`, in `folder`; `known` may be shared.

    With `requested`, which is what was asked for, it is a first attempt, and the log need not be read.
    """

    def __init__(
        self,
        bus: Bus,
        order: Order,
        runner: Runner,
        *,
        folder: CodeFolder,
        known: Known,
        settings: AgentSettings,
        pid: int,
        requested: ActionRequested | None = None,
        traceparent: str | None = None,
    ) -> None:
        self._bus = bus
        self._requested = requested
        self._traceparent = traceparent
        self._stages = Stages(order)
        self._enters = runner.has_served and requested is not None
        self._order = order
        self._settings = settings
        self._runner = runner
        self._folder = folder
        self._known = known
        self._lease = Lease(bus.bucket(LEASES_BUCKET), settings.lease_ttl_s)
        self._spool = SpoolFile(spool_path(settings.spool, pid, runner.lane))
        self._outbox = Outbox(bus.log, self._spool, self._lease, limit_bytes=settings.max_spool_bytes)
        self._reports = Reports(
            bus, order, pid, worker=settings.worker, outbox=self._outbox, confirm=self._lease.confirm
        )
        run = order.key.action.run
        self._artifacts = Artifacts(bus.ask, run.project, run.domain, patience_s=settings.patience_s)
        self._pump = runner.output(order.attempt, self._reports.output)
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._entered = asyncio.Event()
        self._last_word: Returned | Raised | None = None
        self._children: Children | None = None
        self._traces: Traces | None = None
        self._locations = Locations(bus, self._runner.send)
        self._secrets = AttemptSecrets(bus, order, settings, folder.secrets)
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """Have the attempt end soon, for the platform's sake."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def run(self) -> None:
        """Claim, prepare, run, report. Returns quietly when another agent has the attempt.

        Raises LeaseLost; BusUnavailable when what is left to say waits on disk.
        """
        await self._runner.open()
        began = self._lease.now()
        try:
            if not await self._reports.claim(enters=self._enters):
                log.info("agent.attempt.taken", attempt=str(self._order.key))
                return
            self._lease.begin(lease_key(self._order.key), self._reports.worker, self._reports, since=began)
            await self._run_while_ours()
        finally:
            await self._runner.end(0.0)
            await self._runner.close()
            if not self._broken.cancel() and not self._broken.cancelled():
                self._broken.exception()  # it was raised, or something worse was

    async def _run_while_ours(self) -> None:
        """Run, and keep the lease; when it is lost nothing more is done or said. Raises LeaseLost."""
        keep_words = True
        try:
            await self._lease.hold(self._run_claimed(), ended=self.stop, lost=self._kill_runner)
        except LeaseLost:
            keep_words = False
            raise
        finally:
            await self._outbox.close(keep=keep_words)
            self._spool.leave()
            await self._lease.release()

    async def _kill_runner(self) -> None:
        """Without a chance to clean up: another one has begun."""
        await self._runner.end(0.0)

    async def _run_claimed(self) -> None:
        self._pump.slow_down(self._settings.output_bytes_per_s)
        self._pump.start()
        shipping = asyncio.create_task(self._pump.run())
        shipping.add_done_callback(self._shipping_ended)
        try:
            failure = await self._run_task()
        except BaseException as error:
            shipping.cancel()
            if isinstance(error, LeaseLost):
                await self._kill_runner()
            raise
        finally:
            await self._runner.end(self._settings.grace_s)
            self._stages.leave()
            await self._locations.close()
            for part in (self._children, self._traces):
                if part is not None:
                    await part.close()
        await self._drain(shipping)
        await self._report(failure)
        await self._deliver()

    async def _deliver(self) -> None:
        """Wait until the log has every word. What the bus does not take in time, or before we are told to
        stop, stays on disk for the executor of this machine to deliver. Raises BusUnavailable then.
        """
        if self._outbox.is_empty:
            return
        flushed = await self._until_stopped(self._outbox.flush(), self._settings.patience_s)
        if flushed is None:
            raise BusUnavailable(f"the bus stays away: what is left to say waits in {self._spool.path}")
        flushed.result()

    async def _until_stopped(
        self, work: Coroutine[Any, Any, T], within_s: float | None = None
    ) -> "asyncio.Task[T] | None":
        """Do this until it is done; None when we were told to stop before, or the time was over."""
        task = asyncio.create_task(work)
        ends: set[asyncio.Future[Any]] = {task, self._stopped}
        try:
            await asyncio.wait(ends, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            return task if task.done() else None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run_task(self) -> Failure | None:
        """Prepare and run; the failure, or None when the runner's last word says how it went."""
        try:
            start = await self._prepare_unless_stopped()
        except (ArtifactError, BundleRefused, ImageMismatch, SecretsRefused, OSError) as error:
            return unprepared(error)
        if start is None:
            return interrupted()
        structlog.contextvars.bind_contextvars(**self._stages.log_fields)
        await self._lease.confirm()  # who was silent for too long until now must not begin
        await self._runner.send(start)
        return await self._supervise(start.template.policies.max_runtime_s)

    async def _prepare_unless_stopped(self) -> Start | None:
        """The order for the runner; None when we were told to stop, or the attempt is over already."""
        if self._enters:
            return None if self._stopped.done() else await self._prepare()
        prepared = await self._until_stopped(self._prepare())
        return None if prepared is None else prepared.result()

    async def _prepare(self) -> Start | None:
        state, first = await claimed_state(self._bus.log, self._order, self._requested, self._traceparent)
        if not state.has_open(self._order.attempt):
            return None
        assert state.requested is not None  # it was claimed, so it was requested
        template = await self._known.template(self._order.key, state.requested)
        check_image(template, self._settings)
        if template.secrets and not await self._have_secrets(template.secrets):
            return None
        self._stages.belong(state.traceparent)
        self._reports.traceparent = state.traceparent
        with self._stages.bundle():
            await self._folder.fill(template.bundle, self._artifacts)
        self._children = Children(
            self._bus,
            self._order,
            self._reports,
            since=first,
            answer=self._runner.send,
            on_broken=self._on_broken,
            env_vars=state.requested.env_vars,
        )
        root = await self._known.root(self._order.key.action, state)
        settings = root.settings
        source = await source_of(self._bus.log, self._order.key.action, state, settings.recovery)
        self._traces = Traces(
            self._bus.log,
            self._order,
            self._reports,
            self._artifacts,
            since=first,
            answer=self._runner.send,
            on_broken=self._on_broken,
            source=source,
        )
        return start_of(
            self._order,
            state,
            template,
            root,
            folder=str(self._folder.path),
            patience_s=self._settings.patience_s,
            recovers=source is not None,
            reused=self._runner.is_reused,
            secrets=self._secrets.seen,
        )

    async def _have_secrets(self, wanted: tuple[SecretReference, ...]) -> bool:
        """Fetch them, and hide them in what is printed from here on; False when we were told to stop."""
        fetched = await self._until_stopped(self._secrets.fetch(wanted, self._reports.worker))
        if fetched is None:
            return False
        fetched.result()
        self._pump.hide(self._secrets.redactor)
        return True

    async def _supervise(self, limit_s: float | None) -> Failure | None:
        """Serve the runner until its last word, its end, the order to stop, or the end of its time."""
        listening = asyncio.create_task(self._listen())
        overdue = asyncio.create_task(self._overdue(limit_s)) if limit_s is not None else None
        exited = self._runner.exit
        ends: set[asyncio.Future[Any]] = {
            exited,
            self._stopped,
            self._broken,
            *([overdue] if overdue else []),
        }
        try:
            await asyncio.wait({*ends, listening}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and self._last_word is None:
                listening.result()  # raises when the bus stayed away for too long
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if exited.done() and self._last_word is None:
                await asyncio.wait({listening}, timeout=self._settings.exit_grace_s)
            if self._last_word is not None:
                await self._runner.left(self._settings.exit_grace_s)
                return None
            if exited.done():
                return self._runner.failure()
            if self._broken.done():
                self._broken.result()  # raises
            is_overdue = overdue is not None and overdue.done()
            return ran_too_long(limit_s or 0.0) if is_overdue else interrupted()
        finally:
            tasks = [listening, *([overdue] if overdue else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _overdue(self, limit_s: float) -> None:
        await self._entered.wait()
        await asyncio.sleep(limit_s)

    async def _listen(self) -> None:
        """Serve what the runner says, until it says its last word or its socket closes."""
        try:
            async with aclosing(self._runner.messages()) as messages:
                async for message in messages:
                    await self._heard(message)
                    if self._last_word is not None:
                        return
        except ValueError as error:  # pydantic's too
            self._last_word = self._secrets.hidden_in(Raised(failure=not_understood(error)))

    async def _heard(self, message: Message) -> None:
        match message:
            case Entered():
                self._entered.set()
                self._stages.enter()
                if not self._enters:
                    word = AttemptStarted(attempt=self._order.attempt, worker=self._reports.worker)
                    await self._reports.fact(word)
            case Ask() if self._children is not None:
                self._children.ask(message)
            case Pause() if self._children is not None:
                self._children.pause(message)
            case GiveUp(call=call) if self._children is not None:
                self._children.give_up(call)
            case Save(call=call, checkpoint=checkpoint):
                await self._reports.numbered(checkpoint)
                await self._runner.send(Saved(call=call))
            case Recall() | Record() if self._traces is not None:
                self._traces.hear(self._secrets.hidden_in(message))
            case Find():
                await self._runner.send(await found_version(self._bus.log, self._order, message))
            case Locate():
                self._locations.ask(message)
            case Reported():
                await self._reports.reported(message)
            case Returned() | Raised():
                message = self._secrets.hidden_in(message) if isinstance(message, Raised) else message
                self._last_word = message
                self._stages.leave(message.failure if isinstance(message, Raised) else None)
            case _:
                log.warning("agent.runner.unexpected", kind=message.kind)

    def _shipping_ended(self, shipping: "asyncio.Task[None]") -> None:
        """Output that nobody ships any more would block the user's `print` for ever."""
        error = None if shipping.cancelled() else shipping.exception()
        if error is not None:
            self._on_broken(error)

    def _on_broken(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)

    async def _drain(self, shipping: "asyncio.Task[None]") -> None:
        """Ship all that was printed; what the task left behind may hold the pipes, but not for long."""
        self._pump.hurry()
        if self._runner.stays:
            self._pump.close()
        deadline = asyncio.get_running_loop().time() + self._settings.leftover_s
        while not shipping.done():
            progress = self._pump.progress
            await asyncio.wait({shipping}, timeout=self._settings.drain_s)
            overdue = asyncio.get_running_loop().time() > deadline
            if overdue or (self._pump.is_idle and self._pump.progress == progress):
                self._pump.close()
                break
        await shipping

    async def _report(self, failure: Failure | None) -> None:
        """The last word of the attempt, after all its output."""
        attempt, end = self._order.attempt, self._pump.shipped
        if failure is None and isinstance(self._last_word, Returned):
            outputs = self._last_word.outputs
            await self._reports.fact(AttemptSucceeded(attempt=attempt, outputs=outputs, log_end=end))
            return
        if failure is None and isinstance(self._last_word, Raised):
            failure = self._last_word.failure
        assert failure is not None
        await self._reports.fact(AttemptFailed(attempt=attempt, failure=failure, log_end=end))
