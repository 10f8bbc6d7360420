"""Gathers what an explanation needs, from the log and from who answers: a run, templates, who waits too."""

from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from flyte._client.lines import kept_lines
from flyte._client.records import read_record
from flyte._explaining.causes import path_to_cause
from flyte._explaining.explain import explain, not_admitted
from flyte._explaining.explanation import Explanation, Surroundings
from flyte._explaining.record import RunRecord
from flyte._explaining.waits import slot_queue
from flyte_bus.errors import NoAnswer, NotAllowed, Refusal
from flyte_bus.history import find_task, last_request, read_run
from flyte_bus.ports import Bus, Entry
from flyte_schemas.caching import GLOBAL, PLACE, bucket_keys, cache_key, reservation_key
from flyte_schemas.endpoints import LIST_RUNS, ListRuns, Ping, ping_endpoint
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import LogWritten, MessageRejected, RunSettings, StartRun
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import CACHE_BUCKET, LOGS, REJECTED
from flyte_schemas.subjects import ActionKey, RunKey, log_subject
from flyte_schemas.task import TaskReference, TaskTemplate

LOG_LINES = 10
"""How many of the last lines of an attempt are shown."""
MAX_LOG_BYTES = 4 * 1024 * 1024
"""Of output that is read for them; of a longer one its last chunk has to do."""
MAX_RUNS = 20
"""How many other runs are looked into for actions that wait for a slot too."""
ANSWER_S = 2.0
"""How long a service may take to say that it is there."""

_ALIVE = tuple(phase for phase in ActionPhase if not phase.is_terminal)


async def explain_action(bus: Bus, key: ActionKey) -> Explanation | None:
    """The explanation of an action as it is now; None when the log knows neither it nor a request for it.

    Raises the bus's errors.
    """
    record = await read_record(bus, key.run)
    if record.state(key.action).phase is None:
        return await _only_asked_for(bus, key) if key.is_root else None
    around = await _surroundings(bus, key, record)
    found = explain(record, key.run.run, key.action, around)
    return replace(found, log=await _last_lines(bus, key.run.action(found.cause), found))


async def _only_asked_for(bus: Bus, key: ActionKey) -> Explanation | None:
    """A run of which there is only the request that asks for it."""
    entry = await last_request(bus.log, key.run)
    if entry is None or isinstance(entry.content, Malformed):
        return None
    request = entry.content
    if not isinstance(request.data, StartRun):
        return None
    refusal = await _rejection(bus, entry)
    around = Surroundings(now=_now(), templates={}, has_executor=await _has_executor(bus))
    return not_admitted(key.run.run, request.data.task.name, request.time, refusal, around)


async def _rejection(bus: Bus, request: Entry) -> str:
    """Why a request was set aside; empty when it was not, or for who may not see what is."""
    refusal = ""
    try:
        async with aclosing(bus.log.read(REJECTED, REJECTED.subjects[0])) as entries:
            async for rejected in entries:
                data = None if isinstance(rejected.content, Malformed) else rejected.content.data
                if isinstance(data, MessageRejected) and data.sequence == request.sequence:
                    refusal = data.reason if data.message_subject == request.subject else refusal
    except NotAllowed:
        pass
    return refusal


async def _surroundings(bus: Bus, key: ActionKey, record: RunRecord) -> Surroundings:
    now = _now()
    if record.state(key.action).is_terminal:
        wanted = (key.action, *path_to_cause(record, key.action))
        return Surroundings(now=now, templates=await _templates(bus, key.run, record, wanted))
    alive = [name for name, state in record.fold.actions.items() if state.is_live]
    new = [name for name in alive if _is_new(record, name)]
    templates = await _templates(bus, key.run, record, (key.action, *new))
    return Surroundings(
        now=now,
        templates=templates,
        waiting_elsewhere=await _waiting_elsewhere(bus, key.run) if slot_queue(record) else None,
        computing=await _computing(bus, key.run, record, new, templates),
        has_executor=await _has_executor(bus) if new else None,
    )


