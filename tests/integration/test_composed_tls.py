"""deploy/compose.tls.yaml: its certificates are made by its script, and its services work by them.

There is no compose to start it with; the same programs are started with the variables that it gives them.
"""

import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.cli import Cli, outputs_of
from testkit.cluster import SERVICES, Cluster
from testkit.waiting import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
FOLDER = re.compile(r"\$\{FLYTE_TLS_FOLDER:-\./compose/tls\}/(\w+):(/etc/flyte/\w+):ro")
FLOW = """\
import flyte

env = flyte.TaskEnvironment(name="safe")


@env.task
def twice(number: int) -> int:
    return 2 * number
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script makes."""
    folder = tmp_path_factory.mktemp("compose") / "tls"
    make(folder)
    return folder


def make(folder: Path) -> None:
    words = ["sh", str(DEPLOY / "compose" / "certificates.sh"), str(folder)]
    subprocess.run(words, check=True, capture_output=True, timeout=100)


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())["services"]
    return found


def told(service: str, folder: Path) -> dict[str, str]:
    """The variables of TLS that a service is told, with what its container mounts where it is here."""
    said = services("compose.tls.yaml")[service]
    mounts = [found for one in said["volumes"] if (found := FOLDER.fullmatch(one))]
    variables = dict(said["environment"])
    for name, value in variables.items():
        (place,) = [one[1] for one in mounts if value.startswith(f"{one[2]}/")]
        variables[name] = str(folder / place / value.rpartition("/")[2])
    return variables


def test_every_service_has_its_part_in_both_files(files: Path) -> None:
    plain, secured = services("compose.yaml"), services("compose.tls.yaml")
    assert plain.keys() == secured.keys()
    for name in plain.keys() - {"nats"}:
        variables = told(name, files)
        assert {"FLYTE_NATS_CA", "FLYTE_NATS_CERT", "FLYTE_NATS_KEY"} <= variables.keys()
        assert all(Path(place).is_file() for place in variables.values())
        assert secured[name]["group_add"], "who else could read a key of mode 0640?"
    assert "executor" not in [name for name, one in secured.items() if "/etc/flyte/server" in str(one)]


def test_certificates_are_renewed_and_the_authority_stays(tmp_path: Path) -> None:
    make(tmp_path / "tls")
    names = ("client/ca.crt", "server/tls.crt", "client/tls.crt", "client/tls.key")
    before = [(tmp_path / "tls" / name).read_bytes() for name in names]
    make(tmp_path / "tls")
    after = [(tmp_path / "tls" / name).read_bytes() for name in names]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False, False]
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "tls").rglob("*.key")}
    assert modes == {"ca.key": 0o600, "tls.key": 0o640}


def test_python_trusts_them_as_strictly_as_it_can(files: Path) -> None:
    """Later ones than this do so by themselves."""
    client = ssl.create_default_context(cafile=str(files / "client/ca.crt"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files / "server/tls.crt", files / "server/tls.key")
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(here, there, server_hostname="127.0.0.1")
    other = server.wrap_bio(there, here, server_side=True)
    for _ in range(3):
        for end in (one, other):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert one.getpeercert()


def test_services_work_by_them(files: Path, tmp_path: Path) -> None:
    text = (DEPLOY / "compose" / "nats-tls.conf").read_text()
    include, _, tls = text.partition('include "nats.conf"\n')
    assert include.startswith("#")
    tls = tls.replace("/etc/flyte", str(files))
    access = told("dataproxy", files) | told("console", files) | told("executor", files)
    with Cluster(tmp_path / "cluster", (*SERVICES, "console"), nats=tls, **access) as cluster:
        cli = Cli(tmp_path / "project", cluster.variables)
        cli.write("flow.py", FLOW)
        assert "14" in outputs_of(cli.ok("run", "flow.py", "twice", "--number", "7"))
        assert '"url": "https://127.0.0.1:' in cluster.log("dataproxy")
        wait_for("the console", lambda: '"url": "https://127.0.0.1:' in cluster.log("console"))
        lacking = {name: value for name, value in cluster.variables.items() if "NATS_CERT" not in name}
        refused = Cli(cli.folder, lacking | {"FLYTE_NATS_KEY": ""})("get", "task")
        assert refused.returncode != 0 and "FLYTE_NATS_CERT" in refused.stderr
