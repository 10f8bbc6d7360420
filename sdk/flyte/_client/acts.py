"""Who did what: requests, and what became of each, out of the log.

REQUESTS has them for a week, with who asked in the subject. What was accepted says so itself for as long as
the log lasts: an event names the user, and the request as its cause.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from flyte_bus.errors import NotAllowed
from flyte_bus.ports import Bus, Entry
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import (
    AbortAction,
    ActionAborted,
    ActionRequested,
    ConditionSignalled,
    DeployTask,
    MessageRejected,
    RunSettings,
    SignalCondition,
    StartRun,
    TaskDeployed,
    TaskDeployRejected,
)
from flyte_schemas.imported import RunImported
from flyte_schemas.streams import REJECTED, REQUESTS, RUNS, TASKS, TRIGGERS, StreamSpec
from flyte_schemas.subjects import parse_action, parse_request, parse_task
from flyte_schemas.trigger_events import (
    CreateTrigger,
    DeleteTrigger,
    DeployTriggers,
    SwitchTrigger,
    TriggerCreated,
    TriggerDeleted,
    TriggerRefused,
    TriggersDeployed,
    TriggerSwitched,
)

Verb = Literal["run", "abort", "signal", "deploy", "trigger", "import"]
VERBS: tuple[Verb, ...] = ("run", "abort", "signal", "deploy", "trigger", "import")

Outcome = Literal["accepted", "refused", "open"]
"""`open`: nothing in the log answers it; either nobody has taken it yet, or there was nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that somebody asked for. `name` is what it was about: a run, a run and action, or a task.

    `why` is the reason of an abort, the answer to a condition, or why it was refused. `request` is its id;
    `sequence` where it stands in REQUESTS, or, when that has forgotten it, where its answer stands.
    """

    time: datetime
    user: str
    verb: Verb
    project: str
    domain: str
    name: str
    outcome: Outcome
    why: str = ""
    on_behalf_of: str = ""
    trigger: str = ""
    request: str = ""
    sequence: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The act as JSON data."""
        return {
            "time": self.time.isoformat(),
            "user": self.user,
            "on_behalf_of": self.on_behalf_of,
            "trigger": self.trigger,
            "verb": self.verb,
            "project": self.project,
            "domain": self.domain,
            "name": self.name,
            "outcome": self.outcome,
            "why": self.why,
            "request": self.request,
            "sequence": self.sequence,
        }


async def read_acts(
    bus: Bus, *, project: str = "*", domain: str = "*", since: datetime | None = None
) -> list[Act]:
    """What was asked for in these places (`*`: all), in the order of time. Raises the bus's errors."""
    answers: dict[str, Act] = {}
    place = f"{project}.{domain}"
    for stream, kind, made in (
        (RUNS, "run", _of_run),
        (TASKS, "task", _of_task),
        (TRIGGERS, "trigger", _of_trigger),
    ):
        async for entry in _since(bus, stream, f"flyte.{kind}.{place}.>", since):
            act = None if isinstance(entry.content, Malformed) else made(entry, entry.content)
            if act is not None:
                answers.setdefault(act.request, act)
    refusals = await _refusals(bus, since)
    acts = []
    async for entry in _since(bus, REQUESTS, f"flyte.req.{place}.>", since):
        if not isinstance(entry.content, Malformed) and (asked := _asked(entry, entry.content)) is not None:
            acts.append(_with_outcome(asked, answers.pop(asked.request, None), refusals.get(entry.sequence)))
    acts += answers.values()
    return sorted((act for act in acts if since is None or act.time >= since), key=_by_time)


def chosen(acts: Iterable[Act], *, user: str | None, verb: str | None) -> list[Act]:
    """Those of a user (also what a service did for him), and of a verb."""
    return [act for act in acts if user in (None, act.user, act.on_behalf_of) and verb in (None, act.verb)]


def _by_time(act: Act) -> tuple[datetime, int]:
    return act.time, act.sequence


async def _since(bus: Bus, stream: StreamSpec, subject: str, since: datetime | None) -> AsyncGenerator[Entry]:
    after = 0 if since is None else await bus.log.sequence_at(stream, since)
    async with aclosing(bus.log.read(stream, subject, after=after)) as found:
        async for entry in found:
            yield entry


async def _refusals(bus: Bus, since: datetime | None) -> dict[int, str]:
    """Why requests were set aside, by their sequence; nothing for those who may not see that."""
    found: dict[int, str] = {}
    try:
        async for entry in _since(bus, REJECTED, REJECTED.subjects[0], since):
            data = None if isinstance(entry.content, Malformed) else entry.content.data
            if isinstance(data, MessageRejected) and data.stream == REQUESTS.name:
                found[data.sequence] = data.reason
    except NotAllowed:
        return {}
    return found


