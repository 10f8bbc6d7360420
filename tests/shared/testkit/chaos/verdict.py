"""Whether the promises were kept: from the log, the diary of the functions, and what users were told."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from flyte_schemas.audit import Audit
from flyte_schemas.envelope import Malformed
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import REJECTED, RUNS
from flyte_schemas.subjects import RunKey, parse_action
from testkit.chaos.fleet import Servers
from testkit.chaos.programs import expected


@dataclass(slots=True)
class Verdict:
    """What was found; `broken` is empty when every promise was kept."""

    broken: list[str] = field(default_factory=list)
    runs: int = 0
    actions: int = 0
    attempts: int = 0
    events: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One execution of a function, as its diary tells it; times in nanoseconds."""

    action: str
    attempt: int
    pid: int
    began: int
    ended: int | None


async def judge(servers: Servers, diary: Path, told: list[dict[str, Any]]) -> Verdict:
    """Read everything, and check it."""
    verdict = Verdict()
    folds = await _audit(servers, verdict)
    _check_runs(folds, told, verdict)
    _check_calls(folds, read_diary(diary), verdict)
    return verdict


async def _audit(servers: Servers, verdict: Verdict) -> dict[RunKey, RunFold]:
    audit, folds = Audit(), defaultdict[RunKey, RunFold](RunFold)
    settings = BusSettings(url=servers.url, user=servers.user, password=servers.password)
    async with await connect(settings) as bus:
        async for entry in bus.log.read(RUNS, RUNS.subjects[0]):
            audit.take(entry.subject, entry.sequence, entry.content)
            key = parse_action(entry.subject)
            if key is not None and not isinstance(entry.content, Malformed):
                folds[key.run].apply(key.action, entry.content, entry.sequence)
        async for entry in bus.log.read(REJECTED, REJECTED.subjects[0]):
            verdict.broken.append(f"a message was set aside: {entry.raw.decode()[:300]}")
    audit.finish()
    verdict.broken += [str(violation) for violation in audit.violations]
    verdict.broken += [f"{key} has not ended" for key in audit.unsettled()]
    if audit.malformed:
        verdict.broken.append(f"{audit.malformed} messages cannot be read")
    verdict.runs, verdict.actions, verdict.events = audit.runs, audit.actions, audit.events
    return folds


def _check_runs(folds: dict[RunKey, RunFold], told: list[dict[str, Any]], verdict: Verdict) -> None:
    """Every acknowledged run is there, ended as its user was told, with the right value."""
    by_name = {key.run: fold for key, fold in folds.items()}
    aborted = {said["run"] for said in told if said["kind"] == "aborted"}
    ends = {said["run"]: said["status"] for said in told if said["kind"] == "ended"}
    for said in told:
        if said["kind"] != "started":
            continue
        name = said["run"]
        if name not in by_name:
            verdict.broken.append(f"{name} was acknowledged, and is not in the log")
            continue
        state = by_name[name].get("a0")
        status = "" if state.phase is None else state.phase.value.upper()
        verdict.statuses[status] = verdict.statuses.get(status, 0) + 1
        if ends.get(name) != status:
            verdict.broken.append(f"{name} ended as {status}, and its user was told {ends.get(name)}")
        if state.phase is ActionPhase.SUCCEEDED:
            value = (state.outputs or {}).get("o0")
            if not isinstance(value, InlineLiteral) or value.value != expected(said["number"]):
                verdict.broken.append(f"{name} has the wrong value: {value}")
        elif state.phase is not ActionPhase.ABORTED or name not in aborted:
            verdict.broken.append(f"{name} ended as {status}: {state.failure}")


def read_diary(diary: Path) -> list[Call]:
    """The executions of functions, in the order in which they began."""
    calls: dict[tuple[str, int, int], Call] = {}
    for line in diary.read_text().splitlines() if diary.exists() else []:
        action, attempt, pid, word, at = line.split()
        key = (action, int(attempt), int(pid))
        if word == "begin":
            calls[key] = Call(action, int(attempt), int(pid), int(at), None)
        else:
            calls[key] = Call(*key, calls[key].began, int(at))
    return sorted(calls.values(), key=lambda call: call.began)


def _check_calls(folds: dict[RunKey, RunFold], calls: list[Call], verdict: Verdict) -> None:
    """No function ran twice for an attempt, beside itself, or after it had succeeded."""
    states = {
        f"{key.run}/{name}": state for key, fold in folds.items() for name, state in fold.actions.items()
    }
    by_action = defaultdict[str, list[Call]](list)
    for call in calls:
        by_action[call.action].append(call)
    verdict.attempts = len(calls)
    for action, executions in by_action.items():
        state = states.get(action)
        attempts = [call.attempt for call in executions]
        if state is None:
            verdict.broken.append(f"{action} ran, and is not in the log")
            continue
        if len(set(attempts)) < len(attempts):
            verdict.broken.append(f"{action} ran twice in one attempt: {executions}")
        if state.phase is ActionPhase.SUCCEEDED and max(attempts) > state.attempt:
            verdict.broken.append(f"{action} succeeded in attempt {state.attempt} and ran on: {attempts}")
        for one, other in pairwise(executions):
            if one.ended is not None and one.ended > other.began:
                verdict.broken.append(f"{action} ran two at a time: {one} and {other}")
