"""`make bench`: measure every row, print one table, keep the figures as JSON."""

import json
import logging
import sys
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "shared"))

from bench import (
    commands,
    console,
    folders,
    large,
    local,
    log,
    losses,
    noisy_neighbour,
    objects,
    read_model,
    recovery,
)
from bench.rows import HEADER, Row

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """Run all benchmarks; what each floor is stands below the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(HEADER)
    rows: list[Row] = []
    for source in (
        log.rows,
        recovery.rows,
        read_model.rows,
        losses.rows,
        local.rows,
        commands.bare,
        commands.with_stack,
        objects.rows,
        folders.rows,
        large.rows,
        console.rows,
        noisy_neighbour.rows,
    ):
        for row in source():
            print(row.line(), flush=True)
            rows.append(row)
    print("\nfloors, on this machine, in this run:")
    for row in rows:
        if row.floor is not None:
            print(f"  {row.what}: {row.floor_is}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            [
                {
                    "what": row.what,
                    "unit": row.unit,
                    "median": row.median,
                    "figures": row.figures,
                    "floor": row.floor,
                    "goal": row.goal,
                }
                for row in rows
            ],
            indent=2,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
