"""What browsers and strangers are told: refusals, security, validators, outages."""

import asyncio
import gzip
import urllib.request
from pathlib import Path

import pytest

from flyte_bus.listening import PortTaken
from flyte_bus.meter import Meter
from flyte_console.http.assets import FOR_EVER, load_assets
from flyte_console.http.server import ConsoleServer
from flyte_console.measures import Measures
from flyte_console.settings import ConsoleSettings, from_environment
from testkit.console import ALIVE, DONE, World


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/runs?limit=0", 400, "limit is '0': give a whole number from 1 to 500"),
        ("/runs?limit=1&limit=2", 400, "limit is given 2 times"),
        ("/runs?phase=done", 400, "there is no phase 'done'"),
        ("/runs?colour=red", 400, "there is no parameter 'colour'"),
        ("/runs?task=no-dot", 400, "ENVIRONMENT.FUNCTION"),
        ("/runs?label=team", 400, "KEY=VALUE"),
        ("/runs?created_after=today", 400, "give a time like"),
        ("/runs?version=-", 400, "cannot be a version"),
        ("/runs?cursor=zzz", 400, "cursor"),
        (f"/runs?q={'x' * 1001}", 400, "longer than 1000 characters"),
        ("/runs/a.b", 400, "cannot be the name of a run"),
        ("/runs/*/actions", 400, "cannot be the name of a run"),
        ("/runs/%3E/stream", 400, "cannot be the name of a run"),
        ("/tasks/nodot", 400, "ENVIRONMENT.FUNCTION"),
        ("/runs/nope", 404, "no run 'nope'"),
        ("/runs/nope/actions", 404, "no run 'nope'"),
        ("/runs/nope/stream", 404, "no run 'nope'"),
        ("/runs/nope/stream?after=7", 404, "no run 'nope'"),
        ("/runs/nope/logs", 404, "no run 'nope'"),
        ("/runs/nope/logs/stream", 404, "no run 'nope'"),
        ("/runs/nope/events", 404, "no run 'nope'"),
        ("/runs/nope/explanation", 404, "no run 'nope'"),
        ("/runs/nope/report", 404, "no run 'nope'"),
        (f"/runs/{DONE.run}/actions/a9", 404, "no action 'a9'"),
        (f"/runs/{DONE.run}/logs?action=a9", 404, "no action 'a9'"),
        (f"/runs/{DONE.run}/report", 404, "action a0 has no report"),
        (f"/runs/{DONE.run}/report?action=a1&attempt=2", 404, "attempt 2"),
        (f"/runs/{DONE.run}/actions/a1/object?uri=flyte://artifacts/x", 404, "no value of action a1"),
        (f"/runs/{DONE.run}/actions/a1/object", 400, "uri is missing: say which object"),
        ("/tasks/my_env.my_tusk", 404, "no task my_env.my_tusk"),
        ("/tasks/my_env.my_task/versions/v9", 404, "has no version 'v9'"),
        ("/nowhere", 404, "there is no"),
    ],
)
async def test_a_refusal_is_one_sentence(world: World, path: str, status: int, words: str) -> None:
    problem = await world.get(path, status)
    assert set(problem) == {"code", "message", "hint"}
    assert words in problem["message"]
    assert "\n" not in problem["message"]


async def test_nothing_but_get_and_head_is_taken(world: World) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        async with world.http.request(method, world.place("/runs")) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    for path in ("/runs", f"/runs/{ALIVE.run}/stream"):
        async with world.http.head(world.place(path)) as response:
            assert (response.status, await response.read()) == (200, b"")


async def test_who_calls_it_by_a_strange_name_is_refused(world: World) -> None:
    problem = await world.get("/runs", 403, Host="evil.example:80")
    assert problem["code"] == "UnknownHost"
    for name in ("localhost:1", "127.0.0.1", "LOCALHOST", "[::1]:9"):
        await world.get("/runs", Host=name)


async def test_every_answer_says_what_a_browser_must_not_do(world: World) -> None:
    for path in ("/runs", "/runs/nope", f"/runs/{ALIVE.run}/stream"):
        async with world.http.get(world.place(path)) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_report_is_shown_in_a_sandbox(world: World) -> None:
    async with world.http.get(world.place(f"/runs/{DONE.run}/report?action=a1")) as response:
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox allow-scripts; default-src 'none'")
        assert "allow-same-origin" not in policy
        assert "connect-src" not in policy


