"""Services killed in the middle of a run: nothing is lost, and nothing that succeeded runs twice."""

import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from testkit.cli import Cli, Running
from testkit.cluster import Cluster
from testkit.waiting import wait_for

CHILDREN = 20
EARLY = 5
"""So many children end before anything happens; most of the others wait for what does."""

MANY = f"""\
import asyncio
import time
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="many")


@env.task
async def child(number: int, diary: str) -> int:
    gate = Path(diary + " is open")
    while not gate.exists() and Path(diary).exists() and len(Path(diary).read_text().split()) >= {EARLY}:
        await asyncio.sleep(0.05)
    with Path(diary).open("a") as out:
        out.write(f"{{number}}\\n")
    return number * number


@env.task
async def parent(diary: str) -> int:
    print("the parent has begun")
    return sum(await asyncio.gather(*(child(number, diary) for number in range({CHILDREN}))))
"""
EXPECTED = sum(number * number for number in range(CHILDREN))


def _finished(diary: Path) -> int:
    return len(diary.read_text().splitlines()) if diary.exists() else 0


def _result(typed: Running, diary: Path) -> str:
    """What a run prints whose children need not wait any more."""
    diary.with_name(f"{diary.name} is open").touch()
    printed, _ = typed.communicate(timeout=100)
    assert typed.returncode == 0, printed
    return printed


@pytest.mark.parametrize("victim", ["executor", "registry", "dataproxy", "nats-server"])
def test_a_killed_service_costs_no_child_a_second_run(
    cluster: Cluster, cluster_cli: Cli, tmp_path: Path, victim: str
) -> None:
    cluster_cli.write("many.py", MANY)
    diary = tmp_path / "diary"
    typed = cluster_cli.spawn("run", "many.py", "parent", "--diary", str(diary))
    wait_for("the first children", lambda: _finished(diary) >= EARLY)
    cluster.kill(victim)
    time.sleep(0.5)
    cluster.start(victim)
    assert str(EXPECTED) in _result(typed, diary)
    counts = Counter(diary.read_text().split())
    assert counts == {str(number): 1 for number in range(CHILDREN)}
    wait_for("the agents to be gone", lambda: not cluster.agents())


def test_a_run_waits_for_the_executor_and_then_finishes(
    cluster: Cluster, cluster_cli: Cli, tmp_path: Path
) -> None:
    cluster_cli.write("many.py", MANY)
    cluster_cli.ok("deploy", "many.py", "env")
    cluster.kill("executor")
    diary = tmp_path / "diary"
    typed = cluster_cli.spawn("run", "many.py", "parent", "--diary", str(diary))
    time.sleep(2.0)
    assert typed.poll() is None
    assert _finished(diary) == 0
    cluster.start("executor")
    assert str(EXPECTED) in _result(typed, diary)


def test_every_service_can_be_restarted_at_once(cluster: Cluster, cluster_cli: Cli, tmp_path: Path) -> None:
    cluster_cli.write("many.py", MANY)
    diary = tmp_path / "diary"
    typed = cluster_cli.spawn("run", "many.py", "parent", "--diary", str(diary))
    wait_for("the first children", lambda: _finished(diary) >= EARLY)
    everything = ("executor", "registry", "dataproxy", "nats-server")
    for name in everything:
        cluster.kill(name)
    for name in reversed(everything):
        cluster.start(name)
    assert str(EXPECTED) in _result(typed, diary)
    assert set(Counter(diary.read_text().split()).values()) == {1}


def test_a_killed_agent_is_replaced_and_its_children_are_not_run_again(
    cluster: Cluster, cluster_cli: Cli, tmp_path: Path
) -> None:
    cluster_cli.write("many.py", MANY)
    diary = tmp_path / "diary"
    typed = cluster_cli.spawn("run", "many.py", "parent", "--diary", str(diary))
    wait_for("the parent's agent", lambda: cluster.agents())
    (parent_agent,) = cluster.agents()[:1]
    wait_for("the first children", lambda: _finished(diary) >= EARLY)
    subprocess.run(["kill", "-9", str(parent_agent)], check=True)
    assert str(EXPECTED) in _result(typed, diary)
    assert set(Counter(diary.read_text().split()).values()) == {1}


def test_answers_are_the_same_when_every_read_model_was_deleted(cluster: Cluster, cluster_cli: Cli) -> None:
    cluster_cli.write("many.py", MANY.replace(f"range({CHILDREN})", "range(3)"))
    name = "the-run"
    cluster_cli.ok("run", "--name", name, "many.py", "parent", "--diary", str(cluster.home / "diary"))
    script = f"""
import flyte, flyte.remote
flyte.init_from_config()
run = flyte.remote.Run.get({name!r})
run.wait()
print(run.status, run.outputs())
"""

    def answers() -> list[str]:
        waited = cluster_cli.python("-c", script)
        assert waited.returncode == 0, waited.stderr
        return [
            cluster_cli.ok("get", "run", name),
            cluster_cli.ok("events", name),
            cluster_cli.ok("logs", name),
            waited.stdout,
        ]

    wait_for("the children to be folded", lambda: "SUCCEEDED" in cluster_cli.ok("get", "run", name))
    before = answers()
    for service in ("registry", "executor", "dataproxy"):
        cluster.kill(service)
    removed = list((cluster.home / "registry").glob("*"))
    assert removed
    for path in removed:
        path.unlink()
    for service in ("registry", "executor", "dataproxy"):
        cluster.start(service)
    wait_for("the registry", lambda: cluster_cli("get", "run", name).returncode == 0)
    assert answers() == before
