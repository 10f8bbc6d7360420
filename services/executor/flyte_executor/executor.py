"""The shell: follow the log of runs, let the core decide, append, and only then act.

One reader folds every event. Whatever an event touches is settled: decide from the state, append the
decision with the expected version, decide again, until nothing is due; then see to it that the world looks
as the log says (an open attempt has a process, an ended action has none). A decision that meets a conflict
is dropped: the event that was faster comes by the reader, and the action is settled again.
"""

import asyncio
from collections import Counter
from contextlib import aclosing

import structlog

from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus, Entry
from flyte_bus.service import Supervisor, reject
from flyte_executor.alarms import Alarms
from flyte_executor.allowance import Allowance
from flyte_executor.backends.port import Backend, Gone, Launch, LaunchFailed, TellsTrouble, Waiting, launching
from flyte_executor.clock import Elapsed, Now, elapsed, utc_now
from flyte_executor.core.lines import place_of
from flyte_executor.core.liveness import Suspect
from flyte_executor.core.placement import Placement
from flyte_executor.core.times import WakeAt
from flyte_executor.decisions import decision_event, report_lost, report_silent, report_waiting
from flyte_executor.held_back import HeldBack
from flyte_executor.lanes import Lanes
from flyte_executor.leases import Leases
from flyte_executor.measures import Measures
from flyte_executor.outlook import Outlook
from flyte_executor.runs import LiveRuns, is_of_a_worker
from flyte_executor.settings import LOOK_AGAIN_S, LOOKS, SERVICE, ExecutorSettings
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import AttemptFailed, EventData
from flyte_schemas.limits import Place
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, AttemptKey, RunKey
from flyte_schemas.usage import GetUsage, UsageNow

log = structlog.get_logger()


