"""Runs: the lists that the registry answers, and one run as its view and the log have it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_console.admission import asked_for, unknown
from flyte_console.answers.parts import FailureLine
from flyte_console.answers.runs import RunAnswer, RunFacts, RunRow, Runs
from flyte_console.core.asks import Ask
from flyte_console.core.rows import COLUMNS
from flyte_console.core.values import shown
from flyte_console.routes import Encoded
from flyte_console.settings import ConsoleSettings
from flyte_console.streams import Sent, action_messages
from flyte_console.views import RunView, RunViews, rang
from flyte_schemas.action import ActionState
from flyte_schemas.addresses import run_address
from flyte_schemas.endpoints import LIST_RUNS, ListRuns, RunSummary
from flyte_schemas.events import ActionRequested, RunSettings, StartRun
from flyte_schemas.failure import Failure
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ROOT_ACTION, RunKey


class RunAnswers:
    """The handlers of what is asked about runs."""

    def __init__(self, bus: Bus, views: RunViews, settings: ConsoleSettings) -> None:
        self._bus = bus
        self._views = views
        self._settings = settings

    async def runs(self, ask: Ask) -> Runs:
        """The runs of a project and domain that meet all filters, newest first."""
        question = ListRuns(
            project=ask.name("project"),
            domain=ask.name("domain"),
            limit=ask.whole("limit", default=100, at_least=1, at_most=self._settings.max_listed),
            in_phase=ask.phases(),
            task_name=ask.task("task"),
            task_version=ask.version("version"),
            requested_by=ask.text("user"),
            requested_after=ask.moment("created_after"),
            requested_before=ask.moment("created_before"),
            labels=ask.labels(),
            search=ask.text("q") or "",
            cursor=ask.text("cursor") or "",
            counts=True,
        )
        found = await self._bus.ask(LIST_RUNS, question, timeout_s=self._settings.ask_patience_s)
        return Runs(
            runs=tuple(map(row_of, found.runs)),
            next=found.next or None,
            counts={phase.value: count for phase, count in (found.counts or {}).items()},
            as_of=found.as_of_sequence,
        )

    async def run(self, ask: Ask) -> RunAnswer:
        """One run, in full. Its view begins meanwhile: whoever asks for a run asks for its actions next."""
        key, settings = ask.run, self._settings
        question = ListRuns(project=key.project, domain=key.domain, name=key.run)
        async with self._views.watching(key), asyncio.timeout(settings.ask_patience_s):
            found = await self._bus.ask(LIST_RUNS, question, timeout_s=settings.ask_patience_s)
            state, _ = await read_action(self._bus.log, key.action(ROOT_ACTION))
            facts = _facts(key, state, next(iter(found.runs), None))
            return RunAnswer(run=facts or await self._facts_of_request(key), as_of=found.as_of_sequence)

    async def actions(self, ask: Ask) -> Encoded:
        """All actions of a run."""
        async with self._views.watching(ask.run) as view:
            await self._known(view)
            state = (view.rows.tick, view.is_settled)
            if view.answer is None or view.answer[0] != state:
                document = {
                    "columns": COLUMNS,
                    "rows": [row.values() for row in view.rows],
                    "settled": view.is_settled,
                    "as_of": view.rows.as_of,
                }
                view.answer = (state, orjson.dumps(document))
            return Encoded(view.answer[1])

    async def stream(self, ask: Ask) -> AsyncGenerator[Sent]:
        """The actions of a run that have changed, and that change."""
        after = ask.whole("after", default=0)
        async with self._views.watching(ask.run) as view:
            if after or not await self._has_begun(view):
                await self._known(view)  # of a run that was not read, nobody can say what is new
            yield Sent()
            async with aclosing(action_messages(view, after, self._settings)) as messages:
                async for message in messages:
                    yield message

    async def _has_begun(self, view: RunView) -> bool:
        """Whether something of the run is known, before all of it is."""
        with view.listening() as bell:
            return len(view.rows) > 0 or (
                await rang(bell, self._settings.ask_patience_s) and len(view.rows) > 0
            )

    async def _known(self, view: RunView) -> None:
        """Return when the view is up to date. Raises Trouble for a run that nobody has asked for."""
        await self._views.read(view)
        if not len(view.rows):
            await self._facts_of_request(view.key)

    async def _facts_of_request(self, key: RunKey) -> RunFacts:
        """A run of which there is only the request that asks for it. Raises Trouble when there is none."""
        async with asyncio.timeout(self._settings.ask_patience_s):
            request = await asked_for(self._bus, key)
        if request is None or not isinstance(request.data, StartRun):
            raise unknown(key.action(ROOT_ACTION))
        asked = request.data
        return RunFacts(
            phase=ActionPhase.QUEUED,
            requested_at=request.time,
            **_asked(key, asked),
        )


def row_of(run: RunSummary) -> RunRow:
    """A run in a line, as the page has it."""
    values = {name: getattr(run, name) for name in RunRow.model_fields if name != "failure"}
    return RunRow(**values, failure=failure_line(run.failure))


def failure_line(failure: Failure | None) -> FailureLine | None:
    """Why something failed, in a line."""
    if failure is None:
        return None
    return FailureLine(code=failure.code, message=failure.message.partition("\n")[0])


def _asked(key: RunKey, asked: StartRun | ActionRequested) -> dict[str, Any]:
    """What was said when the run was asked for."""
    settings = asked.settings or RunSettings()
    return {
        "name": key.run,
        "task": asked.task.name,
        "version": asked.task.version,
        "labels": settings.labels,
        "annotations": settings.annotations,
        "requested_by": asked.requested_by,
        "inputs": shown(asked.inputs, key.action(ROOT_ACTION)),
        "env_vars": asked.env_vars,
        "rerun_of": settings.rerun_of,
        "url": run_address(key),
    }


def _facts(key: RunKey, state: ActionState, summary: RunSummary | None) -> RunFacts | None:
    """One run in full; None while its root action was not seen."""
    if state.requested is None or state.phase is None or state.requested_at is None:
        return None
    return RunFacts(
        phase=state.phase,
        requested_at=state.requested_at,
        started_at=state.started_at,
        ended_at=state.ended_at,
        attempts=state.attempt,
        actions=summary.actions if summary else 1,
        paused=summary.paused if summary else 0,
        failure=failure_line(state.failure),
        outputs=None if state.outputs is None else shown(state.outputs, key.action(ROOT_ACTION)),
        report=bool(state.reports),
        **_asked(key, state.requested),
    )
