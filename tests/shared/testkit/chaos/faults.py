"""What goes wrong, chosen by a seed: who, what (killed, paused, cut off), and for how long."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from testkit.chaos.fleet import SERVICES, Fleet

MAX_KILLS_OF_AN_ACTION = 2
"""An action whose worker is lost four times in a row fails, as it should; here every run must succeed."""


@dataclass(slots=True)
class Faults:
    """Breaks something and mends it a while later; `counts` says what was done, by `act component`."""

    fleet: Fleet
    seed: int
    gap_s: tuple[float, float] = (0.3, 2.0)
    down_s: tuple[float, float] = (0.1, 2.5)
    counts: Counter[str] = field(default_factory=Counter)
    _chance: random.Random = field(default_factory=random.Random)
    _later: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)
    _killed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """Break things until it is over, then mend all."""
        next_fault = time.monotonic()
        try:
            while not is_over():
                self._mend_what_is_due(time.monotonic())
                if time.monotonic() >= next_fault:
                    self._break_something()
                    next_fault = time.monotonic() + self._chance.uniform(*self.gap_s)
                time.sleep(0.02)
        finally:
            self._mend_what_is_due(float("inf"))

    def _mend_what_is_due(self, now: float) -> None:
        due = [entry for entry in self._later if entry[0] <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        for _, _, mend in due:
            mend()

    def _break_something(self) -> None:
        broken = {name for _, name, _ in self._later}
        servers = [name for name in self.fleet.names if name not in SERVICES]
        whole = [name for name in (*SERVICES, "agent") if name not in broken]
        if broken.isdisjoint(servers):  # of a cluster one at a time: two of three are no cluster
            whole.append(self._chance.choice(servers))
        if not whole:
            return
        victim = self._chance.choice(whole)
        if victim == "agent":
            self._break_agent()
            return
        acts = {"kill": self._kill, "pause": self._pause}
        if self.fleet.cluster is not None and victim in servers:
            acts["cut off"] = self._cut_off
        act = self._chance.choice(sorted(acts))
        acts[act](victim)
        self.counts[f"{act} {victim}"] += 1

    def _kill(self, name: str) -> None:
        self.fleet.kill(name)
        self._after(name, lambda: self.fleet.start(name))

    def _pause(self, name: str) -> None:
        self.fleet.send(name, signal.SIGSTOP)
        self._after(name, lambda: self.fleet.send(name, signal.SIGCONT))

    def _cut_off(self, name: str) -> None:
        cluster = self.fleet.cluster
        assert cluster is not None
        node = cluster.nodes[int(name.rpartition("-")[2])]
        cluster.cut_off(node)
        if self._chance.random() < 0.5:
            node.clients.shut()
        self._after(name, cluster.heal)

    def _break_agent(self) -> None:
        agents = sorted(self.fleet.agents().items())
        if not agents:
            return
        pid, action = self._chance.choice(agents)
        if self._chance.random() < 0.5 and self._killed[action] < MAX_KILLS_OF_AN_ACTION:
            self._killed[action] += 1
            _send(pid, signal.SIGKILL)
            self.counts["kill agent"] += 1
        else:
            _send(pid, signal.SIGSTOP)
            self._after(f"agent {pid}", lambda: _send(pid, signal.SIGCONT))
            self.counts["pause agent"] += 1

    def _after(self, name: str, mend: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + self._chance.uniform(*self.down_s), name, mend))


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it was over just now
