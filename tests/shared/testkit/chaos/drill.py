"""One drill: a fleet, a user who keeps starting runs, faults by a seed, calm, and the verdict."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testkit.chaos.faults import Faults
from testkit.chaos.fleet import SERVICES, Fleet
from testkit.chaos.programs import USER, WORK
from testkit.chaos.verdict import Verdict, judge
from testkit.cli import clean_environment
from testkit.waiting import wait_for

CALM_LIMIT_S = 200.0
"""When nothing goes wrong any more, everything ends within this; a loaded machine is slow."""
DEPLOY_LIMIT_S = 120.0
ENDLESS = 1_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a drill did and found."""

    seed: int
    seconds: float
    faults: Counter[str]
    verdict: Verdict
    tries_again: int

    def __str__(self) -> str:
        verdict = self.verdict
        counts = ", ".join(f"{count} x {what}" for what, count in sorted(self.faults.items()))
        return (
            f"seed {self.seed}: {verdict.runs} runs ({verdict.statuses}), {verdict.actions} actions, "
            f"{verdict.attempts} executions, {verdict.events} events in {self.seconds:.0f} s; "
            f"{self.faults.total()} faults ({counts}); "
            f"{len(verdict.lost)} lost workers ({verdict.unprovoked} that nobody had touched), "
            f"{verdict.reclaimed} came back in time, {verdict.beside} ran on beside their successors; "
            f"users tried again {self.tries_again} times; "
            f"broken promises: {len(verdict.broken)}"
        )


class Drill:
    """`runs` are started, `parallel` at a time; with `seconds` as many as there is time for."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        runs: int = ENDLESS,
        seconds: float | None = None,
        parallel: int = 4,
        nodes: int = 1,
    ) -> None:
        self._fleet = Fleet(folder, nodes=nodes)
        self._folder = folder
        self._seed, self._runs, self._seconds, self._parallel = seed, runs, seconds, parallel
        self._diary, self._stop, self._words = folder / "diary", folder / "stop", folder / "user.jsonl"

    def run(self) -> Outcome:
        """Do it. Raises AssertionError when something hangs or is left over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self._fleet:
            faults = Faults(self._fleet, self._seed)
            user = self._user()
            try:
                self._await(user, "deployed", DEPLOY_LIMIT_S)
                deadline = None if self._seconds is None else time.monotonic() + self._seconds
                faults.run_until(
                    lambda: user.poll() is not None or (deadline is not None and time.monotonic() > deadline)
                )
                self._stop.touch()
                self._await(user, "done", CALM_LIMIT_S)
                assert user.wait(STOP_S) == 0
            finally:
                user.kill()
                user.wait()
            verdict = asyncio.run(judge(self._fleet.servers, self._diary, self._said(), faults.absences))
            verdict.broken += [
                f"{name} ended by itself: {code}" for name, code in self._fleet.ended().items()
            ]
            wait_for("the attempts to be over", lambda: not any(self._fleet.agents().values()))
            self._fleet.end_executors()
            wait_for("the agents to be gone", lambda: not self._fleet.agents())
            wait_for("the work folders to be gone", lambda: not any(self._fleet.home.glob("work/*")))
        seconds = time.monotonic() - began
        again = sum(said["kind"] == "again" for said in self._said())
        return Outcome(self._seed, seconds, faults.counts, verdict, again)

    def logs(self) -> str:
        """What everybody said last, for a drill that failed."""
        words = {name: self._fleet.log(name) for name in SERVICES} | {"user": self._fleet.log("user")}
        words["told"] = self._words.read_text() if self._words.exists() else ""
        if self._fleet.cluster is not None:
            words["cluster"] = self._fleet.cluster.logs()
        return "\n".join(f"---- {name}\n{text[-6000:]}" for name, text in words.items())

    def _user(self) -> "subprocess.Popen[bytes]":
        """The user, in a folder and a process of their own."""
        (self._folder / "work.py").write_text(WORK)
        (self._folder / "user.py").write_text(USER)
        words = map(str, (self._seed, self._diary, self._stop, self._runs, self._parallel))
        with self._words.open("wb") as out, (self._folder / "user.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "user.py", *words],
                cwd=self._folder,
                env=clean_environment(**self._fleet.variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )

    def _said(self) -> list[dict[str, Any]]:
        lines = self._words.read_text().splitlines() if self._words.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def _await(self, user: "subprocess.Popen[bytes]", word: str, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not any(said["kind"] == word for said in self._said()):
            assert user.poll() is None, f"the user's program ended with {user.returncode}"
            if time.monotonic() > deadline:
                user.send_signal(signal.SIGUSR1)  # it tells where it waits
                time.sleep(1.0)
                raise AssertionError(f"no {word!r} from the user within {limit_s:g} s")
            time.sleep(0.1)


STOP_S = 30.0
"""How long the user's program may take to end after its last word."""
