"""What goes wrong, chosen by a seed: who, what (killed, paused, cut off), and for how long."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from testkit.chaos.absences import Absences
from testkit.chaos.fleet import LEASE_S, SERVICES, Fleet
from testkit.processes import below

MAX_LOSSES_OF_AN_ACTION = 2
"""An action whose worker is lost four times in a row fails, as it should; here every run must succeed."""
LONG = "for longer than a lease"


@dataclass(slots=True)
class Faults:
    """Breaks something and mends it a while later; `counts` says what was done, by `act component`.

    The part `long_part` of all faults lasts for longer than a lease, one at a time; half of these silence an
    agent. Meanwhile nats-servers and executors are left alone: to who was away a silence says nothing.
    `absences` tells which agents could not be heard.
    """

    fleet: Fleet
    seed: int
    gap_s: tuple[float, float] = (0.3, 2.0)
    down_s: tuple[float, float] = (0.1, 2.5)
    long_s: tuple[float, float] = (1.5 * LEASE_S, 2.5 * LEASE_S)
    long_part: float = 0.2
    counts: Counter[str] = field(default_factory=Counter)
    absences: Absences = field(default_factory=Absences)
    _chance: random.Random = field(default_factory=random.Random)
    _later: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)
    _lost: Counter[str] = field(default_factory=Counter)
    _is_long: bool = False
    _long_until: float = 0.0
    _silent_until: float = 0.0

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """Break things until it is over, then mend all."""
        next_fault = time.monotonic()
        try:
            while not is_over():
                self._mend_what_is_due(time.monotonic())
                if time.monotonic() >= next_fault:
                    self._break_something(time.monotonic())
                    next_fault = time.monotonic() + self._chance.uniform(*self.gap_s)
                time.sleep(0.02)
        finally:
            self._mend_what_is_due(float("inf"))

    def _mend_what_is_due(self, now: float) -> None:
        due = [entry for entry in self._later if entry[0] <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        for _, _, mend in due:
            mend()

    def _break_something(self, now: float) -> None:
        broken = {name for _, name, _ in self._later}
        servers = [name for name in self.fleet.names if name not in SERVICES]
        whole = [name for name in (*SERVICES, "agent") if name not in broken]
        if now <= self._silent_until:
            whole = [name for name in whole if SERVICES.get(name) != "executor"]
        elif broken.isdisjoint(servers):  # of a cluster one at a time: two of three are no cluster
            whole.append(self._chance.choice(servers))
        victim = self._chance.choice(whole)
        self._is_long = now > self._long_until and self._chance.random() < self.long_part
        if victim == "agent" or (self._is_long and self._chance.random() < 0.5):
            self._break_agent(now)
            return
        acts = {"kill": self._kill, "pause": self._pause}
        if self.fleet.cluster is not None and victim in servers:
            acts["cut off"] = self._cut_off
        act = self._chance.choice(sorted(acts))
        acts[act](victim)
        self._count(f"{act} {victim}")

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

    def _break_agent(self, now: float) -> None:
        agents = sorted(self.fleet.agents().items())
        if not agents:
            return
        pid, action = self._chance.choice(agents)
        action = action or f"nothing, by {pid}"
        may_be_lost = self._lost[action] < MAX_LOSSES_OF_AN_ACTION
        self._is_long = self._is_long and may_be_lost
        if may_be_lost and not self._is_long and self._chance.random() < 0.5:
            self._lost[action] += 1
            self.absences.begin(pid)
            _send((pid,), signal.SIGKILL)
            self._count("kill agent")
            return
        paused: tuple[int, ...] = (pid,)
        if self._is_long:
            self._lost[action] += 1
            self._silent_until = now + self.long_s[1]
            if self._chance.random() < 0.5:  # the machine sleeps; else it is cut off, and the task goes on
                paused = (pid, *below(pid))
        _send(paused, signal.SIGSTOP)
        self._after(f"agent {pid}", lambda: _send(paused, signal.SIGCONT), pid)
        self._count("pause agent" if len(paused) == 1 else "pause agent and task")

    def _after(self, name: str, mend: Callable[[], None], pid: int | None = None) -> None:
        """Mend it in a while. Until then the agent `pid` cannot be heard, or those at a server of several."""
        down_s = self._chance.uniform(*(self.long_s if self._is_long else self.down_s))
        at = time.monotonic() + down_s
        if self._is_long:
            self._long_until = at
        self._later.append((at, name, mend))
        if pid is not None or (self.fleet.cluster is not None and name not in SERVICES):
            self._later.append((at, name, self.absences.begin(pid).end))

    def _count(self, what: str) -> None:
        self.counts[f"{what} {LONG}" if self._is_long else what] += 1


def _send(pids: tuple[int, ...], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # it was over just now
