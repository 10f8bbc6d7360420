"""What was measured as two tables, which are Markdown too: the figures, and what each system keeps."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.peers.measured import CHILD, HELP, IDLE, IMPORT, PACE, STEP, Figure, Measured, fan_out
from bench.peers.systems import Kept

NOTHING = "—"


def lines(systems: Sequence[Measured], machine: str) -> Iterator[str]:
    """The table of figures, then what it says nothing of: failures, notes, versions."""
    yield from _table(["system", "durable", *COLUMNS], [_row(system) for system in systems])
    yield ""
    yield (
        f"Median of the rounds (their min..max; p99 of all samples), {machine}. Pace: what the same sum took "
        "the machine before and after; where it is longer, the machine was slower or had other things to do."
    )
    yield from (f"{system.title}: NOT ALL MEASURED: {system.failure}" for system in systems if system.failure)
    for system in systems:
        yield "; ".join([f"{system.title}: {system.versions}", *system.notes])


def kept(systems: Mapping[str, Kept]) -> Iterator[str]:
    """The table of what each keeps."""
    head = ["system", "recorded", "an action whose worker is killed", "on disk", "whose code", "values"]
    rows = [
        [title, one.durable, one.killed, one.disk, one.code, one.values] for title, one in systems.items()
    ]
    yield from _table(head, rows)


def _spread(figure: Figure) -> str:
    text = number(figure.median)
    if len(figure.rounds) > 1:
        text += f" ({number(min(figure.medians))}..{number(max(figure.medians))})"
    return text


def _late(figure: Figure) -> str:
    return NOTHING if figure.late is None else number(figure.late)


def _median(figure: Figure) -> str:
    return number(figure.median)


def _ends(figure: Figure) -> str:
    return ", ".join(map(number, figure.medians))


def number(value: float) -> str:
    """Three digits, and no more zeros than needed."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


COLUMNS: dict[str, tuple[str, Callable[[Figure], str]]] = {
    "child, ms": (CHILD, _spread),
    "p99": (CHILD, _late),
    "1,000 at once, /s": (fan_out(1_000), _spread),
    "10,000, /s": (fan_out(10_000), _spread),
    "step, ms": (STEP, _spread),
    "idle, MiB": (IDLE, _median),
    "--help, s": (HELP, _median),
    "import, s": (IMPORT, _median),
    "pace, ms": (PACE, _ends),
}


def _row(system: Measured) -> list[str]:
    cells = []
    for name, show in COLUMNS.values():
        figure = system.figures.get(name)
        cells.append(show(figure) if figure else NOTHING)
    title = f"{system.title} (see below)" if system.failure else system.title
    return [title, system.durable, *cells]


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for cells in (head, ["-" * width for width in widths], *rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
