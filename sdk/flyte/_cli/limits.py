"""How the limits of a project are shown."""

from collections.abc import Iterable

from flyte._cli.show import table
from flyte._client.limits import Line


def limits_table(lines: Iterable[Line]) -> str:
    """What a project may use, and uses, in each domain."""
    return table(("DOMAIN", "LIMIT OF", "IN USE", "LIMIT", "SAID FOR"), map(_row, lines))


def _row(line: Line) -> tuple[str, ...]:
    use = "" if line.use is None else f"{line.use:,.10g}"
    limit = "none" if line.limit is None else f"{line.limit:,.10g}"
    limit = limit if line.is_told else "not told"
    return line.domain, line.what.replace("_", " "), use, limit, line.said_for
