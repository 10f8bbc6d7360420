"""The files of deploy/: objects that Kubernetes takes, settings that exist and are documented, one chart."""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from flyte._cli.admin_manifests import manifests
from flyte_bus.identity.keyring import Keyring
from flyte_schemas.access import SERVICES
from testkit.certificates import Authority
from testkit.kubernetes_models import complaints
from testkit.nats_server import PROGRAM, NatsServer
from testkit.waiting import wait_for

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("dev", "production", "closed")
NAME = re.compile(r"FLYTE_[A-Z0-9_]*[A-Z0-9]")
OLDEST_MINOR = 24
"""Of kubectl 1.x."""
COMPOSE_ONLY = {"FLYTE_BASE_IMAGE", "FLYTE_NATS_IMAGE", "FLYTE_TLS_FOLDER", "FLYTE_TLS_GROUP"}


def overlay(name: str) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl (.ci/packages installs it)")
    if (minor := _minor_of_kubectl()) < OLDEST_MINOR:
        pytest.skip(f"needs kubectl 1.{OLDEST_MINOR} or newer, whose kustomize has labels; here is 1.{minor}")
    words = ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / "overlays" / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return list(yaml.safe_load_all(done.stdout))


def _minor_of_kubectl() -> int:
    words = ["kubectl", "version", "--client", "--output", "json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return int(re.sub(r"\D", "", json.loads(done.stdout)["clientVersion"]["minor"]))


def settings_in_code() -> set[str]:
    """Every variable that the bus, the services and the agent read."""
    found: set[str] = set()
    named = (
        ROOT / "schemas/flyte_schemas/trust.py",
        ROOT / "sdk/flyte/_client/verifying.py",
        *ROOT.glob("bus/flyte_bus/*.py"),
    )
    for path in (*named, *ROOT.glob("services/**/settings.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
            said = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "said"
            if said and "kubernetes" in path.parts and isinstance(node.args[0], ast.Constant):
                found.add(f"FLYTE_EXECUTOR_K8S_{node.args[0].value}")
    return found


def test_the_documentation_lists_every_setting_and_no_other() -> None:
    table = re.findall(r"^\| `(FLYTE_\w+)` \|", (ROOT / "docs/operations.md").read_text(), re.M)
    assert len(table) == len(set(table))
    assert set(table) == settings_in_code()


def test_every_setting_in_deploy_exists() -> None:
    files = [
        path for path in DEPLOY.rglob("*") if path.suffix in (".yaml", ".conf") or path.name == "Dockerfile"
    ]
    used = {name for path in files for name in NAME.findall(path.read_text())}
    assert used - COMPOSE_ONLY <= settings_in_code()


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_object_is_one_that_kubernetes_takes(name: str) -> None:
    for document in overlay(name):
        assert not complaints(document), document["metadata"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_buss_configuration_is_one(name: str, tmp_path: Path) -> None:
    (config,) = [
        one["data"]
        for one in overlay(name)
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "flyte-nats"
    ]
    authority = Authority(tmp_path)
    cert, key = authority.issue("tls", "flyte-nats-0.flyte-nats.flyte.svc")
    Keyring(tmp_path / "nats-accounts").make()
    folder = tmp_path / "nats"
    folder.mkdir()
    for file, text in config.items():
        (folder / file).write_text(text.replace("/etc/nats-tls", str(tmp_path)))
    assert (cert.name, key.name) == ("tls.crt", "tls.key")
    _checked(folder / "nats.conf")
    (folder / "tls.conf").write_text("tls {")
    with pytest.raises(subprocess.CalledProcessError):
        _checked(folder / "nats.conf")


@pytest.mark.parametrize("name", ["production", "closed"])
def test_what_an_overlay_takes_is_what_admin_init_and_cert_manager_make(name: str, tmp_path: Path) -> None:
    """Each Secret and ConfigMap that a pod cannot be without, and each key of it that is named."""
    keyring = Keyring(tmp_path / "access")
    keyring.make()
    documents = [*yaml.safe_load_all(manifests(keyring, ["flyte"])), *overlay(name)]
    made = {
        (one["kind"], one["metadata"]["name"]): {*one.get("stringData", {}), *one.get("data", {})}
        for one in documents
        if one["kind"] in ("Secret", "ConfigMap")
    }
    for path in (DEPLOY / "kubernetes" / "certificates").glob("*.yaml"):
        for one in yaml.safe_load_all(path.read_text()):
            if one["kind"] == "Certificate":
                made["Secret", one["spec"]["secretName"]] = {"tls.crt", "tls.key", "ca.crt"}
    taken = [place for one in documents for place in _taken(one)]
    assert {place[:2] for place in taken} <= made.keys()
    assert all(key is None or key in made[kind, of] for kind, of, key in taken)
    named = {place[1] for place in taken}
    assert {"flyte-nats-tls", "flyte-console-tls", "flyte-nats-accounts", "flyte-nats-minters"} <= named
    assert "flyte-registry-seal" in named
    assert {f"flyte-nats-{role.name}" for role in SERVICES} <= named
    assert "flyte-nats-credentials" not in named
    closed = {"flyte-dataproxy-tls", "flyte-bus-client-tls"}
    assert closed & named == (closed if name == "closed" else set())


def test_certificates_are_for_the_names_that_their_owners_are_called_by() -> None:
    """And the Secret of pods is in their namespace, where the executor's setting says."""
    found = {
        (one["metadata"]["namespace"], one["spec"]["secretName"]): one["spec"]
        for path in (DEPLOY / "kubernetes" / "certificates").glob("*.yaml")
        for one in yaml.safe_load_all(path.read_text())
        if one["kind"] == "Certificate"
    }
    data = {one["metadata"]["name"]: one["data"] for one in overlay("closed") if one["kind"] == "ConfigMap"}
    of_pods = (
        data["flyte-executor"]["FLYTE_EXECUTOR_K8S_NAMESPACE"],
        data["flyte-executor"]["FLYTE_EXECUTOR_K8S_TLS_SECRET"],
    )
    assert found[of_pods]["usages"] == ["client auth"]
    objects = urlsplit(data["flyte-dataproxy"]["FLYTE_DATAPROXY_PUBLIC_URL"])
    assert objects.scheme == "https"
    assert objects.hostname in found["flyte", "flyte-dataproxy-tls"]["dnsNames"]


def test_a_container_finds_each_file_of_tls_where_its_variables_say() -> None:
    """In a folder that it mounts, as a file that its Secret has."""
    documents = overlay("closed")
    data = {one["metadata"]["name"]: one["data"] for one in documents if one["kind"] == "ConfigMap"}
    found = set()
    for one in documents:
        if one["kind"] not in ("Deployment", "Job"):
            continue
        spec = one["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        maps = [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
        told = {name: value for of in maps for name, value in data[of].items()}
        told |= {variable["name"]: variable["value"] for variable in container["env"]}
        secrets = {volume["name"] for volume in spec["volumes"] if "secret" in volume}
        mounts = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in secrets}
        for name in (name for name in told if re.fullmatch(r"FLYTE_\w+_(CA|CERT|KEY)", name)):
            folder, _, file = told[name].rpartition("/")
            assert folder in mounts, (one["metadata"]["name"], name)
            if not folder.endswith("minters"):
                assert file == {"CA": "ca.crt", "CERT": "tls.crt", "KEY": "tls.key"}[name.rpartition("_")[2]]
            found.add((one["metadata"]["name"], name))
        assert spec["securityContext"]["fsGroup"] == 1000, "who else could read a file of mode 0440?"
    assert ("flyte-dataproxy", "FLYTE_DATAPROXY_CERT") in found
    assert ("flyte-provisioner", "FLYTE_NATS_KEY") in found


@pytest.mark.parametrize(("who", "is_server"), [("localhost", True), ("client.example", False)])
def test_a_clients_certificate_makes_no_server_of_the_bus(who: str, is_server: bool, tmp_path: Path) -> None:
    """Pods of tasks have certificates of the same authority: the route would show them every account."""
    authority = Authority(tmp_path)
    authority.issue("tls", "localhost")
    text = (DEPLOY / "kubernetes/overlays/production/cluster-tls.conf").read_text()
    (tmp_path / "cluster-tls.conf").write_text(text.replace("/etc/nats-tls", str(tmp_path)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cluster = f'name: c, listen: "127.0.0.1:{port}", routes: ["nats-route://localhost:{port}"]'
    more = f"server_name: one\ncluster {{ {cluster}\ninclude ../cluster-tls.conf\n}}\n"
    server = NatsServer(tmp_path / "nats", more=more)
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.load_cert_chain(*authority.issue("other", who))
    server.start()
    try:
        assert _is_taken_for_a_server(port, context) == is_server
    finally:
        server.kill()


def _is_taken_for_a_server(port: int, context: ssl.SSLContext) -> bool:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
        secured.makefile("rwb") as words,
    ):
        assert words.readline().startswith(b"INFO")
        words.write(b'CONNECT {"name": "other", "cluster": "c", "tls_required": true}\r\nPING\r\n')
        words.flush()
        answers = iter(words.readline, b"")
        said = next(word for word in answers if word.startswith((b"PONG", b"-ERR")))
        assert said in (b"PONG\r\n", b"-ERR 'Authorization Violation'\r\n")
        return said.startswith(b"PONG")


def _taken(document: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """The Secrets and ConfigMaps that a workload names: kind, name, and the key where one is named."""
    if document["kind"] not in ("Deployment", "StatefulSet", "Job"):
        return
    spec = document["spec"]["template"]["spec"]
    for container in spec["containers"]:
        for source in container.get("envFrom", ()):
            for word, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if word in source and not source[word].get("optional"):
                    yield kind, source[word]["name"], None
        for variable in container.get("env", ()):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                yield "Secret", *(variable["valueFrom"]["secretKeyRef"][word] for word in ("name", "key"))
    for volume in spec.get("volumes", ()):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], None
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"], None


def test_a_bus_takes_a_new_certificate_when_its_file_is_replaced(tmp_path: Path) -> None:
    """By the script that the manifests start it with."""
    authority = Authority(tmp_path / "tls")
    cert, key = authority.issue("tls", "127.0.0.1")
    tls = f'tls {{ cert_file: "{cert}", key_file: "{key}" }}'
    where = f'pid_file: "{tmp_path}/nats.pid"\nports_file_dir: "{tmp_path}"\nlog_file: "{tmp_path}/log"\n'
    (tmp_path / "nats.conf").write_text(f'listen: "127.0.0.1:-1"\n{where}{tls}\n')
    script = (DEPLOY / "kubernetes" / "base" / "run.sh").read_text()
    for there, here in (
        ("/etc/nats-tls", tmp_path / "tls"),
        ("/etc/nats-accounts", tmp_path / "none"),
        ("/run/nats", tmp_path),
        ("/etc/nats/", f"{tmp_path}/"),
    ):
        script = script.replace(there, str(here))
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PATH": programs, "LOOK_EVERY_S": "0.05"}
    started = subprocess.Popen(["sh", "-c", script], env=variables, start_new_session=True)
    try:
        first = _certificate_of(_port_in(tmp_path))
        authority.issue("tls", "127.0.0.1")
        wait_for("the new certificate", lambda: _certificate_of(_port_in(tmp_path)) != first)
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def _port_in(folder: Path) -> int:
    wait_for("a port", lambda: any(path.read_text().endswith("}") for path in folder.glob("*.ports")))
    (path,) = folder.glob("*.ports")
    (url,) = json.loads(path.read_text())["nats"]
    return int(url.rpartition(":")[2])


def _certificate_of(port: int) -> bytes:
    """What the server shows in a handshake, which NATS begins after its first line."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        while plain.recv(1) != b"\n":
            pass
        with context.wrap_socket(plain) as secured:
            return secured.getpeercert(binary_form=True) or b""


def test_the_composed_bus_has_a_configuration() -> None:
    _checked(DEPLOY / "compose" / "nats.conf")
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services) == {
        "nats",
        "registry",
        "dataproxy",
        "executor",
        "scheduler",
        "notifier",
        "guard",
        "console",
    }


def _checked(path: Path) -> None:
    variables = {"POD_NAME": "flyte-nats-0", "FLYTE_NATS_USER": "flyte", "FLYTE_NATS_PASSWORD": "a1b2"}
    subprocess.run([PROGRAM, "-t", "-c", path], env=variables, capture_output=True, check=True, timeout=60)


@pytest.mark.parametrize("name", ["flytejet", "flytejet-closed"])
def test_a_chart_is_its_overlay(name: str) -> None:
    """Rendered with its own values; its templates have two forms of expressions, and no other."""
    spec = importlib.util.spec_from_file_location("chart", DEPLOY / "chart.py")
    assert spec is not None and spec.loader is not None
    chart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chart)
    assert name in chart.CHARTS and len(chart.CHARTS) == 2
    wanted = overlay(chart.CHARTS[name])
    place = chart.folder(name)
    written = {str(one.relative_to(place)): one.read_text() for one in place.rglob("*.yaml")}
    assert chart.chart(name, overlay(chart.CHARTS[name])) == written, "run: python deploy/chart.py"
    values = yaml.safe_load(written["values.yaml"])
    found = [
        document
        for file, text in written.items()
        if file.startswith("templates/")
        for document in yaml.safe_load_all(_rendered(text, values))
    ]
    order = lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])  # noqa: E731
    assert sorted(found, key=order) == sorted(wanted, key=order)


def _rendered(text: str, values: dict[str, Any]) -> str:
    def value(path: str) -> Any:
        found: Any = values
        for name in path.split("."):
            found = found[name]
        return found

    def block(found: re.Match[str]) -> str:
        lines = yaml.safe_dump(value(found[1])).rstrip().splitlines()
        return "".join(f"\n{' ' * int(found[2])}{line}" for line in lines)

    text = re.sub(r"\s*\{\{- toYaml \.Values\.([\w.]+) \| nindent (\d+) \}\}", block, text)
    text = re.sub(r"\{\{ \.Values\.([\w.]+) \}\}", lambda found: str(value(found[1])), text)
    assert "{{" not in text
    return text
