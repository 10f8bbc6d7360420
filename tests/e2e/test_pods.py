"""Tasks in pods, as a user types them: an API server for tests, and a node that starts processes here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli, outputs_of
from testkit.kubernetes.pod_cluster import PodCluster
from testkit.kubernetes.processes import PodMachine
from testkit.waiting import wait_for

SOURCE = """\
import asyncio
import time
from pathlib import Path

import flyte

pool = flyte.TaskEnvironment(name="pooled", reusable=flyte.ReusePolicy(replicas=(0, 2), idle_ttl=60))
env = flyte.TaskEnvironment(name="podded", depends_on=[pool])


@pool.task
async def number_of(number: int) -> int:
    return number


@env.task
async def fan() -> int:
    return sum(await asyncio.gather(*(number_of(number) for number in range(20))))


@env.task
def greet(name: str) -> str:
    print(f"greeting {name}")
    return f"Hello, {name}!"


@env.task(retries=1)
def hungry(mark: str) -> int:
    attempt = flyte.ctx().attempt_number
    if attempt == 0:
        Path(mark).touch()
        time.sleep(600.0)
    return attempt
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[PodMachine]:
    with PodMachine(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture
def pod_cli(tmp_path: Path, machine: PodMachine) -> Iterator[Cli]:
    """A user of services whose executor has that cluster."""
    more = {
        "KUBECONFIG": str(machine.kubeconfig),
        "FLYTE_EXECUTOR_BACKEND": "kubernetes",
        "FLYTE_EXECUTOR_IMAGE": "registry.example/flyte:1",
        "FLYTE_EXECUTOR_GRACE_S": "5",
        "FLYTE_EXECUTOR_K8S_NAMESPACE": "flyte",
    }
    with PodCluster(tmp_path / "cluster", **more) as cluster:
        (tmp_path / "user").mkdir()
        cli = Cli(tmp_path / "user", cluster.variables)
        cli.write("pods.py", SOURCE)
        try:
            yield cli
        finally:
            print(cli.end(), cluster.log("executor"), machine.logs(), sep="\n")


def test_a_task_runs_in_a_pod_and_others_in_warm_ones(pod_cli: Cli, machine: PodMachine) -> None:
    printed = pod_cli.ok("run", "--follow", "--name", "greeting", "pods.py", "greet", "--name", "pods")
    assert "Hello, pods!" in outputs_of(printed)
    assert "greeting pods" in printed
    wait_for("the pod to be removed", lambda: not machine.server.store.pods)
    assert "190" in outputs_of(pod_cli.ok("run", "--name", "fanning", "pods.py", "fan"))
    workers = [name for name in machine.node.started if name.startswith("w-")]
    assert 1 <= len(workers) <= 2  # twenty actions
    assert len(machine.node.started) == 2 + len(workers)  # greet's pod, and fan's


def test_a_pod_that_runs_out_of_memory_is_tried_again(
    pod_cli: Cli, machine: PodMachine, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    running = pod_cli.spawn("run", "--name", "hungry", "pods.py", "hungry", "--mark", str(mark))
    wait_for("the task to run", mark.exists)
    (name,) = machine.node.running
    machine.run_out_of_memory(name)
    printed, _ = running.communicate(timeout=90)
    assert running.returncode == 0, printed
    assert "=1" in outputs_of(printed)
    events = pod_cli.ok("events", "hungry")
    assert f"failed in attempt 1: OOMKilled: the kernel killed pod {name}" in events


def test_a_stack_of_this_machine_has_no_bus_for_pods(lonely_cli: Cli, machine: PodMachine) -> None:
    done = lonely_cli("start", "--backend", "kubernetes")
    assert done.returncode == 2
    assert "no pod can reach the bus at nats://127.0.0.1" in done.stderr
