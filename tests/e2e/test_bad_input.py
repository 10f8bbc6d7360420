"""What goes wrong at a terminal, and the one clear sentence that follows."""

import asyncio
import json
import subprocess
import time
from pathlib import Path

import pytest

from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from testkit.cli import Cli
from testkit.cluster import Cluster
from testkit.waiting import wait_for

TASKS = """\
import os
import flyte

env = flyte.TaskEnvironment(name="shapes")

@env.task
def area(width: float, height: float = 1.0) -> float:
    return width * height

@env.task
async def chatter(count: int) -> None:
    for number in range(count):
        print("line", number)
    os._exit(1)

@env.task
async def slow() -> str:
    import asyncio
    print("it has begun")
    await asyncio.sleep(4)
    print("it ends")
    return "done"
"""

BROKEN = """\
import flyte

env = flyte.TaskEnvironment(name="broken")

def prepare():
    raise RuntimeError("no such table")

prepare()
"""


def test_a_file_that_does_not_import_shows_the_users_traceback_only(cli: Cli) -> None:
    cli.write("broken.py", BROKEN)
    for words in (["run", "broken.py", "x"], ["deploy", "broken.py", "env"]):
        failed = cli(*words)
        assert failed.returncode == 1
        assert "no such table" in failed.stderr
        assert 'broken.py", line 6, in prepare' in failed.stderr
        assert "_loading.py" not in failed.stderr and "importlib" not in failed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "shapes.py", "are", "--width", "1"], "no task 'are': did you mean 'area'?"),
        (["deploy", "shapes.py", "evn"], "'env'"),
        (["run", "shapes.py", "area"], "missing required input: --width (float)"),
        (["run", "shapes.py", "area", "--width", "wide"], "input --width: expected float, got 'wide'"),
        (["run", "shapes.py", "area", "--width", "1", "--hight", "2"], "did you mean '--height'"),
        (["run", "nothing.py", "area"], "nothing.py"),
        (["logs", "no-such-run"], "no-such-run"),
        (["run", "deployed-task", "shapes.nothing"], "shapes.nothing"),
    ],
)
def test_each_mistake_gets_one_sentence(cli: Cli, words: list[str], said: str) -> None:
    cli.write("shapes.py", TASKS)
    failed = cli(*words)
    assert failed.returncode != 0
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_without_a_stack_the_error_says_how_to_start_one(lonely_cli: Cli) -> None:
    lonely_cli.write("shapes.py", TASKS)
    for words in (
        ["run", "shapes.py", "area", "--width", "1"],
        ["get", "run"],
        ["deploy", "shapes.py", "env"],
    ):
        failed = lonely_cli(*words)
        assert failed.returncode == 1
        assert "flyte start" in failed.stderr


def test_ten_thousand_lines_before_a_sudden_exit_all_arrive_in_order(cli: Cli) -> None:
    cli.write("shapes.py", TASKS)
    failed = cli("run", "--name", "chatter", "shapes.py", "chatter", "--count", "10000")
    assert failed.returncode == 1
    expected = [f"line {number}" for number in range(10_000)]
    assert failed.stdout.splitlines() == expected
    assert "exited with code 1 before the task returned" in failed.stderr
    assert cli.ok("logs", "chatter").splitlines() == expected


def test_wait_goes_on_when_the_stack_comes_back(cluster: Cluster, cluster_cli: Cli) -> None:
    cluster_cli.write("shapes.py", TASKS)
    typed = cluster_cli.spawn("run", "--name", "slow", "shapes.py", "slow")
    wait_for("the first line", lambda: "it has begun" in cluster_cli("logs", "slow").stdout)
    cluster.kill("nats-server")
    time.sleep(1.0)
    cluster.start("nats-server")
    printed, _ = typed.communicate(timeout=60)
    assert typed.returncode == 0, printed
    assert printed.count("it has begun") == printed.count("it ends") == 1


def test_a_corrupted_bundle_is_refused_by_its_digest(cluster: Cluster, cluster_cli: Cli) -> None:
    cluster_cli.write("shapes.py", TASKS)
    cluster_cli.ok("deploy", "shapes.py", "env")
    (stored,) = [path for path in (cluster.home / "artifacts").rglob("*") if _is_archive(path)]
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 0xFF
    stored.chmod(0o600)
    stored.write_bytes(content)
    failed = cluster_cli("run", "deployed-task", "shapes.area", "--width", "2")
    assert failed.returncode == 1
    assert "sha256" in failed.stderr.lower() or "digest" in failed.stderr.lower()
    assert not list((cluster.home / "bundles").glob("*.tar.gz"))


def test_malformed_messages_on_every_subject_are_set_aside(cluster: Cluster, cluster_cli: Cli) -> None:
    cluster_cli.write("shapes.py", TASKS)
    cluster_cli.ok("run", "shapes.py", "area", "--width", "2")
    subjects = (
        "flyte.req.default.development.deploy.shapes",
        "flyte.req.default.development.run.garbled",
        "flyte.task.default.development.shapes.area",
        "flyte.run.default.development.garbled.a0",
        "flyte.log.default.development.garbled.a0",
    )
    asyncio.run(_publish(cluster, subjects))
    assert "ActionOutputs(o0=6.0)" in cluster_cli.ok(
        "run", "shapes.py", "area", "--width", "2", "--height", "3"
    )
    for service in ("registry", "executor"):
        assert "message.rejected" in cluster.log(service)
    rejected = asyncio.run(_rejected(cluster))
    assert {document["data"]["message_subject"] for document in rejected} >= set(subjects[:4])


async def _publish(cluster: Cluster, subjects: tuple[str, ...]) -> None:
    import nats

    client = await nats.connect(
        cluster.server.url, user=cluster.server.user, password=cluster.server.password
    )
    for subject in subjects:
        for payload in (b"\xff\x00 not json", b"[1, 2]", b'{"specversion": "1.0"}'):
            await client.jetstream().publish(subject, payload)
    await client.close()


async def _rejected(cluster: Cluster) -> list[dict[str, dict[str, str]]]:
    from flyte_schemas.streams import REJECTED

    settings = BusSettings(url=cluster.server.url, user=cluster.server.user, password=cluster.server.password)
    async with await connect(settings) as bus:
        return [json.loads(entry.raw) async for entry in bus.log.read(REJECTED, "flyte.rejected")]


def _is_archive(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:2] == b"\x1f\x8b"


def test_the_sdk_loads_no_heavy_library() -> None:
    import sys

    script = "import flyte, sys; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert not modules & {"aioboto3", "kubernetes_asyncio", "aiohttp", "nats", "typer", "click", "structlog"}
