"""`make bench-peers`: the same shapes here and on other systems, one table, the figures as JSON."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "shared"))
# Users have the bytecode that installing made; some machines switch it off for all programs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from bench.peers import ours, table, theirs
from bench.peers.measured import Measured
from bench.peers.processes import nothing_left
from bench.peers.systems import OURS, OURS_LOCAL, PEERS

RESULTS = Path(__file__).parents[1] / "results" / "peers.json"
OURSELVES = "flytejet"


def main() -> int:
    """Measure the systems that are named, or all. 1: one of ours failed. What others lack is in the table."""
    names = [OURSELVES, *(peer.name for peer in PEERS)]
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=", ".join(names))
    wanted = parser.parse_args().systems or names
    if unknown := set(wanted) - set(names):
        parser.error(f"not there: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    measured = list(_measure(wanted))
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print("\n".join(table.lines(measured, machine)), end="\n\n")
    kept = {"Flytejet": OURS, "Flytejet, local mode": OURS_LOCAL} | {peer.title: peer.kept for peer in PEERS}
    print("\n".join(table.kept(kept)))
    RESULTS.parent.mkdir(exist_ok=True)
    systems = [system.as_json() for system in measured]
    RESULTS.write_text(json.dumps({"machine": machine, "systems": systems}, indent=2))
    return any(system.failure and system.title.startswith("Flytejet") for system in measured)


def _measure(wanted: list[str]) -> Iterator[Measured]:
    if OURSELVES in wanted:
        with nothing_left():
            for system in ours.rows():
                yield _told(system)
    for peer in PEERS:
        if peer.name in wanted:
            yield _told(theirs.measure(peer))


def _told(system: Measured) -> Measured:
    print(f"{system.title}: {system.failure or 'measured'}", file=sys.stderr, flush=True)
    return system


if __name__ == "__main__":
    sys.exit(main())
