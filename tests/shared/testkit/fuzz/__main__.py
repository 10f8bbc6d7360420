"""`make fuzz`: feeds every entry for its share of the time, each in a process of its own, and counts.

With atheris the pure entries are led by what code their inputs reach; else, and for those that run services,
inputs come from seeds. What breaks an entry is written into `.fuzz/`, and `--again FILE` feeds it once more.
"""

import argparse
import hashlib
import importlib.util
import logging
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from testkit.fuzz.engine import Driven, for_a_while, led_by_coverage

if TYPE_CHECKING:
    from testkit.fuzz.entry import Entry

KEPT = Path(".fuzz")
LED = (
    "events",
    "folds",
    "schedules",
    "subjects",
    "images",
    "bundles",
    "archives",
    "configurations",
    "values",
)
"""Entries without other tasks and processes, whose way through the code atheris can follow."""
OURS = ("flyte_schemas", "flyte_bus", "flyte_agent", "flyte_executor", "flyte_console")
LATE_S = 120.0
"""So long after its time an entry has made something hang that no event loop can end."""


def main() -> int:
    """Feed one entry or all; 1 when one of them broke."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--entry", help="only this one")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 30))
    parser.add_argument("--again", type=Path, metavar="FILE", help="feed what broke the entry before")
    asked = parser.parse_args()
    if asked.entry:
        return Alone(asked.entry, asked.minutes * 60, asked.seed).feed(asked.again)
    names = list(_entries(follows=False))
    return max([_apart(name, asked.minutes / len(names), asked.seed) for name in names])


def _apart(name: str, minutes: float, seed: int) -> int:
    """Feed an entry in a process of its own, which ends even when it hangs."""
    words = ["--entry", name, "--minutes", str(minutes), "--seed", str(seed)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "testkit.fuzz", *words], check=False, timeout=minutes * 60 + LATE_S
        )
    except subprocess.TimeoutExpired:
        print(f"{name}: HANGS: no end within {LATE_S:g} s of its time (seed {seed})", flush=True)
        return 1
    return int(done.returncode != 0)


def _entries(*, follows: bool) -> dict[str, "type[Entry]"]:
    """The entries; with `follows` what they import is made to tell atheris which of it runs."""
    if not follows:
        return importlib.import_module("testkit.fuzz.table").ENTRIES  # type: ignore[no-any-return]
    import atheris

    with atheris.instrument_imports(include=["flyte", *OURS]):
        return importlib.import_module("testkit.fuzz.table").ENTRIES  # type: ignore[no-any-return]


class Alone:
    """One entry, fed in this process."""

    def __init__(self, name: str, seconds: float, seed: int) -> None:
        quiet()
        self.name, self.seconds, self.seed = name, seconds, seed
        self.follows = name in LED and importlib.util.find_spec("atheris") is not None
        entries = _entries(follows=self.follows)
        if name not in entries:
            sys.exit(f"there is no entry {name!r}: choose one of {', '.join(entries)}")
        self.driven = Driven(entries[name])
        self.began = time.monotonic()

    def feed(self, again: Path | None) -> int:
        """Feed until the time is over, or what broke it before; the exit code."""
        try:
            if again is not None:
                self.driven.feed(again.read_bytes())
            elif self.follows:
                led_by_coverage(self.driven, self.seconds, self.seed, self.finish)
            else:
                for_a_while(self.driven, self.seconds, self.seed)
        except Exception as error:
            return self.finish(error)
        return self.finish(None)

    def finish(self, error: BaseException | None) -> int:
        """Close the entry, tell how it went, and keep what broke it; the exit code."""
        last = self.driven.last
        try:
            self.driven.close()
        except Exception as left:
            error = error or left
        led = "led by coverage" if self.follows else "from seeds"
        took, gained = time.monotonic() - self.began, self.driven.gained or "nothing"
        came = "".join(f"; {word}: {count}" for word, count in sorted(self.driven.counts.items()))
        print(
            f"{self.name}: {self.driven.fed} inputs {led} in {took:.0f} s; gained: {gained}{came}", flush=True
        )
        if error is None:
            return 0
        traceback.print_exception(error)
        KEPT.mkdir(exist_ok=True)
        path = KEPT / f"{self.name}-{hashlib.sha256(last).hexdigest()[:12]}"
        path.write_bytes(last)
        words = f"PYTHONPATH=tests/shared .venv/bin/python -m testkit.fuzz --entry {self.name} --again {path}"
        print(f"{self.name}: BROKEN; again by: {words}", flush=True)
        return 1


def quiet() -> None:
    """Let nothing write what it logs: every input would."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main())
