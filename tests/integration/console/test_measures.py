"""The console's numbers, as browsers move them."""

import asyncio
import socket
from dataclasses import replace

import pytest

from flyte_console.settings import ConsoleSettings
from testkit.cases.harness import GUARD_S
from testkit.console import ALIVE, DONE, World
from testkit.numbers import Sample, numbers, of

PLACE = "/api/v1/projects/{project}/domains/{domain}"
RUN = f"{PLACE}/runs/{{run}}"
SLOW = of("flyte_console_slow_readers_total")


@pytest.fixture
def limits(limits: ConsoleSettings) -> ConsoleSettings:
    return replace(limits, write_timeout_s=0.2, linger_s=0.0)


async def until(world: World, number: Sample, wanted: float) -> None:
    """Return once the page shows this."""
    async with asyncio.timeout(GUARD_S):
        while (await numbers(world.bus.meter))[number] != wanted:
            await asyncio.sleep(0.01)


async def test_requests_are_counted_by_template_and_status(world: World) -> None:
    for run in (DONE.run, ALIVE.run):
        await world.get(f"/runs/{run}")
    await world.get("/runs/nope", 404)
    for path in ("/nowhere", "/elsewhere"):
        await world.get(path, 404)
    async with world.http.post(world.place(f"/runs/{DONE.run}")) as refused:
        assert refused.status == 405
    async with world.http.get(world.place(f"/runs/{DONE.run}/stream")) as stream:
        await stream.read()
    found = await numbers(world.bus.meter)
    requests = {sample: number for sample, number in found.items() if sample[0].endswith("requests_total")}
    assert requests == {
        of("flyte_console_requests_total", route=route, status=status): number
        for route, status, number in (
            (RUN, "200", 2),
            (RUN, "404", 1),
            (RUN, "405", 1),
            (f"{RUN}/stream", "200", 1),
            ("/{path}", "404", 2),
        )
    }
    timed = {sample: number for sample, number in found.items() if sample[0].endswith("seconds_count")}
    assert timed[of("flyte_console_request_seconds_count", route=RUN)] == 3
    assert of("flyte_console_request_seconds_count", route=f"{RUN}/stream") not in timed


async def test_open_streams_and_what_is_held_for_them_are_looked_up(world: World) -> None:
    actions = of("flyte_console_streams", route=f"{RUN}/stream")
    runs = of("flyte_console_streams", route=f"{PLACE}/stream")
    held, listed = of("flyte_console_folds", kind="run"), of("flyte_console_folds", kind="list")
    found = await numbers(world.bus.meter)
    assert [found[one] for one in (actions, runs, held, listed)] == [0, 0, 0, 0]
    async with (
        world.http.get(world.place(f"/runs/{ALIVE.run}/stream")),
        world.http.get(world.place(f"/runs/{ALIVE.run}/stream")),
        world.http.get(world.place("/stream")),
    ):
        found = await numbers(world.bus.meter)
        assert [found[one] for one in (actions, runs, held, listed)] == [2, 1, 1, 1]
    for gone in (actions, runs, held, listed):
        await until(world, gone, 0)
    assert (await numbers(world.bus.meter))[SLOW] == 0


async def test_a_browser_that_takes_nothing_is_counted(world: World) -> None:
    reader = socket.socket()
    with reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.setblocking(False)
        await asyncio.get_running_loop().sock_connect(reader, ("127.0.0.1", world.console.port))
        path = world.place(f"/runs/{ALIVE.run}/logs/stream").removeprefix(world.console.url)
        token = world.http.headers["Authorization"]
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(reader, request.encode())
        await until(world, of("flyte_console_streams", route=f"{RUN}/logs/stream"), 1)
        for _ in range(24):
            await world.print(ALIVE, "a0", f"{'x' * 499}\n" * 1000)
        await until(world, SLOW, 1)
        await until(world, of("flyte_console_streams", route=f"{RUN}/logs/stream"), 0)
