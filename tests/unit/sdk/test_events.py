"""`flyte.remote.events` on a control plane in memory: typed, filtered, gone on with, in either loop."""

from datetime import UTC, datetime, timedelta

import pytest

import flyte.remote
from flyte import _session, errors
from flyte._client.client import Client
from flyte._client.events import phase_names, type_names
from flyte._config import ClientConfig
from flyte._syncify import await_on
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_schemas.events import ActionFailed, ActionRequested
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey
from testkit.many_runs import story_of

STORIES = [story_of(RunKey("p", "d", f"r{number}"), number) for number in range(3)]
EVERYTHING = [one.id for story in STORIES for one in story]


@pytest.fixture
async def stack(monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    """A log with three runs of one project."""
    client = Client(ClientConfig(endpoint="memory", project="p", domain="d"))
    monkeypatch.setattr(_session, "client", lambda: client)

    async def make() -> MemoryBus:  # on the client's loop, as a connection is
        bus = MemoryBus(MemoryServer())
        await bus.provision()
        for story in STORIES:
            for one in story:
                await bus.log.append(one)
        return bus

    bus = await await_on(make())

    async def connected() -> MemoryBus:
        return bus

    monkeypatch.setattr(client, "bus", connected)
    return bus


def test_a_plain_loop_gives_typed_events(stack: MemoryBus) -> None:
    told = list(flyte.remote.events(follow=False))
    assert [one.id for one in told] == EVERYTHING
    first = told[0]
    assert isinstance(first, flyte.remote.StreamEvent)
    assert isinstance(first.data, ActionRequested)
    assert (first.sequence, first.run, first.action, first.phase) == (1, "r0", "a0", ActionPhase.QUEUED)
    assert (first.type, first.subject) == ("flyte.action.requested.v1", "flyte.run.p.d.r0.a0")
    with pytest.raises(AttributeError):
        first.sequence = 2  # type: ignore[misc]


async def test_an_awaited_loop_goes_on_after_a_cursor_and_then_lives_on(stack: MemoryBus) -> None:
    seen: list[str] = []
    async for one in flyte.remote.events(follow=False):
        seen.append(one.id)
        if len(seen) == 30:
            cursor = one.cursor
            break
    late = story_of(RunKey("p", "d", "late"), 9)
    async for one in flyte.remote.events(after=cursor):
        seen.append(one.id)
        if len(seen) == len(EVERYTHING):
            await await_on(stack.log.append(late[0]))
        if len(seen) > len(EVERYTHING):
            break
    assert seen == [*EVERYTHING, late[0].id]


async def test_what_is_followed_of_a_run_ends_with_it(stack: MemoryBus) -> None:
    told = [one async for one in flyte.remote.events(run="flyte://p/d/runs/r1")]
    assert [one.id for one in told] == [one.id for one in STORIES[1]]
    half = [one async for one in flyte.remote.events.aio(run="r1", after=told[9].sequence)]
    assert half == told[10:]
    failed = flyte.remote.events(run="r1", types=ActionFailed)
    assert [one.data for one in failed] == [one.data for one in told if isinstance(one.data, ActionFailed)]


def test_a_time_says_where_to_begin(stack: MemoryBus) -> None:
    everything = flyte.remote.events(follow=False, since=timedelta(hours=1))
    assert [one.id for one in everything] == EVERYTHING
    assert list(flyte.remote.events(follow=False, since=datetime.now(UTC))) == []


def test_another_project_has_events_of_its_own(stack: MemoryBus) -> None:
    assert list(flyte.remote.events(project="q", follow=False)) == []
    assert len(list(flyte.remote.events(all_projects=True, follow=False))) == len(EVERYTHING)


def test_names_of_types_are_short_or_whole_or_the_class() -> None:
    whole = frozenset({"flyte.action.failed.v1"})
    for given in ("action.failed", "flyte.action.failed.v1", "ActionFailed", ActionFailed, [ActionFailed]):
        assert type_names(given) == whole
    assert phase_names(["FAILED", ActionPhase.TIMED_OUT]) == {ActionPhase.FAILED, ActionPhase.TIMED_OUT}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"types": "action.faild"},
            "no event type 'action.faild' in the stream: did you mean 'action.failed'",
        ),
        ({"types": ["failed"]}, "did you mean 'attempt.failed' or 'action.failed' or 'trace.failed'?"),
        ({"types": "log.written"}, "no event type 'log.written' in the stream"),
        ({"phases": "faild"}, "no phase 'faild': did you mean 'failed'?"),
        ({"after": "yesterday"}, "'yesterday' is no cursor"),
        ({"after": 10_000}, "lies beyond the end of the log"),
        ({"after": 1, "since": timedelta(1)}, "both say where to begin"),
        ({"run": "r1", "types": "task.deployed"}, "belong to no run and have no phase"),
        ({"run": "r1", "all_projects": True}, "leave one out"),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(
    stack: MemoryBus, asked: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError) as caught:
        list(flyte.remote.events(**asked, follow=False))  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_is_no_time_to_begin_at(stack: MemoryBus) -> None:
    with pytest.raises(TypeError, match="since is a datetime, or a timedelta of how long ago, not '10m'"):
        list(flyte.remote.events(since="10m", follow=False))  # type: ignore[arg-type]


def test_a_run_that_the_log_does_not_have_is_told_of(stack: MemoryBus) -> None:
    with pytest.raises(errors.RuntimeUserError, match="the log has no run 'nope' in p/d"):
        list(flyte.remote.events(run="nope", follow=False))
