"""Looks for known vulnerabilities in what is locked: pip-audit for Python, `npm audit` for the console.

Whether there is anything to compare with depends on the network. Where it does not give the advisories, one
line says so, and why: that is no finding, unless `--insist` asks for it to be one.
"""

import argparse
import dataclasses
import datetime
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WAIT_S = 180.0
"""How long one source of advisories may take over everything."""
SOURCES = ("osv", "pypi")
"""The first that answers is asked for all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A version that is locked, and what is known of it."""

    package: str
    ids: tuple[str, ...]
    """The advisory's id, then its other names."""
    advice: str

    def __str__(self) -> str:
        return f"{self.package}: {', '.join(self.ids)}: {self.advice}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What one ecosystem's advisories said."""

    findings: tuple[Finding, ...] = ()
    audited: int = 0
    left_out: tuple[str, ...] = ()
    """What was not looked at, and why."""


def pip_answer(report: dict[str, Any]) -> Answer:
    """What pip-audit's JSON says."""
    findings = [
        Finding(
            package=f"{package['name']} {package['version']}",
            ids=(found["id"], *found.get("aliases", ())),
            advice=f"fixed in {', '.join(found['fix_versions']) or 'no version yet'}",
        )
        for package in report["dependencies"]
        for found in package.get("vulns", ())
    ]
    left_out = tuple(p["skip_reason"] for p in report["dependencies"] if "skip_reason" in p)
    return Answer(
        findings=tuple(findings), audited=len(report["dependencies"]) - len(left_out), left_out=left_out
    )


def npm_answer(report: dict[str, Any]) -> Answer:
    """What `npm audit --json` says."""
    if "vulnerabilities" not in report:
        return Answer(left_out=(f"npm: {report.get('message') or report.get('error') or 'no answer'}",))
    findings = [
        Finding(
            package=f"{name} {found['range']}",
            ids=tuple(via["url"].rsplit("/", 1)[-1] for via in found["via"] if isinstance(via, dict)),
            advice=f"{found['severity']}; `npm audit fix` in services/console/web",
        )
        for name, found in report["vulnerabilities"].items()
        if any(isinstance(via, dict) for via in found["via"])
    ]
    return Answer(findings=tuple(findings), audited=report["metadata"]["dependencies"]["total"])


def judge(findings: Iterable[Finding], ignored: list[dict[str, Any]], today: datetime.date) -> list[str]:
    """What has to be done: findings that nobody gave a reason for, and reasons that are over."""
    findings = list(findings)
    over = [entry for entry in ignored if entry["until"] <= today]
    left = {entry["id"] for entry in ignored} - {entry["id"] for entry in over}
    words = [str(finding) for finding in findings if not left & set(finding.ids)]
    return words + [f"{entry['id']} was left until {entry['until']}: look at it again" for entry in over]


def ask_pip(lock: str) -> Answer:
    """Everything in the lock, from the first source that knows its first package."""
    reasons: list[str] = []
    for source in SOURCES:
        if (trial := _pip_audit(source, _first(lock))).audited:
            return _pip_audit(source, lock)
        reasons += trial.left_out
    return Answer(left_out=tuple(reasons))


def _first(lock: str) -> str:
    lines: list[str] = []
    for line in lock.splitlines():
        if lines and not line.startswith(" "):
            break
        if not line.startswith("#"):
            lines.append(line)
    return "\n".join(lines)


def _pip_audit(source: str, lock: str) -> Answer:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(lock + "\n")
        file.flush()
        words = ["-m", "pip_audit", "--requirement", file.name, "--disable-pip", "--require-hashes"]
        more = ["--vulnerability-service", source, "--format", "json", "--progress-spinner", "off"]
        report, trouble = _json_of([sys.executable, *words, *more], ROOT)
    return Answer(left_out=(f"{source}: {trouble}",)) if report is None else pip_answer(report)


def ask_npm() -> Answer:
    """Everything in the console's package-lock.json."""
    if shutil.which("npm") is None:
        return Answer(left_out=("npm: it is not installed",))
    report, trouble = _json_of(["npm", "audit", "--json"], ROOT / "services" / "console" / "web")
    return Answer(left_out=(f"npm: {trouble}",)) if report is None else npm_answer(report)


def _json_of(words: list[str], folder: Path) -> tuple[dict[str, Any] | None, str]:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=WAIT_S, cwd=folder, check=False)
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {WAIT_S:g} s"
    except ValueError:
        return None, (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
    return report, ""


def main() -> int:
    """Ask, tell, and return 1 where something has to be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--insist", action="store_true", help="fail where advisories cannot be had")
    insist: bool = parser.parse_args().insist
    answers = {"Python": ask_pip((ROOT / "requirements.lock").read_text()), "npm": ask_npm()}
    for name, answer in answers.items():
        sys.stdout.write(_told(name, answer) + "\n")
    ignored = tomllib.loads((ROOT / "deploy" / "advisories.toml").read_text())["ignored"]
    findings = [finding for answer in answers.values() for finding in answer.findings]
    words = judge(findings, ignored, datetime.datetime.now(datetime.UTC).date())
    for word in words:
        sys.stdout.write(f"  {word}\n")
    if words:
        sys.stdout.write("Upgrade (`make lock UPGRADE=1`), or give a reason in deploy/advisories.toml.\n")
    return int(bool(words) or (insist and any(answer.left_out for answer in answers.values())))


def _told(name: str, answer: Answer) -> str:
    if not answer.audited:
        return f"{name}: NOT AUDITED, the advisories could not be had here ({answer.left_out[0]})"
    rest = f"; NOT AUDITED: {'; '.join(answer.left_out)}" if answer.left_out else ""
    return f"{name}: {answer.audited} packages audited, {len(answer.findings)} advisories{rest}"


if __name__ == "__main__":
    sys.exit(main())
