"""Runs in this process: no server, the same meaning.

Values pass between tasks through the same conversion as on the stack, so what works here works there. An
async task's body runs on the event loop that awaits it. A sync task's body runs in a thread, and nothing
below it ever needs an event loop above it: so an async task may hold up its loop, waiting for a sync child,
and the wait ends.
"""

import asyncio
import datetime
import functools
import itertools
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte._checkpoint import Checkpoint
from flyte._computing import Computing
from flyte._local_attempt import Data, Failed, Limits, Outcome, attempt_aio, attempt_blocking
from flyte._local_children import LocalChildren
from flyte._local_record import LocalRecord
from flyte._local_run import LocalRun
from flyte._local_secrets import Found, LocalSecrets
from flyte._logger import logger
from flyte._places import Places
from flyte._raw_data import RawDataPath
from flyte._runtime import context, controller, convert, group
from flyte._runtime.env_vars import applied
from flyte._runtime.failure import error_of, failure_of
from flyte._runtime.lasting_loop import run_whole
from flyte._runtime.reports import Report
from flyte._runtime.steps import Recorded, Steps
from flyte._runtime.threads import in_thread, start_thread
from flyte._syncify import running_loop
from flyte._task import Task
from flyte_schemas.subjects import ROOT_ACTION

if TYPE_CHECKING:
    from flyte._happenings import Happenings
    from flyte._local_cache import LocalCache
    from flyte._local_conditions import LocalConditions


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What a local run is told: its name, where it claims to be, variables that win over the task's.

    `custom_context` is handed down to all of its actions; below `raw_data_path` lies the data that they make;
    `happenings` is told what happens; `max_action_concurrency` is how many actions run at a time. With
    `disable_cache` no result is kept or taken, with `overwrite_cache` none is taken.
    """

    name: str
    project: str
    domain: str
    env_vars: Mapping[str, str] = field(default_factory=dict)
    custom_context: Mapping[str, str] = field(default_factory=dict)
    raw_data_path: str = ""
    happenings: "Happenings | None" = None
    overwrite_cache: bool = False
    disable_cache: bool = False
    cache_scope: str = ""
    max_action_concurrency: int | None = None


def run_here(task: Task[..., Any], inputs: dict[str, Any], options: LocalOptions) -> LocalRun:
    """Run `task` to its end. Raises what `failure.error_of` makes of its failure.

    Works beside a running event loop too (in a notebook): then a thread runs it.
    """
    if running_loop() is None:
        return _run(task, inputs, options)
    return start_thread(lambda: _run(task, inputs, options)).result()


async def run_here_aio(task: Task[..., Any], inputs: dict[str, Any], options: LocalOptions) -> LocalRun:
    """The same, to be awaited."""
    return await in_thread(lambda: _run(task, inputs, options))


def _run(task: Task[..., Any], inputs: dict[str, Any], options: LocalOptions) -> LocalRun:
    actions = LocalActions(options, context.get_custom_context() | dict(options.custom_context))
    try:
        if task.is_async:
            returned = run_whole(actions.run(actions.ask_root(task), task, inputs))
        else:
            data = convert.inputs_to_json(task.native_interface, inputs)
            returned = actions.run_blocking(actions.ask_root(task), task, data)
    except SystemExit as error:  # from a coroutine that the user gave to the loop without awaiting it
        raise error_of(failure_of(error)) from error
    finally:
        actions.secrets.close()
    return LocalRun(options.name, task.native_interface, returned, actions.reports.get(ROOT_ACTION))


class LocalActions:
    """The actions of one local run: each with its attempts, and a name of its own."""

    def __init__(self, options: LocalOptions, custom_context: Mapping[str, str]) -> None:
        self._options = options
        self._custom_context = custom_context
        self._began = datetime.datetime.now(datetime.UTC)
        self._raw_data_path = RawDataPath.of_local_run(options.name, options.raw_data_path)
        self._numbers = itertools.count(1)
        self._happenings = options.happenings
        self.reports: dict[str, Path] = {}
        self.secrets = LocalSecrets(options.project, options.domain)
        self._computing = Computing()
        self.places = Places(options.max_action_concurrency)

    @functools.cached_property
    def _cache(self) -> "LocalCache":
        from flyte._local_cache import LocalCache

        options = self._options
        return LocalCache(
            options.name,
            project=options.project,
            domain=options.domain,
            overwrite=options.overwrite_cache,
            is_scoped=options.cache_scope == "project-domain",
        )

    @functools.cached_property
    def conditions(self) -> "LocalConditions":
        """What its actions ask people."""
        from flyte._local_conditions import LocalConditions

        return LocalConditions(self._happenings)

    def keep_report(self, action: str, page: str) -> None:
        """Write an action's report to a file of its own, and tell the user where. Raises as `open` does."""
        folder = self._raw_data_path.path
        if "://" in folder and not folder.startswith("file://"):
            folder = tempfile.mkdtemp(prefix="flyte-report-")  # a report is for whoever sits here
        path = Path(folder.removeprefix("file://")) / action / "report.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        if action not in self.reports:
            logger.info("the report of %s is in %s", action, path)
        self.reports[action] = path

    def ask(self, task: Task[..., Any]) -> str:
        """The name of a new action, that the one around this call asks for."""
        name = f"a{next(self._numbers)}"
        if self._happenings is not None:
            self._happenings.requested(name, task.name, context.ctx().action.name, group.current())
        return name

    def ask_root(self, task: Task[..., Any]) -> str:
        """The name of the root action."""
        if self._happenings is not None:
            self._happenings.requested(ROOT_ACTION, task.name, None, None)
        return ROOT_ACTION

    async def run(self, name: str, task: Task[..., Any], inputs: dict[str, Any]) -> Any:
        """Run one action with its retries; its value, or the error that its caller sees."""
        data = convert.inputs_to_json(task.native_interface, inputs)
        if not self._is_cached(task):
            return _value(task, await self._attempts(name, task, data))
        key = self._cache.key(task, data)
        while (other := self._begin(task, key)) is not None:
            await asyncio.shield(asyncio.wrap_future(other))
        try:
            outcome = self._found(name, task, key)
            if outcome is None:
                outcome = self._kept(key, await self._attempts(name, task, data))
            return _value(task, outcome)
        finally:
            self._done(task, key)

    def run_blocking(self, name: str, task: Task[..., Any], data: Data) -> Any:
        """The same for a sync task and inputs that are JSON data already, in a thread that may block."""
        if not self._is_cached(task):
            return _value(task, self._attempts_blocking(name, task, data))
        key = self._cache.key(task, data)
        while (other := self._begin(task, key)) is not None:
            other.result()
        try:
            outcome = self._found(name, task, key)
            if outcome is None:
                outcome = self._kept(key, self._attempts_blocking(name, task, data))
            return _value(task, outcome)
        finally:
            self._done(task, key)

    async def _attempts(self, name: str, task: Task[..., Any], data: Data) -> Outcome:
        """One action with its retries; how the last attempt ended."""
        limits, known, has_place = Limits(task), dict[str, Recorded](), False
        try:
            for attempt in itertools.count():
                outcome: Outcome | None = limits.late()
                if outcome is None:
                    self._tell_queued(name, attempt)
                if outcome is None and not has_place:
                    outcome = await self._place(name, limits)
                if outcome is None:
                    has_place = True
                    found = self.secrets.find(task.options.secrets)
                    if isinstance(found, Failed):
                        outcome = found
                    else:
                        with self._around(name, task, attempt, known, found):
                            outcome = await attempt_aio(task, data, limits)
                outcome, pause_s = limits.judged(outcome)
                self._tell(name, attempt, outcome, is_last=pause_s is None)
                if pause_s is None:
                    return outcome
                await asyncio.sleep(pause_s)
        finally:
            self.places.leave(name)
        raise AssertionError("attempts are counted without end")

    async def _place(self, name: str, limits: Limits) -> Failed | None:
        """Wait for a place to run; what the attempt is that got none in time."""
        if (turn := self.places.take(name)) is None:
            return None
        try:
            async with asyncio.timeout(limits.wait_s()):
                await asyncio.wrap_future(turn)
        except TimeoutError as error:
            self.places.leave(name)
            return limits.waited_too_long(error)
        except asyncio.CancelledError:
            self._tell_given_up(name)
            raise
        return None

    def _attempts_blocking(self, name: str, task: Task[..., Any], data: Data) -> Outcome:
        limits, known, has_place = Limits(task), dict[str, Recorded](), False
        try:
            for attempt in itertools.count():
                outcome: Outcome | None = limits.late()
                if outcome is None:
                    self._tell_queued(name, attempt)
                if outcome is None and not has_place:
                    outcome = self._place_blocking(name, limits)
                if outcome is None:
                    has_place = True
                    found = self.secrets.find(task.options.secrets)
                    if isinstance(found, Failed):
                        outcome = found
                    else:
                        with self._around(name, task, attempt, known, found):
                            outcome = attempt_blocking(task, data, limits)
                outcome, pause_s = limits.judged(outcome)
                self._tell(name, attempt, outcome, is_last=pause_s is None)
                if pause_s is None:
                    return outcome
                time.sleep(pause_s)
        finally:
            self.places.leave(name)
        raise AssertionError("attempts are counted without end")

    def _place_blocking(self, name: str, limits: Limits) -> Failed | None:
        if (turn := self.places.take(name)) is None:
            return None
        try:
            turn.result(limits.wait_s())
        except TimeoutError as error:
            self.places.leave(name)
            return limits.waited_too_long(error)
        return None

    def _is_cached(self, task: Task[..., Any]) -> bool:
        return task.options.cache.is_enabled() and not self._options.disable_cache

    def _begin(self, task: Task[..., Any], key: str) -> "Future[None] | None":
        return self._computing.begin(key) if task.options.cache.serialize else None

    def _done(self, task: Task[..., Any], key: str) -> None:
        if task.options.cache.serialize:
            self._computing.done(key)

    def _found(self, name: str, task: Task[..., Any], key: str) -> Outcome | None:
        """The outputs that an earlier call gave; None when there was none."""
        found = self._cache.find(key, from_this_run=task.options.cache.serialize)
        if found is None:
            return None
        source, outputs = found
        if self._happenings is not None:
            self._happenings.found(name, source)
        return outputs

    def _kept(self, key: str, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Failed):
            self._cache.keep(key, outcome)
        return outcome

    def _tell_queued(self, name: str, attempt: int) -> None:
        if self._happenings is not None:
            self._happenings.queued(name, attempt + 1)

    def _tell_given_up(self, name: str) -> None:
        if self._happenings is not None:
            self._happenings.given_up(name)

    def _tell(self, name: str, attempt: int, outcome: Outcome, *, is_last: bool) -> None:
        if self._happenings is not None:
            self._happenings.ended(name, attempt + 1, outcome, is_last=is_last)

    @contextmanager
    def _around(
        self, name: str, task: Task[..., Any], attempt: int, known: dict[str, Recorded], secrets: Found
    ) -> Iterator[None]:
        """What an attempt finds around it: variables, its context, somebody to ask for children.

        `known` are the steps that earlier attempts have taken.
        """
        options = self._options
        inherited = context.get_custom_context() if name != ROOT_ACTION else self._custom_context
        kept = f"{self._raw_data_path.path.rstrip('/')}/{name}/checkpoints"
        checkpoint = Checkpoint.of_attempt(kept, attempt)
        here = context.TaskContext(
            action=context.ActionID(
                name=name, run_name=options.name, project=options.project, domain=options.domain
            ),
            attempt_number=attempt,
            custom_context=inherited,
            run_start_time=self._began,
            raw_data_path=self._raw_data_path,
            report=Report(task.name, hidden=secrets.hidden),
            checkpoint=checkpoint,
            checkpoint_paths=checkpoint.paths,
        )
        variables = {
            **secrets.variables,
            **task.env_vars,
            **options.env_vars,
            "FLYTE_ATTEMPT_NUMBER": str(attempt),
        }
        record = LocalRecord(name, attempt + 1, known, self._happenings)
        children = LocalChildren(self, name, Steps(record, name), keeps_reports=task.report)
        if self._happenings is not None:
            self._happenings.started(name, attempt + 1)
        with applied(variables), context.use(here), controller.use(children):
            try:
                yield
            except asyncio.CancelledError:
                self._tell_given_up(name)
                raise
            finally:
                children.close()


def _value(task: Task[..., Any], outcome: Outcome) -> Any:
    """What the caller gets. Raises its failure."""
    if isinstance(outcome, Failed):
        raise error_of(outcome.failure, outcome.phase) from outcome.error
    return convert.outputs_from_json(task.native_interface, outcome)