class Executor:
    """Folds, decides, appends, acts. `now` is the time of day; `elapsed` is what silences are measured by."""

    def __init__(
        self,
        bus: Bus,
        backend: Backend,
        settings: ExecutorSettings,
        now: Now = utc_now,
        elapsed: Elapsed = elapsed,
    ) -> None:
        self._bus = bus
        self._backend = backend
        self._settings = settings
        self._runs = LiveRuns(bus)
        self.allowance = Allowance(bus, now)
        self.allowance.limits.listeners.append(self._on_limits)
        self._placement = Placement(settings.slots, self.allowance.live_actions)
        self._alarms = Alarms(bus, self._look_again, now)
        self._outlook = Outlook(bus, self._runs, settings, self._alarms, self.allowance)
        self._leases = Leases(bus, settings.lease_ttl_s, self._on_silent, elapsed)
        self._now = now
        self._tasks = Supervisor(SERVICE)
        self._settling: dict[ActionKey, bool] = {}
        self._busy: Counter[RunKey] = Counter()
        self._lanes = Lanes(settings.max_settling)
        self._is_stopping = False
        self._has_read = asyncio.Event()
        self._measures = Measures(bus)
        self._measures.show(self._runs, self._placement, self._alarms, self._leases)

    async def start(self) -> None:
        """Catch up with the log, find the processes of an earlier life, settle what is due."""
        await self.allowance.load()
        await self._runs.restore()
        async for entry in self._bus.log.read(RUNS, RUNS.subjects[0], after=self._runs.position):
            key = await self._read(entry)
            if key is not None and self._runs.state(key).is_terminal:
                if self._runs.is_ours(key.run):
                    await self._outlook.keep_result(key)  # it may have succeeded while no executor ran
                self._runs.let_go(key.run)
        self._runs.caught_up()
        await self._reconcile(await self._backend.start(self._on_gone, self._on_waiting))
        log.info("executor.caught_up", sequence=self._runs.position, live=len(self._runs.live_actions()))
        self._tasks.keep("follow", self._follow())
        self._tasks.keep("checkpoint", self._checkpoints())
        self._tasks.keep("alarms", self._alarms.run())
        self._tasks.keep("leases", self._leases.run())
        self._tasks.keep("limits", self.allowance.limits.follow())
        self._tasks.keep(
            "held back", HeldBack(self._placement, self.allowance, self._runs, self._on_waiting).run()
        )

    async def wait(self) -> None:
        """Return after `stop`. Raises LoopDied when a part of this died."""
        await self._tasks.wait()

    async def trouble(self) -> str:
        """Why nothing could be done just now: the log is not read up to its end, or the backend's reason."""
        end = await self._bus.log.last_sequence(RUNS)
        for _ in range(LOOKS):
            if self._runs.position >= end:
                return await self._backend.trouble() if isinstance(self._backend, TellsTrouble) else ""
            await asyncio.sleep(LOOK_AGAIN_S)
        return f"it has read {RUNS.name} up to {self._runs.position} of {end}"

    async def usage(self, question: GetUsage) -> UsageNow:
        """What a project uses in a domain."""
        return self.allowance.now(Place(question.project, question.domain), self._placement)

    def holds(self, run: RunKey) -> bool:
        """Whether anything of a run lives."""
        return self._runs.holds(run)

    def look_at(self, run: RunKey) -> None:
        """A run may be over a limit of its project now."""
        if self.holds(run) and self.allowance.is_over_now(run):
            self._touch(run.action(ROOT_ACTION))

    async def stop(self) -> None:
        """Decide and launch nothing more, and let the backend go."""
        self._is_stopping = True
        await self._tasks.stop()
        await self._backend.close(stop_attempts=self._settings.stop_attempts)

    # -- reading -----------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        entries = self._bus.log.follow(RUNS, RUNS.subjects[0], after=self._runs.position)
        async with aclosing(entries):
            async for entry in entries:
                known = self._runs.known(entry)
                key = await self._read(entry)
                if key is None:
                    continue
                if not self._runs.is_ours(key.run):
                    self._runs.slim(key)
                    self._runs.let_go(key.run)
                    continue
                self.look_at(key.run)
                if known is not None:
                    self._measures.read(known, entry.content)
                if known is None:
                    self._touch_all(key.run)
                elif entry.sequence <= known.version:
                    pass  # our own word, which was folded when it was written
                elif is_of_a_worker(entry) and key not in self._settling and self._runs.state(key).is_claimed:
                    self._take_note(key)
                elif self._runs.state(key).traced is None:  # nothing follows from a step
                    self._touch(key)

    async def _read(self, entry: Entry) -> ActionKey | None:
        self._has_read.set()
        self._measures.folded.value += 1
        key = await self._runs.fold_entry(entry)
        if isinstance(entry.content, Malformed):
            await reject(self._bus, entry, str(entry.content), by=SERVICE, now=self._now())
        elif key is None:
            await reject(self._bus, entry, "no action has this subject", by=SERVICE, now=self._now())
        elif self._runs.is_ours(key.run):
            self._leases.heard(key, entry.content.source)
        if key is not None:
            self.allowance.take(key.run, entry)
        return key

    async def _checkpoints(self) -> None:
        while True:
            await self._has_read.wait()
            await asyncio.sleep(self._settings.checkpoint_s)
            self._has_read.clear()
            await self.allowance.save(self._runs.holds)  # first: what is counted reaches as far, or further
            await self._runs.save()

    # -- after a restart ---------------------------------------------------------------------------------

    async def _reconcile(self, alive: frozenset[AttemptKey]) -> None:
        """Compare the processes that run with what the log says, and settle every live action.

        An attempt that runs elsewhere is none of ours: its worker's lease tells whether it lives.
        """
        live = self._runs.live_actions()
        for key in live:
            if self._runs.fold(key.run).has_children(key.action):
                self._launch(self._placement.has_children(key))
        for attempt in alive:
            await self._recognise(attempt)
        for key in live:  # before any that waits: they count
            if (state := self._runs.state(key)).is_claimed:
                self._launch(self._placement.claimed(AttemptKey(key, state.attempt)))
        for key in live:
            self._touch(key)

    async def _recognise(self, attempt: AttemptKey) -> None:
        """A process that runs: it has its slot, or it has no business any more.

        To let it run, what was read at the start is enough: what has come since comes by the reader.
        """
        state = self._runs.state(attempt.action)
        if not state.has_open(attempt.attempt):
            state, _ = await read_action(self._bus.log, attempt.action)
        if state.has_open(attempt.attempt):
            self._placement.occupy(attempt, await self._outlook.pool(attempt.action))
        elif state.phase is not None:  # else it belongs to a log that is not ours
            log.warning("executor.attempt.orphaned", attempt=str(attempt))
            self._tasks.spawn(f"stop {attempt}", self._backend.stop_attempt(attempt))

    # -- settling ----------------------------------------------------------------------------------------

    def _touch(self, key: ActionKey) -> None:
        """Settle the action soon; what touches it while it is being settled makes it be settled again."""
        if key in self._settling:
            self._settling[key] = True
            return
        self._settling[key] = False
        self._busy[key.run] += 1
        self._tasks.spawn(f"settle {key}", self._settle_until_quiet(key))

    def _touch_all(self, run: RunKey) -> None:
        """Settle all of a run that is held from now on: what was read with it does not come as news."""
        for name, state in tuple(self._runs.fold(run).actions.items()):
            if state.traced is None:
                self._touch(run.action(name))

    def _look_again(self, key: ActionKey) -> bool:
        """Settle an action whose timer went off, if it is alive."""
        is_live = self._runs.state(key).is_live
        if is_live:
            self._touch(key)
        return is_live

    async def _settle_until_quiet(self, key: ActionKey) -> None:
        again = True
        while again:
            self._settling[key] = False
            async with self._lanes.inside(place_of(key.run)):
                await self._settle(key)
            again = self._settling[key]
        del self._settling[key]
        self._runs.slim(key)
        self._busy[key.run] -= 1
        if not self._busy[key.run]:  # else somebody has yet to act upon what he decided
            del self._busy[key.run]
            self._runs.let_go(key.run)

    async def _settle(self, key: ActionKey) -> None:
        while (decision := await self._outlook.decide(key)) is not None:
            if isinstance(decision, WakeAt):
                await self._alarms.wake(key, decision.at)
                break
            if not await self._append(key, decision):
                return
        await self._act(key)

    async def _append(self, key: ActionKey, decision: EventData) -> bool:
        state = self._runs.state(key)
        event = decision_event(key, decision, state, self._now())
        try:
            sequence = await self._bus.log.append(event, expected=state.version)
        except Conflict:
            self._measures.conflicts.value += 1
            return False
        self._measures.decided(decision)
        self._runs.apply(key, event, sequence)
        log.debug("executor.decided", action=str(key), decision=event.type, attempt=state.attempt)
        if isinstance(decision, AttemptFailed):  # it waited for too long: what it waits for is not to come
            attempt = AttemptKey(key, decision.attempt)
            self._tasks.spawn(f"stop {attempt}", self._backend.stop_attempt(attempt))
        return True

    # -- acting ------------------------------------------------------------------------------------------

    async def _act(self, key: ActionKey) -> None:
        """Make the world look as the log says of this action."""
        is_wanted = self._runs.state(key).phase is ActionPhase.WAITING_FOR_RESOURCES
        pool = await self._outlook.pool(key) if is_wanted else None
        state = self._runs.state(key)
        if state.is_claimed:
            self._take_note(key)
            return
        self._leases.look(key, state)
        if state.is_live and state.parent is not None:
            self._launch(self._placement.has_children(key.run.action(state.parent)))
        if state.phase is ActionPhase.WAITING_FOR_RESOURCES and not state.attempt_over:
            limit = self._outlook.settings_of(key.run).max_action_concurrency
            self._launch(self._placement.want(AttemptKey(key, state.attempt), limit, pool))
        elif state.is_terminal:
            await self._end(key, state)
        else:
            self._launch(self._placement.unclaimed(key))

    def _take_note(self, key: ActionKey) -> None:
        """A worker has the action: nothing is to be decided."""
        state = self._runs.state(key)
        self._leases.look(key, state)
        self._launch(self._placement.claimed(AttemptKey(key, state.attempt)))

    async def _end(self, key: ActionKey, state: ActionState) -> None:
        for child, child_state in self._runs.fold(key.run).children(key.action):
            if child_state.is_live:
                self._touch(key.run.action(child))
        self._alarms.forget(key)
        for waiting in await self._outlook.keep_result(key):
            self._touch(waiting)
        if state.is_cut_short:
            self._tasks.spawn(f"stop {key}", self._backend.stop_attempt(AttemptKey(key, state.attempt)))
        if state.started_at and state.ended_at and (pool := await self._outlook.pool(key)) is not None:
            self._placement.took(pool, (state.ended_at - state.started_at).total_seconds())
        self._launch(self._placement.ended(key))

    def _launch(self, attempts: list[AttemptKey]) -> None:
        for attempt in attempts:
            self._tasks.spawn(f"launch {attempt}", self._launch_one(attempt))

    async def _launch_one(self, attempt: AttemptKey) -> None:
        launched = self._outlook.is_open(attempt) and await self._start_process(attempt)
        if not launched:
            self._launch(self._placement.attempt_over(attempt))
        elif not self._outlook.is_open(attempt) and await self._was_cut_short(attempt):
            await self._backend.stop_attempt(attempt)

    async def _was_cut_short(self, attempt: AttemptKey) -> bool:
        """Whether an attempt's action was ended while its process began, and not by that process."""
        state = self._runs.state(attempt.action)
        if state.phase is None:  # its run is over, and not held any more
            state, _ = await read_action(self._bus.log, attempt.action)
        return state.is_cut_short and state.attempt == attempt.attempt

    async def _start_process(self, attempt: AttemptKey) -> bool:
        state = self._runs.state(attempt.action)
        template = await self._outlook.template(attempt.action)
        if template is None:
            return False
        try:
            with launching(attempt):
                pool = await self._outlook.pool(attempt.action)
                launch = Launch(
                    attempt=attempt,
                    fence=state.fence,
                    template=template,
                    requested=state.requested,
                    pool=pool,
                    most_workers=1 if pool is None else self._placement.workers(pool),
                    settings=self._outlook.settings_of(attempt.action.run),
                    interruptible=state.interruptible,
                    traceparent=state.traceparent,
                )
                await self._backend.launch(launch)
        except LaunchFailed as error:
            gone = Gone(attempt=attempt, worker="", reason=str(error), failure=error.failure)
            await report_lost(self._bus.log, gone, self._now)
            return False
        return True

    # -- limits of projects ------------------------------------------------------------------------------

    def _on_limits(self) -> None:
        """Limits are others than before."""
        self._launch(self._placement.look())
        for run in self._runs.living():
            self.look_at(run)

    # -- losses ------------------------------------------------------------------------------------------

    async def _on_gone(self, gone: Gone) -> bool:
        if self._is_stopping:  # the next start finds out
            return False
        task = self._tasks.spawn(f"gone {gone.attempt}", self._after_process(gone))
        await asyncio.wait({task})
        return not task.cancelled() and task.exception() is None

    async def _after_process(self, gone: Gone) -> None:
        known = self._runs.state(gone.attempt.action)
        may_tell = known.has_open_attempt or known.is_cut_short or known.phase is None
        if may_tell and await report_lost(self._bus.log, gone, self._now):
            self._measures.lost.child("ended").add()
        self._launch(self._placement.attempt_over(gone.attempt))

    async def _on_waiting(self, waiting: Waiting) -> None:
        known = self._runs.state(waiting.attempt.action)
        if not self._is_stopping and known.has_open(waiting.attempt.attempt):
            self._tasks.spawn(f"waiting {waiting.attempt}", report_waiting(self._bus.log, waiting, self._now))

    async def _on_silent(self, suspect: Suspect) -> None:
        is_lost = await report_silent(
            self._bus.log,
            suspect,
            self._leases.is_silent,
            self._backend.stop_attempt,
            self._settings.lease_ttl_s,
            self._now,
        )
        if is_lost:
            self._measures.lost.child("silent").add()
