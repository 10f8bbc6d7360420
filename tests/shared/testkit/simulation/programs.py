"""What the tasks of a world do: drawn from its seed, the same in every attempt but for the failures."""

import random
from dataclasses import dataclass
from enum import StrEnum

from flyte_schemas.task import Policies, TaskReference

ENDLESS_S = 1_500.0
"""Longer than anybody waits: only an abort or a deadline ends it in time."""


class Ending(StrEnum):
    """How an attempt ends."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    FAILS_FOR_GOOD = "fails for good"
    INTERRUPTED = "interrupted"
    VANISHES = "vanishes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One task: its policies, the tasks that it calls, and how its first attempts end; later ones succeed."""

    task: TaskReference
    policies: Policies
    calls: tuple[tuple[str, int], ...]
    """Task name and input of each child; all are asked for at once."""
    endings: tuple[Ending, ...]
    longest_s: float

    @property
    def steps(self) -> int:
        """How many traced steps it takes before it calls its children."""
        return (len(self.calls) + len(self.endings)) % 3

    @property
    def saves(self) -> bool:
        """Whether it saves checkpoints and a report."""
        return self.steps == 2

    def ending(self, attempt: int) -> Ending:
        return self.endings[attempt - 1] if attempt <= len(self.endings) else Ending.SUCCEEDS


def draw_programs(dice: random.Random, levels: int = 3) -> dict[str, Program]:
    """Tasks by name, in levels: each calls only tasks of the level below."""
    programs: dict[str, Program] = {}
    below: list[str] = []
    for level in range(levels):
        names = [f"env.level{level}_{number}" for number in range(dice.randint(1, 2))]
        for name in names:
            programs[name] = _draw(dice, name, below)
        below = names
    return programs


def _draw(dice: random.Random, name: str, below: list[str]) -> Program:
    count = dice.randint(0, 3) if below else 0
    calls = tuple((dice.choice(below), dice.randint(0, 1)) for _ in range(count))
    likely = [Ending.SUCCEEDS] * 4 + [Ending.FAILS] * 3 + list(Ending)
    endings = tuple(dice.choice(likely) for _ in range(dice.randint(0, 3)))
    return Program(
        task=TaskReference(name=name, version="v1"),
        policies=_policies(dice),
        calls=calls,
        endings=endings,
        longest_s=dice.choice((0.0, 0.0, 1.0, 30.0, 100.0, 300.0, 300.0, ENDLESS_S)),
    )


def _policies(dice: random.Random) -> Policies:
    wanted: dict[str, object] = {"retries": dice.choice((0, 1, 3))}
    if dice.random() < 0.4:
        wanted["backoff"] = {"base_s": dice.choice((0.5, 5.0)), "factor": 2.0, "cap_s": 20.0}
    if dice.random() < 0.2:
        wanted["deadline_s"] = dice.choice((5.0, 100.0))
    if dice.random() < 0.2:
        wanted["max_queued_s"] = dice.choice((2.0, 60.0))
    if dice.random() < 0.4:
        wanted["cache"] = {"behavior": "auto", "version": "c", "serialize": dice.random() < 0.5}
    return Policies.model_validate(wanted)
