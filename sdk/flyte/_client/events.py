"""The public stream: what happens to tasks and runs, typed, from any place on."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from flyte._binding import did_you_mean
from flyte._client.filters import Phases
from flyte._client.runs import parse_run, run_not_found
from flyte._client.trouble import translated
from flyte._config import ClientConfig
from flyte._streams import Streams
from flyte_bus.ports import EventLog
from flyte_bus.subscription import Interest, StreamEvent, Subscription, before_the_last, cursor_at, whole
from flyte_schemas.channels import SUBSCRIBED_TYPES
from flyte_schemas.cursor import Cursor, parse_cursor
from flyte_schemas.events import EventData
from flyte_schemas.phase import ActionPhase

TypeName = str | type[EventData]
"""An event type: `flyte.action.failed.v1`, `action.failed`, `ActionFailed`, or the class itself."""


async def _events(
    project: str | None = None,
    domain: str | None = None,
    run: str | None = None,
    types: TypeName | Iterable[TypeName] = (),
    phases: Phases = None,
    after: str | int | None = None,
    since: datetime | timedelta | None = None,
    follow: bool = True,
    all_projects: bool = False,
) -> AsyncGenerator[StreamEvent]:
    """What has happened to tasks and runs, and then what happens: for `for` and for `async for`.

    It begins after the cursor `after` (an event's `cursor`, or a sequence), at the time `since` (or so long
    ago), else with the first event of the log. With `follow` it goes on for ever, or until `run` (a name or a
    URL) is over; outages are waited out. `types` and `phases` (in which an event leaves its action) say which
    events are wanted.

    Keep an event's `cursor` together with what you make of the event, and give it as `after` when you begin
    again: then nothing is missed, and what comes again has the same `id`. Raises ValueError for what there is
    not, RuntimeUserError (`RunNotFound`) for a run that the log does not have, unless it is followed.
    """
    from flyte import _session

    client = _session.client()
    interest = interest_in(client.config, project, domain, run, types, phases, all_projects=all_projects)
    with translated():
        log = (await client.bus()).log
        reading = Subscription(log, interest, await start(log, interest, after, since))
        async with aclosing(told(reading, follow=follow)) as coming:
            async for event in coming:
                yield event


events = Streams(_events)


async def told(reading: Subscription, *, follow: bool) -> AsyncGenerator[StreamEvent]:
    """What was and what comes. Raises RuntimeUserError (`RunNotFound`)."""
    async with aclosing(reading.past()) as past:
        async for event in past:
            yield event
    if not follow:
        if (run := reading.missing_run) is not None:
            raise run_not_found(run)
        return
    async with aclosing(reading.coming()) as coming:
        async for event in coming:
            yield event


def interest_in(
    config: ClientConfig,
    project: str | None,
    domain: str | None,
    run: str | None,
    types: TypeName | Iterable[TypeName],
    phases: Phases,
    *,
    all_projects: bool,
) -> Interest:
    """What is wanted, checked. Raises ValueError with one sentence."""
    if all_projects:
        if project or run:
            raise ValueError("all projects are asked for, and a project or a run as well: leave one out")
        project, domain = "*", domain or "*"
    project, domain = project or config.project, domain or config.domain
    if run is not None:
        key = parse_run(run, project, domain)
        project, domain, run = key.project, key.domain, key.run
    interest = Interest(
        project=project, domain=domain, run=run, types=type_names(types), phases=phase_names(phases)
    )
    if not interest.is_possible:
        raise ValueError(
            "events of deployed tasks belong to no run and have no phase: leave out these types, or the rest"
        )
    return interest


async def start(
    log: EventLog,
    interest: Interest,
    after: str | int | None,
    since: datetime | timedelta | None,
    last: int | None = None,
) -> Cursor:
    """Where to begin: after a cursor, at a time, before the `last` so many, else before all.

    Raises ValueError for a cursor that is none of this log.
    """
    if after is not None and since is not None:
        raise ValueError("after and since both say where to begin: give one of them")
    if after is not None:
        return await whole(log, parse_cursor(str(after)))
    begin = Cursor()
    if since is not None:
        begin = await cursor_at(log, _moment(since))
    if last is not None:
        late = await before_the_last(log, interest, last)
        begin = Cursor(max(begin.runs, late.runs), max(begin.tasks or 0, late.tasks or 0))
    return begin


def _moment(since: datetime | timedelta) -> datetime:
    if not isinstance(since, datetime | timedelta):
        raise TypeError(f"since is a datetime, or a timedelta of how long ago, not {since!r}")
    if isinstance(since, timedelta):
        return datetime.now(UTC) - since
    return since if since.tzinfo else since.astimezone()


def type_names(given: TypeName | Iterable[TypeName]) -> frozenset[str]:
    """The full names of event types. Raises ValueError with the nearest ones."""
    several = [given] if isinstance(given, str | type) else given
    return frozenset(_type_name(one) for one in several)


def _type_name(given: TypeName) -> str:
    text = given if isinstance(given, str) else given.__name__
    for data in SUBSCRIBED_TYPES:
        if text in (data.TYPE, short_name(data), data.__name__):
            return data.TYPE
    known = [short_name(data) for data in SUBSCRIBED_TYPES]
    near = [name for name in known if text in name.split(".")]
    meant = ": did you mean " + " or ".join(map(repr, near)) + "?" if near else did_you_mean(text, known)
    raise ValueError(f"there is no event type {text!r} in the stream{meant}")


def short_name(data: type[EventData]) -> str:
    """`action.failed` of `flyte.action.failed.v1`."""
    return data.TYPE.removeprefix("flyte.").rpartition(".")[0]


def phase_names(given: Phases) -> frozenset[ActionPhase]:
    """The phases that are meant. Raises ValueError with the nearest ones."""
    several = [given] if isinstance(given, str) else given or []
    known = [phase.value for phase in ActionPhase]
    for one in several:
        if one.lower() not in known:
            raise ValueError(f"there is no phase {str(one)!r}{did_you_mean(one.lower(), known)}")
    return frozenset(ActionPhase(one.lower()) for one in several)