async def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    for path in (f"/runs/{DONE.run}/actions", "/runs", f"/runs/{DONE.run}/actions/a1"):
        async with world.http.get(world.place(path)) as response:
            assert response.headers.get("Content-Encoding") in (None, "gzip")
            etag = response.headers["ETag"]
        async with world.http.get(world.place(path), headers={"If-None-Match": etag}) as response:
            assert (response.status, await response.read()) == (304, b"")
        async with world.http.get(world.place(path), headers={"If-None-Match": '"other"'}) as response:
            assert response.status == 200


async def test_without_gzip_the_bytes_are_the_same(world: World) -> None:
    path = world.place(f"/runs/{DONE.run}/actions/a1")
    async with world.http.get(path, headers={"Accept-Encoding": "identity"}) as plain:
        body, tag = await plain.read(), plain.headers["ETag"]
        assert "Content-Encoding" not in plain.headers
    request = urllib.request.Request(path, headers={"Accept-Encoding": "gzip"})

    def fetch() -> tuple[bytes, str]:
        with urllib.request.urlopen(request) as answer:
            return answer.read(), answer.headers["ETag"]

    zipped, other = await asyncio.to_thread(fetch)
    assert gzip.decompress(zipped) == body
    assert tag != other, "other bytes have another validator"


async def test_a_bus_that_is_away_is_said(world: World) -> None:
    world.server.stop()
    try:
        async with world.http.get(world.place("/runs")) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "2")
        async with world.http.get(f"{world.console.url}/api/v1/about") as response:
            assert (await response.json())["nats"] == "away"
    finally:
        world.server.start()
    await world.get("/runs")


async def test_a_port_that_is_taken_is_said(world: World) -> None:
    port = int(world.console.url.rpartition(":")[2])
    with pytest.raises(PortTaken, match=f"cannot listen on 127.0.0.1:{port}.*FLYTE_CONSOLE_PORT"):
        await ConsoleServer.start([], ConsoleSettings(port=port), Measures(Meter()))


def test_files_of_the_page_are_held_with_how_long_they_last(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>" * 100)
    (tmp_path / "app-8f3a9c21.js").write_text("1;" * 100)
    (tmp_path / ".hidden").write_text("no")
    assets = load_assets(tmp_path)
    assert set(assets) == {"index.html", "app-8f3a9c21.js"}
    assert assets["app-8f3a9c21.js"].cache == FOR_EVER
    assert assets["index.html"].cache == "no-cache"
    assert assets["index.html"].content_type == "text/html; charset=utf-8"


class TestSettings:
    """What the environment says."""

    def test_they_name_the_variable_that_cannot_be(self) -> None:
        with pytest.raises(ValueError, match="FLYTE_CONSOLE_PORT is 'x'"):
            from_environment({"FLYTE_CONSOLE_PORT": "x"})
        with pytest.raises(ValueError, match="FLYTE_CONSOLE_PUBLIC_URL"):
            from_environment({"FLYTE_CONSOLE_PUBLIC_URL": "flyte.example"})

    def test_on_this_machine_it_goes_by_this_machines_names(self) -> None:
        assert from_environment({}).hosts() == {"localhost", "127.0.0.1", "[::1]"}

    def test_for_others_it_goes_by_any_name_unless_names_are_said(self) -> None:
        assert from_environment({"FLYTE_CONSOLE_HOST": "0.0.0.0"}).hosts() is None
        said = {"FLYTE_CONSOLE_HOST": "0.0.0.0", "FLYTE_CONSOLE_ALLOWED_HOSTS": "Flyte.example, other"}
        assert from_environment(said).hosts() == {"flyte.example", "other"}

    def test_its_own_address_is_a_name_of_it(self) -> None:
        hosts = from_environment({"FLYTE_CONSOLE_PUBLIC_URL": "https://flyte.example/"}).hosts()
        assert hosts is not None
        assert "flyte.example" in hosts
