"""Every answer is what the OpenAPI document says of it, and says what the log does."""

import re
from typing import Any

from flyte_console.answers.actions import ActionRow
from flyte_console.core.rows import COLUMNS
from flyte_console.routes import BytesRoute, JsonRoute, StreamRoute
from testkit.console import ALIVE, ASKED, DOMAIN, DONE, KNOWN, LARGE, PROJECT, REPORT, TASK, World


def address(path: str) -> str:
    """A route's path, for what the world has."""
    return re.sub(r"\{(\w+)\}", lambda name: KNOWN[name[1]], path)


async def test_the_document_has_every_route_and_every_answer_is_as_it_says(world: World) -> None:
    document = await (await world.http.get(f"{world.console.url}/api/openapi.json")).json()
    assert set(document["paths"]) == {route.path for route in world.console.routes}
    assert len(document["paths"]) > 15
    for route in world.console.routes:
        operation = document["paths"][route.path]["get"]
        told = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
        assert told == {parameter.name for parameter in route.parameters}
        match route:
            case JsonRoute(model=model):
                async with world.http.get(world.console.url + address(route.path)) as response:
                    body = await response.read()
                    assert response.status == 200, (route.path, body)
                    assert response.headers["Content-Type"] == "application/json"
                if model is not None:
                    model.model_validate_json(body)
                    content = operation["responses"]["200"]["content"]["application/json"]
                    assert content["schema"]["$ref"].endswith(f"/{model.__name__}")
                    assert model.__name__ in document["components"]["schemas"]
            case StreamRoute(models=models):
                kinds = operation["responses"]["200"]["content"]["text/event-stream"]["x-data"]["anyOf"]
                assert {kind["$ref"].rpartition("/")[2] for kind in kinds} == {
                    model.__name__ for model in models.values()
                }
            case BytesRoute():
                query = {"action": "a1"} if route.path.endswith("report") else {"uri": world.uri}
                where = address(route.path).replace("/a1/", "/a0/")
                async with world.http.get(world.console.url + where, params=query) as response:
                    assert response.status == 200, await response.text()
                    assert response.content_type == route.content_type