def _with_outcome(asked: Act, answer: Act | None, refusal: str | None) -> Act:
    if refusal is not None:
        return replace(asked, outcome="refused", why=refusal)
    if answer is None:
        return asked
    return replace(asked, outcome=answer.outcome, why=answer.why or asked.why)


def _asked(entry: Entry, event: AnyEvent) -> Act | None:
    """The request in an entry of REQUESTS."""
    place, data = parse_request(entry.subject), event.data
    if place is None or place.verb not in VERBS:
        return None
    settings = data.settings if isinstance(data, StartRun) else None
    user = place.user or getattr(data, "requested_by", "")
    return Act(
        time=event.time,
        user=user,
        verb=place.verb,
        project=place.project,
        domain=place.domain,
        name=_asked_about(place.name, data),
        outcome="open",
        why=_reason(data),
        on_behalf_of=settings.on_behalf_of if settings else "",
        trigger=settings.trigger if settings else "",
        request=event.id,
        sequence=entry.sequence,
    )


def _asked_about(name: str, data: object) -> str:
    match data:
        case AbortAction(action=action) if action != "a0":
            return f"{name}/{action}"
        case SignalCondition(condition=condition):
            return f"{name}/{condition}"
        case DeployTask(version=version, template=template):
            return f"{template.name}:{version}"
        case DeployTriggers(task=task):
            return task
        case CreateTrigger(task=task, trigger=trigger):
            return f"{task}/{trigger.name}"
        case SwitchTrigger(task=task, name=trigger) | DeleteTrigger(task=task, name=trigger):
            return f"{task}/{trigger}"
        case _:
            return name


def _reason(data: object) -> str:
    match data:
        case AbortAction(reason=reason):
            return reason
        case SignalCondition(value=value):
            return str(value)
        case _:
            return ""


def _of_run(entry: Entry, event: AnyEvent) -> Act | None:
    """What an event of RUNS says that somebody asked for."""
    key = parse_action(entry.subject)
    if key is None:
        return None
    about = key.run.run if key.is_root else f"{key.run.run}/{key.action}"
    make = _maker(entry, event, key.run.project, key.run.domain, about)
    match event.data:
        case ActionRequested(parent=None, requested_by=user) as data:
            settings = data.settings or RunSettings()
            act = make("run", user)
            return replace(act, on_behalf_of=settings.on_behalf_of, trigger=settings.trigger)
        case ActionAborted(requested_by=user, reason=reason) if user:
            return make("abort", user, reason)
        case ConditionSignalled(signalled_by=user, value=value):
            return make("signal", user, str(value))
        case RunImported(imported_by=user, origin=origin):
            return replace(make("import", user, f"it happened as {origin}"), request=event.id)
        case _:
            return None


def _of_task(entry: Entry, event: AnyEvent) -> Act | None:
    """What an event of TASKS says that somebody asked for."""
    place = parse_task(entry.subject)
    if place is None:
        return None
    project, domain, task = place
    match event.data:
        case TaskDeployed(version=version, requested_by=user):
            return _maker(entry, event, project, domain, f"{task}:{version}")("deploy", user)
        case TaskDeployRejected(version=version, requested_by=user, failure=failure):
            act = _maker(entry, event, project, domain, f"{task}:{version}")("deploy", user, failure.message)
            return replace(act, outcome="refused")
        case _:
            return None


def _of_trigger(entry: Entry, event: AnyEvent) -> Act | None:
    """What an event of TRIGGERS says that somebody asked for."""
    place = parse_task(entry.subject)
    if place is None:
        return None
    project, domain, task = place
    match event.data:
        case TriggersDeployed(requested_by=user):
            return _maker(entry, event, project, domain, task)("trigger", user)
        case TriggerCreated(requested_by=user, trigger=trigger):
            return _maker(entry, event, project, domain, f"{task}/{trigger.name}")("trigger", user)
        case TriggerSwitched(requested_by=user, name=name) | TriggerDeleted(requested_by=user, name=name):
            return _maker(entry, event, project, domain, f"{task}/{name}")("trigger", user)
        case TriggerRefused(reason=reason):
            act = _maker(entry, event, project, domain, task)("trigger", "", reason)
            return replace(act, outcome="refused")
        case _:
            return None


def _maker(entry: Entry, event: AnyEvent, project: str, domain: str, name: str) -> Callable[..., Act]:
    def make(verb: Verb, user: str, why: str = "") -> Act:
        return Act(
            time=event.time,
            user=user,
            verb=verb,
            project=project,
            domain=domain,
            name=name,
            outcome="accepted",
            why=why,
            request=event.cause or event.id,
            sequence=entry.sequence,
        )

    return make
