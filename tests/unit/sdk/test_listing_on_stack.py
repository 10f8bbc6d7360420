"""What `flyte.remote` lists of a stack: page by page, each thing with its place in the log."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import flyte
from flyte import _session, errors
from flyte._client.client import Client
from flyte._config import ClientConfig
from flyte_schemas.endpoints import Endpoint
from flyte_schemas.events import ActionRequested, AttemptStarted, AttemptSucceeded
from flyte_schemas.streams import LOGS, RUNS, TASKS
from flyte_schemas.subjects import action_subject
from testkit.cases.harness import take
from testkit.plane import KEY, TASK, Plane
from testkit.registry import registry
from testkit.tasks import deploy, template

PAGE = 2


@pytest.fixture
async def stack(plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plane]:
    """Five runs, three tasks, and a registry that lists two at a time."""
    client = Client(ClientConfig(endpoint="memory", project="p", domain="d"))
    monkeypatch.setattr(client, "bus", plane.bus)
    monkeypatch.setattr(_session, "client", lambda: client)
    async with registry(plane.theirs, tmp_path / "registry", max_listed=PAGE):
        for number in range(5):
            key = KEY._replace(run=f"r{number}")
            await plane.say(action_subject(key.action("a0")), ActionRequested(task=TASK))
        for name in ("env.a", "env.b", "env.c"):
            await plane.theirs.log.append(deploy(template(name), project="p", domain="d"))
        await take(plane.theirs.log.follow(TASKS, "flyte.task.>"), 3)
        yield plane


async def test_a_listing_goes_over_as_many_pages_as_it_takes(stack: Plane) -> None:
    runs = [run async for run in flyte.remote.Run.listall.aio()]
    assert [run.name for run in runs] == ["r4", "r3", "r2", "r1", "r0"]
    assert {run.as_of for run in runs} == {5}
    some = [run.name async for run in flyte.remote.Run.listall.aio(limit=3, sort_by=("created_at", "asc"))]
    assert some == ["r0", "r1", "r2"]
    tasks = [task async for task in flyte.remote.Task.listall.aio()]
    assert sorted(task.name for task in tasks) == ["env.a", "env.b", "env.c"]
    assert {task.as_of for task in tasks} == {3}
    assert tasks[0].to_dict()["as_of"] == 3


async def test_who_stops_early_asks_for_no_more_pages(stack: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = [], stack.mine.ask

    async def noted(endpoint: Endpoint[Any, Any], *rest: Any, **more: Any) -> Any:
        asked.append(endpoint)
        return await ask(endpoint, *rest, **more)

    monkeypatch.setattr(stack.mine, "ask", noted)
    async for run in flyte.remote.Run.listall.aio():
        if run.name == "r3":
            break
    assert len(asked) == 1


async def test_projects_are_listed_with_what_the_log_has_of_them(stack: Plane) -> None:
    found = {project.id: project async for project in flyte.remote.Project.listall.aio()}
    assert found["p"].domains == {"d": {"tasks": 3, "runs": 5}}
    assert (found["p"].as_of, found["p"].state) == (5, "active")
    await flyte.remote.Project.create.aio("garden", description="of tasks")
    assert (await flyte.remote.Project.get.aio("garden")).domains == {}
    with pytest.raises(errors.RuntimeUserError, match="there is no project 'nope'"):
        await flyte.remote.Project.get.aio("nope")
    archived = await flyte.remote.Project.update.aio("p", state="archived")
    assert (archived.state, archived.domains) == ("archived", found["p"].domains)
    assert [one.id async for one in flyte.remote.Project.listall.aio(archived=True)] == ["p"]


async def test_what_is_looked_at_says_up_to_where_the_log_was_read(stack: Plane) -> None:
    before = await stack.mine.log.last_sequence(RUNS)
    run = await flyte.remote.Run.get.aio("r1")
    assert run.as_of == (await run.details.aio()).as_of == before
    await stack.happen(AttemptStarted(attempt=1, worker="w"))
    await stack.happen(AttemptSucceeded(attempt=1))
    (action,) = [one async for one in flyte.remote.Action.listall.aio("r1")]
    assert action.as_of == (await action.details.aio()).as_of == before + 2
    assert (await action.details.aio()).to_dict() == action.seen.to_dict()
    assert action.seen.to_dict()["as_of"] == before + 2
    happened, as_of = await run.events_as_of()
    assert [one.sequence for one in happened] == [2, before + 1, before + 2]
    assert as_of == before + 2
    await stack.write("one\ntwo\n")
    lines, end = await action.lines_as_of()
    assert ([line.text for line in lines], end) == (["one", "two"], await stack.mine.log.last_sequence(LOGS))