async def test_references_of_the_document_lead_somewhere(world: World) -> None:
    document = await (await world.http.get(f"{world.console.url}/api/openapi.json")).json()

    def references(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*map(references, part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    names = {one.removeprefix("#/components/schemas/") for one in references(document)}
    assert names <= set(document["components"]["schemas"])


def test_a_row_is_an_action_in_the_order_of_its_columns() -> None:
    assert tuple(ActionRow.model_fields) == COLUMNS


async def test_runs_are_listed_counted_and_filtered(world: World) -> None:
    everything = await world.get("/runs")
    assert [run["name"] for run in everything["runs"]] == [ALIVE.run, DONE.run]
    assert everything["counts"] == {"running": 1, "failed": 1}
    assert everything["runs"][1]["failure"] == {"code": "ValueError", "message": "no"}
    for question in ("phase=failed", "user=ann", "label=team=arms", "q=DONE", "phase=failed&phase=aborted"):
        assert [run["name"] for run in (await world.get(f"/runs?{question}"))["runs"]] == [DONE.run]
    for question in ("task=my_env.other", "version=v2", "created_after=2100-01-01T00:00:00Z"):
        assert (await world.get(f"/runs?{question}"))["runs"] == []


async def test_runs_come_in_pages(world: World) -> None:
    first = await world.get("/runs?limit=1")
    assert [run["name"] for run in first["runs"]] == [ALIVE.run]
    second = await world.get(f"/runs?limit=1&cursor={first['next']}")
    assert ([run["name"] for run in second["runs"]], second["next"]) == ([DONE.run], None)


async def test_a_run_is_shown_with_its_values_and_why_it_failed(world: World) -> None:
    run = (await world.get(f"/runs/{DONE.run}"))["run"]
    assert run["inputs"]["small"] == {"kind": "inline", "value": [1, {"two": None}]}
    assert run["inputs"]["large"]["size_bytes"] == len(LARGE)
    assert (run["phase"], run["actions"], run["requested_by"]) == ("failed", 2, "ann")
    async with world.http.get(world.console.url + run["inputs"]["large"]["href"]) as response:
        assert await response.read() == LARGE
        assert response.headers["Content-Disposition"].startswith("attachment")


async def test_a_run_that_nobody_has_admitted_is_queued(world: World) -> None:
    run = (await world.get(f"/runs/{ASKED.run}"))["run"]
    assert (run["phase"], run["actions"], run["requested_by"]) == ("queued", 0, "cy")
    assert (await world.get(f"/runs/{ASKED.run}/actions"))["rows"] == []
    assert (await world.get(f"/runs/{ASKED.run}/events"))["events"] == []
    assert (await world.get(f"/runs/{ASKED.run}/logs"))["lines"] == []
    assert (
        "executor" in (await world.get(f"/runs/{ASKED.run}/explanation"))["explanation"]["waits"][0]["text"]
    )


async def test_an_action_is_shown_with_its_attempts(world: World) -> None:
    action = (await world.get(f"/runs/{DONE.run}/actions/a1"))["action"]
    assert action["row"]["group"] == "squares"
    assert action["failure"]["traceback"] == "line 1\n"
    assert [attempt["log_bytes"] for attempt in action["attempts"]] == [18]
    assert action["template"]["name"] == TASK.name
    async with world.http.get(world.console.url + action["reports"][0]["href"]) as response:
        assert await response.read() == REPORT


async def test_events_are_told_in_a_line_and_in_pages(world: World) -> None:
    page = await world.get(f"/runs/{DONE.run}/events?limit=2")
    assert [one["text"] for one in page["events"]] == [
        "requested by ann: my_env.my_task:v1",
        "queued attempt 1 on process",
    ]
    assert page["events"][0]["event"]["data"]["requested_by"] == "ann"
    rest = await world.get(f"/runs/{DONE.run}/events?after={page['next']}")
    assert (len(rest["events"]), rest["next"]) == (9, None)
    assert len((await world.get(f"/runs/{DONE.run}/events?action=a1"))["events"]) == 6


async def test_output_is_told_in_lines_and_in_pages(world: World) -> None:
    whole = await world.get(f"/runs/{DONE.run}/logs")
    assert [(one["text"], one["partial"]) for one in whole["lines"]] == [
        ("one", False),
        ("two", False),
        ("three", False),
        ("rest", True),
    ]
    page = await world.get(f"/runs/{DONE.run}/logs?action=a1&limit=1")
    assert [one["text"] for one in page["lines"]] == ["one", "two"]
    for _ in range(2):  # the second time nobody has just left this place
        rest = await world.get(f"/runs/{DONE.run}/logs?action=a1&after={page['next']}")
        assert [one["text"] for one in rest["lines"]] == ["three", "rest"]
        assert rest["next"] is None
    assert (await world.get(f"/runs/{DONE.run}/logs?action=a1&attempt=2"))["lines"] == []


async def test_tasks_and_projects_are_listed(world: World) -> None:
    tasks = await world.get("/tasks?q=MY_T")
    assert [(one["name"], one["version"]) for one in tasks["tasks"]] == [(TASK.name, TASK.version)]
    assert (await world.get(f"/tasks/{TASK.name}"))["versions"][0]["version"] == TASK.version
    version = await world.get(f"/tasks/{TASK.name}/versions/{TASK.version}")
    assert version["task"]["template"]["source"]["file"] == "my_example.py"
    async with world.http.get(f"{world.console.url}/api/v1/projects") as response:
        (project,) = (await response.json())["projects"]
    assert (project["id"], project["domains"]) == (PROJECT, [{"name": DOMAIN, "tasks": 1, "runs": 2}])
