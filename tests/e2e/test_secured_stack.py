"""Everything over TLS with verified clients: services, agents and users, told by variables alone."""

from pathlib import Path

from testkit.certificates import Authority
from testkit.cli import Cli, outputs_of
from testkit.cluster import Cluster
from testkit.waiting import wait_for

FLOW = """\
import flyte

env = flyte.TaskEnvironment(name="safe")


@env.task
async def child(x: int) -> int:
    return 2 * x


@env.task
async def main(x: int = 4) -> int:
    return await child(x)
"""


def test_a_run_goes_all_its_way_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    cert, key = authority.issue("client", "client.example")
    served, its_key = authority.issue("dataproxy", "127.0.0.1")
    access = {
        "FLYTE_DATAPROXY_CERT": str(served),
        "FLYTE_DATAPROXY_KEY": str(its_key),
        "FLYTE_NATS_CA": str(authority.ca),
        "FLYTE_NATS_CERT": str(cert),
        "FLYTE_NATS_KEY": str(key),
    }
    tls = authority.server_config("127.0.0.1", verify=True)
    with Cluster(tmp_path / "cluster", nats=tls, **access) as cluster:
        cli = Cli(tmp_path / "project", cluster.variables)
        cli.write("flow.py", FLOW)
        wait_for("the dataproxy", lambda: "dataproxy.started" in cluster.log("dataproxy"))
        assert '"url": "https://127.0.0.1:' in cluster.log("dataproxy")
        authority.issue("dataproxy", "127.0.0.1")  # renewed while it serves
        assert outputs_of(cli.ok("run", "flow.py", "main")) == "Outputs: ActionOutputs(o0=8)"
        cli.write(
            "config.yaml", f"admin: {{endpoint: {cluster.server.url}, caCertFilePath: {authority.ca}}}\n"
        )
        known = {name: value for name, value in cluster.variables.items() if name != "FLYTE_NATS_CA"}
        assert "safe.main" in Cli(cli.folder, known).ok("get", "task")
        lacking = {name: value for name, value in known.items() if "NATS_CERT" not in name}
        refused = Cli(cli.folder, lacking)("get", "task")
        assert refused.returncode != 0 and "FLYTE_NATS_CERT" in refused.stderr
