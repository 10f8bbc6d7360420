"""One action in full, why it stands where it stands, its report, and the objects that it names."""

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass, field

from flyte._explaining.record import AttemptRecord, RunRecord
from flyte_bus.history import find_task
from flyte_bus.ports import Bus
from flyte_console.admission import unknown
from flyte_console.answers.actions import (
    ActionAnswer,
    ActionFacts,
    ActionRow,
    AttemptFacts,
    ConditionFacts,
    Explanation,
    ExplanationAnswer,
    ReportFacts,
)
from flyte_console.core.asks import Ask, BadAsk
from flyte_console.core.rows import COLUMNS, RunRows
from flyte_console.core.values import names_object, report_address, shown
from flyte_console.problems import not_found
from flyte_console.routes import Download
from flyte_console.settings import ConsoleSettings
from flyte_schemas.action import ActionState
from flyte_schemas.artifacts import parts_of
from flyte_schemas.endpoints import CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation
from flyte_schemas.envelope import Malformed
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, action_subject
from flyte_schemas.task import TaskTemplate

EXPLAINED_AT_ONCE = 2
"""How many explanations are made at a time: each reads all of its run."""


@dataclass(slots=True)
class _Told:
    """What the log says of one action; `state` has its values, other than the row of a view."""

    key: ActionKey
    record: RunRecord = field(default_factory=RunRecord)
    rows: RunRows = field(default_factory=RunRows)

    @property
    def state(self) -> ActionState:
        return self.record.state(self.key.action)


class ActionAnswers:
    """The handlers of what is asked about one action."""

    def __init__(self, bus: Bus, settings: ConsoleSettings) -> None:
        self._bus = bus
        self._settings = settings
        self._explaining = asyncio.Semaphore(EXPLAINED_AT_ONCE)

    async def action(self, ask: Ask) -> ActionAnswer:
        """One action, in full."""
        async with asyncio.timeout(self._settings.ask_patience_s):
            told = await self._told(ask.action)
            template = await self._template(told)
        return ActionAnswer(action=_facts(told, template), as_of=told.rows.as_of)

    async def explanation(self, ask: Ask) -> ExplanationAnswer:
        """Why an action (the root, by default) ended as it did, or what it waits for."""
        from flyte._client.explaining import explain_action  # a quarter of a second that no start has to pay

        key = ask.run.action(ask.named("action") or ROOT_ACTION)
        async with asyncio.timeout(self._settings.read_patience_s), self._explaining:
            as_of = await self._bus.log.last_sequence(RUNS)
            found = await explain_action(self._bus, key)
        if found is None:
            raise unknown(key)
        return ExplanationAnswer(explanation=Explanation.model_validate(found.to_dict()), as_of=as_of)

    async def report(self, ask: Ask) -> Download:
        """The report of an action (the root, by default): of the attempt that is named, or the last one."""
        key = ask.run.action(ask.named("action") or ROOT_ACTION)
        attempt = ask.whole("attempt", default=0)
        async with asyncio.timeout(self._settings.ask_patience_s):
            told = await self._told(key)
        reports = [report for report in told.state.reports if attempt in (0, report.attempt)]
        if not reports:
            whose = f"attempt {attempt} at action {key.action}" if attempt else f"action {key.action}"
            raise not_found(
                "ReportNotFound", f"{whose} has no report", "Only tasks with report=True have one."
            )
        last = max(reports, key=lambda report: report.attempt)
        return await self._download(ask, last.uri, is_page=True)

    async def object(self, ask: Ask) -> Download:
        """An object that the action's inputs or outputs name."""
        key, uri = ask.action, ask.text("uri")
        if not uri:
            raise BadAsk("uri is missing: say which object, as the value names it")
        async with asyncio.timeout(self._settings.ask_patience_s):
            state = (await self._told(key)).state
        if not (names_object(state.inputs, uri) or names_object(state.outputs or {}, uri)):
            raise not_found("ObjectNotFound", f"no value of action {key.action} names {uri}")
        return await self._download(ask, uri, is_page=False)

    async def _download(self, ask: Ask, uri: str, *, is_page: bool) -> Download:
        """An object that a run names. A task may name any: who looks must see the object's own place, too."""
        try:
            ask.must_cover(*parts_of(uri)[:2])
        except ValueError as error:
            raise not_found("ObjectNotFound", str(error)) from error
        location = await self._bus.ask(
            CREATE_DOWNLOAD_LOCATION,
            CreateDownloadLocation(uri=uri),
            timeout_s=self._settings.ask_patience_s,
        )
        return Download(
            signed_url=location.signed_url,
            headers=location.headers,
            size_bytes=location.size_bytes,
            filename=re.sub(r"[^A-Za-z0-9._-]", "_", uri.rpartition("/")[2]) or "object",
            is_page=is_page,
        )

    async def _told(self, key: ActionKey) -> _Told:
        """All that the log says of an action. Raises Trouble when it says nothing."""
        told = _Told(key)
        async with aclosing(self._bus.log.read(RUNS, action_subject(key))) as entries:
            async for entry in entries:
                if not isinstance(entry.content, Malformed):
                    told.record.take(key.action, entry.content, entry.sequence)
                    told.rows.apply(key.action, entry.content, entry.sequence)
        if told.state.phase is None:
            raise unknown(key)
        return told

    async def _template(self, told: _Told) -> TaskTemplate | None:
        asked, run = told.state.requested, told.key.run
        if asked is None:
            return None
        found = await find_task(self._bus.log, run.project, run.domain, asked.task)
        return found.overridden(asked.overrides) if found else None


def _facts(told: _Told, template: TaskTemplate | None) -> ActionFacts:
    key, state = told.key, told.state
    row = told.rows.row(key.action)
    assert row is not None  # what has a phase has a row
    ends = told.rows.ends()
    return ActionFacts(
        row=ActionRow(**dict(zip(COLUMNS, row.values(), strict=True))),
        version=state.requested.task.version if state.requested else None,
        inputs=shown(state.inputs, key),
        outputs=None if state.outputs is None else shown(state.outputs, key),
        attempts=tuple(
            _attempt(attempt, ends.get((key.action, attempt.number)))
            for attempt in told.record.attempts(key.action)
        ),
        failure=state.failure,
        waiting=state.waiting if state.is_live else "",
        abort_reason=state.abort_reason,
        aborted_by=state.aborted_by,
        cached_from=state.cached_from,
        recovered_from=state.recovered_from,
        condition=_condition(state),
        reports=tuple(
            ReportFacts(
                attempt=report.attempt,
                size_bytes=report.size_bytes,
                href=report_address(key, report.attempt),
            )
            for report in state.reports
        ),
        template=template,
    )


def _attempt(attempt: AttemptRecord, log_bytes: int | None) -> AttemptFacts:
    known = {name: getattr(attempt, name) for name in AttemptFacts.model_fields if name not in ("log_bytes",)}
    return AttemptFacts(**known, log_bytes=log_bytes)


def _condition(state: ActionState) -> ConditionFacts | None:
    asked = state.condition
    if asked is None:
        return None
    return ConditionFacts(
        prompt=asked.prompt,
        prompt_type=asked.prompt_type,
        data_type=asked.data_type,
        description=asked.description,
        timeout_s=asked.timeout_s,
        signalled_by=state.signalled_by,
    )
