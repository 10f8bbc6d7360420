"""Whether the promises were kept: from the log, the diary of the functions, and what users were told."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from flyte_schemas.action import ActionState
from flyte_schemas.audit import Audit
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import AttemptFailed, AttemptReclaimed
from flyte_schemas.failure import Failure
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import REJECTED, RUNS
from flyte_schemas.subjects import ActionKey, RunKey, parse_action
from testkit.chaos.absences import Absences
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
    lost: dict[tuple[str, int], int] = field(default_factory=dict)
    """Attempts that were given away for the silence of their workers, by action and number: whose pid."""
    unprovoked: int = 0
    """How many of them had been in touch all the time, as far as the drill knows."""
    reclaimed: int = 0
    beside: int = 0
    """Executions that went on beside their successors, as only those of workers out of touch may."""
    statuses: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One execution of a function, as its diary tells it; times in nanoseconds."""

    action: str
    attempt: int
    pid: int
    began: int
    ended: int | None


async def judge(servers: Servers, diary: Path, told: list[dict[str, Any]], absences: Absences) -> Verdict:
    """Read everything, and check it."""
    verdict = Verdict()
    folds = await _audit(servers, verdict)
    _check_runs(folds, told, verdict)
    check_calls(folds, read_diary(diary), absences, verdict)
    verdict.unprovoked = sum(not absences.of(pid, 0, math.inf) for pid in verdict.lost.values())
    return verdict


async def _audit(servers: Servers, verdict: Verdict) -> dict[RunKey, RunFold]:
    audit, folds = Audit(), defaultdict[RunKey, RunFold](RunFold)
    settings = BusSettings(url=servers.url, user=servers.user, password=servers.password)
    async with await connect(settings) as bus:
        async for entry in bus.log.read(RUNS, RUNS.subjects[0]):
            audit.take(entry.subject, entry.sequence, entry.content)
            key = parse_action(entry.subject)
            if key is not None and not isinstance(entry.content, Malformed):
                _note_losses(key, folds[key.run].get(key.action), entry.content.data, verdict)
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


def _note_losses(key: ActionKey, before: ActionState, data: object, verdict: Verdict) -> None:
    match data:
        case AttemptReclaimed():
            verdict.reclaimed += 1
        case AttemptFailed(attempt=attempt, failure=Failure(code="WorkerLost")) if before.has_open(attempt):
            pid = int(before.worker.rpartition("/")[2])
            verdict.lost[f"{key.run.run}/{key.action}", attempt] = pid
        case _:
            pass


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


def check_calls(
    folds: Mapping[RunKey, RunFold], calls: list[Call], absences: Absences, verdict: Verdict
) -> None:
    """No function ran twice for an attempt, beside itself, or after it had succeeded.

    But for one case: an attempt whose worker was out of touch, and was given away for it, may run on.
    """
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
        for one, other in combinations(executions, 2):
            if one.ended is None or one.ended <= other.began:
                continue
            earlier = min(one, other, key=lambda call: call.attempt)
            pid = verdict.lost.get((action, earlier.attempt))
            if pid is not None and absences.of(pid, one.began, other.began):
                verdict.beside += 1
            else:
                verdict.broken.append(f"{action} ran two at a time: {one} and {other}")
