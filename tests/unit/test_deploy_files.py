"""The files of deploy/: objects that Kubernetes takes, settings that exist and are documented, one chart."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.certificates import Authority
from testkit.kubernetes_models import complaints

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("dev", "production")
NAME = re.compile(r"FLYTE_[A-Z0-9_]*[A-Z0-9]")
OLDEST_MINOR = 24
"""Of kubectl 1.x."""
COMPOSE_ONLY = {"FLYTE_BASE_IMAGE", "FLYTE_NATS_IMAGE"}


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
    for path in (*ROOT.glob("bus/flyte_bus/*.py"), *ROOT.glob("services/**/settings.py")):
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
    for file, text in config.items():
        (tmp_path / file).write_text(text.replace("/etc/nats-tls", str(tmp_path)))
    assert (cert.name, key.name) == ("tls.crt", "tls.key")
    _checked(tmp_path / "nats.conf")
    (tmp_path / "tls.conf").write_text("tls {")
    with pytest.raises(subprocess.CalledProcessError):
        _checked(tmp_path / "nats.conf")


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
    program = Path(sys.executable).parent / "nats-server"
    variables = {"POD_NAME": "flyte-nats-0", "FLYTE_NATS_USER": "flyte", "FLYTE_NATS_PASSWORD": "a1b2"}
    subprocess.run([program, "-t", "-c", path], env=variables, capture_output=True, check=True, timeout=60)


def test_the_chart_is_the_production_overlay() -> None:
    """Rendered with its own values; its templates have two forms of expressions, and no other."""
    spec = importlib.util.spec_from_file_location("chart", DEPLOY / "chart.py")
    assert spec is not None and spec.loader is not None
    chart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chart)
    wanted = overlay("production")
    written = {str(one.relative_to(chart.CHART)): one.read_text() for one in chart.CHART.rglob("*.yaml")}
    assert chart.chart(overlay("production")) == written, "run: python deploy/chart.py"
    values = yaml.safe_load(written["values.yaml"])
    found = [
        document
        for name, text in written.items()
        if name.startswith("templates/")
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
