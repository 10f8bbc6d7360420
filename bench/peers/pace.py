"""How fast the machine is at the moment: others may use it too, and a number means little without that."""

import statistics

from bench.rows import several

ADDENDS = 1_000_000
TIMES = 9


def pace() -> float:
    """Milliseconds that one core needs for a fixed sum; the median of some."""
    return 1000 * statistics.median(several(lambda: sum(range(ADDENDS)), TIMES))
