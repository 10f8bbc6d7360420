"""What service processes say of themselves to probes, while their bus comes and goes, and while they end."""

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyte_bus.health import ALIVE, READY, HealthSettings, ask
from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from flyte_schemas.endpoints import LIST_RUNS, ListRuns
from testkit.cluster import SERVICES, Cluster
from testkit.waiting import wait_for


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The services that a test names, else all."""
    with Cluster(tmp_path, getattr(request, "param", SERVICES), FLYTE_HEALTH_PORT="0") as cluster:
        yield cluster


def only(*services: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cluster", [services], indirect=True, ids=["-".join(services)])


def pages(cluster: Cluster, service: str) -> HealthSettings:
    """Where a service serves them: it took a free port, and says which."""
    ports: list[int] = []

    def is_told() -> bool:
        facts = map(json.loads, cluster.log(service).splitlines())
        ports[:] = [fact["port"] for fact in facts if fact["event"] == "process.health.served"]
        return bool(ports)

    wait_for(f"{service} to serve its health", is_told)
    return HealthSettings(port=ports[-1])


def until_ready(cluster: Cluster, service: str) -> HealthSettings:
    settings = pages(cluster, service)
    wait_for(f"{service} to be ready", lambda: ask(settings, READY)[0])
    return settings


def test_whoever_cannot_reach_the_bus_lives_and_is_not_ready(cluster: Cluster) -> None:
    known = {service: until_ready(cluster, service) for service in SERVICES}
    cluster.server.send(signal.SIGSTOP)
    for settings in known.values():
        is_ready, why = ask(settings, READY)
        assert not is_ready and "the bus" in why
        assert ask(settings, ALIVE) == (True, "alive")
    cluster.server.send(signal.SIGCONT)
    for service in SERVICES:
        until_ready(cluster, service)
    cluster.server.kill()
    for settings in known.values():
        assert not ask(settings, READY)[0]
        assert ask(settings, ALIVE)[0]
    cluster.server.start()
    for service in SERVICES:
        until_ready(cluster, service)
    assert {service: cluster.stop(service) for service in SERVICES} == dict.fromkeys(SERVICES, 0)


@only("registry")
def test_before_the_bus_is_there_a_process_starts_and_says_so(cluster: Cluster) -> None:
    cluster.stop("registry")
    cluster.server.kill()
    cluster.start("registry")
    wait_for("the new process", lambda: ask(pages(cluster, "registry"), ALIVE)[0])
    settings = pages(cluster, "registry")
    assert ask(settings, READY) == (False, "it is starting")
    cluster.server.start()
    wait_for("the registry to be ready", lambda: ask(settings, READY)[0])


@only("registry")
async def test_who_is_told_to_end_is_not_ready_and_answers_what_was_asked(cluster: Cluster) -> None:
    """The question waits for a place that the log does not reach; its answer comes when patience ends."""
    settings = await asyncio.to_thread(until_ready, cluster, "registry")
    server = cluster.server
    async with await connect(BusSettings(url=server.url, user=server.user, password=server.password)) as bus:
        question = ListRuns(project="p", domain="d", at_least_sequence=1_000)
        asked = asyncio.create_task(bus.ask(LIST_RUNS, question, timeout_s=30.0))
        await asyncio.sleep(0.5)  # it has arrived
        cluster.terminate("registry")
        await asyncio.to_thread(
            wait_for, "the word", lambda: ask(settings, READY) == (False, "it is stopping")
        )
        assert (await asked).runs == ()
    assert await asyncio.to_thread(cluster.ended, "registry") == 0


def test_a_service_ends_well_without_its_bus(cluster: Cluster) -> None:
    for service in SERVICES:
        until_ready(cluster, service)
    cluster.server.kill()
    assert {service: cluster.stop(service) for service in SERVICES} == dict.fromkeys(SERVICES, 0)


@only("dataproxy")
def test_what_is_no_question_is_told_so(cluster: Cluster) -> None:
    port = until_ready(cluster, "dataproxy").port

    def answer(method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    assert answer("GET", "/readyz?verbose") == (200, b"ready\n")
    assert answer("HEAD", "/readyz") == (200, b"")
    assert answer("POST", "/readyz")[0] == 405
    assert answer("GET", "/")[0] == 404
    for nonsense in (b"hello\r\n\r\n", b"x" * 100_000):
        with socket.create_connection(("127.0.0.1", port or 0), timeout=30.0) as connection:
            connection.sendall(nonsense)
            try:
                assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
            except ConnectionResetError:
                pass  # it did not read on
    assert answer("GET", "/readyz")[0] == 200


def _asked_by_the_image(**variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "flyte_bus.health"], env=variables, capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).strip()


@only("dataproxy")
def test_an_image_asks_its_own_process(cluster: Cluster) -> None:
    port = str(until_ready(cluster, "dataproxy").port)
    assert _asked_by_the_image(FLYTE_HEALTH_PORT=port) == (0, "ready")
    assert _asked_by_the_image(FLYTE_HEALTH_PORT=port, FLYTE_HEALTH_HOST="0.0.0.0") == (0, "ready")
    cluster.server.kill()
    assert _asked_by_the_image(FLYTE_HEALTH_PORT=port)[0] == 1
    cluster.stop("dataproxy")
    code, words = _asked_by_the_image(FLYTE_HEALTH_PORT=port)
    assert code == 1 and "nobody answers" in words
    assert _asked_by_the_image()[0] == 2
    assert _asked_by_the_image(FLYTE_HEALTH_PORT="http")[0] == 2


def test_a_port_that_is_taken_ends_a_process_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Cluster(tmp_path, ("registry",), FLYTE_HEALTH_PORT=str(port)) as cluster:
            assert cluster.ended("registry") == 2
            (fact,) = map(json.loads, cluster.log("registry").splitlines())
    assert fact["event"] == "process.misconfigured"
    assert f"127.0.0.1:{port}" in fact["error"] and "FLYTE_HEALTH_PORT" in fact["error"]