def _is_new(record: RunRecord, action: str) -> bool:
    state = record.state(action)
    return state.phase is ActionPhase.QUEUED and state.attempt == 0


async def _templates(
    bus: Bus, run: RunKey, record: RunRecord, actions: tuple[str, ...]
) -> dict[TaskReference, TaskTemplate]:
    """The templates of the tasks of these actions, as far as the log has them."""
    requests = [record.state(action).requested for action in actions]
    found: dict[TaskReference, TaskTemplate] = {}
    for task in dict.fromkeys(request.task for request in requests if request is not None):
        template = await find_task(bus.log, run.project, run.domain, task)
        if template is not None:
            found[task] = template
    return found


async def _computing(
    bus: Bus,
    run: RunKey,
    record: RunRecord,
    actions: list[str],
    templates: dict[TaskReference, TaskTemplate],
) -> dict[str, str]:
    """Of actions whose results others compute just now: who."""
    root = record.fold.root.requested
    scope = ((root.settings if root else None) or RunSettings()).cache_scope or GLOBAL
    found = {}
    for action in actions:
        requested = record.state(action).requested
        template = templates.get(requested.task) if requested else None
        if requested is None or template is None:
            continue
        rule = template.overridden(requested.overrides).policies.cache
        if rule.behavior == "disable" or not rule.serialize:
            continue
        key = run.action(action)
        digest = cache_key(template.name, template.interface, rule, requested.inputs)
        places = bucket_keys(key, digest)
        for place in dict.fromkeys((places[scope], places[PLACE])):  # an executor may keep to the narrower
            holder = await _holder(bus, place)
            if holder and holder != str(key):
                found[action] = holder
    return found


async def _holder(bus: Bus, place: str) -> str:
    """Who computes the result of a place in the cache; empty: nobody, or not for everybody to see."""
    try:
        entry = await bus.bucket(CACHE_BUCKET).get(reservation_key(place))
    except NotAllowed:
        return ""
    return entry.value.decode(errors="replace") if entry and entry.value else ""


async def _waiting_elsewhere(bus: Bus, run: RunKey) -> int | None:
    """How many actions of other runs of the project and domain wait for a slot; None when nobody tells."""
    question = ListRuns(project=run.project, domain=run.domain, in_phase=_ALIVE, limit=MAX_RUNS + 1)
    try:
        runs = (await bus.ask(LIST_RUNS, question, timeout_s=ANSWER_S)).runs
    except (NoAnswer, Refusal):
        return None
    number = 0
    for summary in runs:
        if summary.name != run.run:
            fold = await read_run(bus.log, RunKey(run.project, run.domain, summary.name))
            number += sum(
                state.phase is ActionPhase.WAITING_FOR_RESOURCES and not fold.has_children(name)
                for name, state in fold.actions.items()
            )
    return number


async def _has_executor(bus: Bus) -> bool:
    try:
        await bus.ask(ping_endpoint("executor"), Ping(), timeout_s=ANSWER_S)
    except (NoAnswer, Refusal):
        return False
    return True


async def _last_lines(bus: Bus, key: ActionKey, found: Explanation) -> tuple[str, ...]:
    """The last lines that the last attempt at the cause has printed, when it failed."""
    if found.failure is None or not found.attempts:
        return ()
    number = found.attempts[-1].number
    last = await bus.log.last(LOGS, log_subject(key))
    if last is None or isinstance(last.content, Malformed) or not isinstance(last.content.data, LogWritten):
        return ()
    chunk = last.content.data
    if chunk.attempt != number:
        return ()
    if chunk.offset <= MAX_LOG_BYTES:
        lines = [line.text for line in await kept_lines(bus, key, number)]
    else:
        lines = "".join(segment.text for segment in chunk.segments).splitlines()
    return tuple(lines[-LOG_LINES:])


def _now() -> datetime:
    return datetime.now(UTC)
