"""Tasks in pods where the bus speaks TLS only, to clients whom it verifies, while certificates change."""

from pathlib import Path

from testkit.certificates import Authority
from testkit.cli import Cli, outputs_of
from testkit.kubernetes.pod_cluster import PodCluster
from testkit.kubernetes.processes import PodMachine
from testkit.waiting import wait_for

SOURCE = """\
import time
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="podded")
pool = flyte.TaskEnvironment(name="pooled", reusable=flyte.ReusePolicy(replicas=1, idle_ttl=60))


@env.task
def patient(here: str, go_on: str) -> str:
    Path(here).touch()
    while not Path(go_on).exists():
        time.sleep(0.05)
    return "went on"


@pool.task
def twice(number: int) -> int:
    return 2 * number
"""
SETTINGS = {
    "FLYTE_EXECUTOR_BACKEND": "kubernetes",
    "FLYTE_EXECUTOR_IMAGE": "registry.example/flyte:1",
    "FLYTE_EXECUTOR_GRACE_S": "5",
    "FLYTE_EXECUTOR_K8S_NAMESPACE": "flyte",
    "FLYTE_EXECUTOR_K8S_TLS_SECRET": "bus-tls",
    "FLYTE_EXECUTOR_K8S_TLS_KEYS": "ca.pem,cert.pem,key.pem",
}


def files_of(authority: Authority) -> dict[str, str]:
    """What the Secret of the pods holds."""
    cert, key = authority.issue("of-pods", "pods.example")
    named = {"ca.pem": authority.ca, "cert.pem": cert, "key.pem": key}
    return {name: file.read_text() for name, file in named.items()}


def test_pods_are_known_by_a_secrets_certificate_and_take_a_later_one_while_they_run(tmp_path: Path) -> None:
    """The later one is of another authority, and so is the server's: who has the old files is kept out."""
    folder = tmp_path / "certificates"
    authority = Authority(folder)
    cert, key = authority.issue("client", "client.example")
    own = {"FLYTE_NATS_CA": authority.ca, "FLYTE_NATS_CERT": cert, "FLYTE_NATS_KEY": key}
    more = SETTINGS | {name: str(file) for name, file in own.items()}
    tls = authority.server_config("127.0.0.1", verify=True)
    with PodMachine(tmp_path / "machine") as machine:
        machine.put_secret("flyte", "bus-tls", files_of(authority))
        more["KUBECONFIG"] = str(machine.kubeconfig)
        with PodCluster(tmp_path / "cluster", nats=tls, **more) as cluster:
            (tmp_path / "user").mkdir()
            cli = Cli(tmp_path / "user", cluster.variables)
            cli.write("pods.py", SOURCE)
            assert "14" in outputs_of(cli.ok("run", "pods.py", "twice", "--number", "7"))
            here, go_on = tmp_path / "here", tmp_path / "go_on"
            words = ("--here", str(here), "--go-on", str(go_on))
            cli.ok("run", "--detach", "--name", "patient", "pods.py", "patient", *words)
            wait_for("the task to run", here.exists)
            cluster.server.kill()
            later = Authority(folder)
            later.issue("client", "client.example")
            later.server_config("127.0.0.1", verify=True)
            machine.put_secret("flyte", "bus-tls", files_of(later))
            cluster.server.start()
            go_on.touch()
            wait_for("the run to end", lambda: "succeeded" in cli.ok("get", "run", "patient").lower())
            assert "tls.files.renewed" in machine.logs()
            assert "attempt 2" not in cli.ok("events", "patient")
