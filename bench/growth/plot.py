"""Figures as a picture: panels side by side, sizes on a logarithmic axis, as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from bench.growth.measured import Point
from bench.growth.watched import KINDS

WIDTH, HEIGHT = 330, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 40, 46
INKS = ("#2266bb", "#bb5522", "#228855", "#8844aa")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.title{font-weight:600}"
    ".faint{stroke:#ddd}.axis{stroke:#888}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.faint{stroke:#444}}"
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram: `lines` are named, and have a value for each of `sizes`."""

    title: str
    below: str
    sizes: Sequence[int]
    lines: Mapping[str, Sequence[float]]


def picture(actions: Sequence[Point], runs: Sequence[Point]) -> str:
    """The SVG of what was measured."""
    sizes = [point.size for point in actions]
    memory = {kind: [point.memory[kind] for point in actions] for kind in KINDS}
    panels = (
        Panel("actions a second", "actions of one parent", sizes, {"": [one.rate for one in actions]}),
        Panel("most memory, MiB", "actions of one parent", sizes, memory),
        Panel(
            "actions a second",
            "runs at a time",
            [one.size for one in runs],
            {"": [one.rate for one in runs]},
        ),
    )
    drawn = "".join(_drawn(panel, index * WIDTH) for index, panel in enumerate(panels))
    size = f'width="{WIDTH * len(panels)}" height="{HEIGHT}" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>{drawn}</svg>\n'


def _drawn(panel: Panel, left: int) -> str:
    top = _round_up(max(value for values in panel.lines.values() for value in values))
    x0, x1, y0, y1 = left + LEFT, left + WIDTH - RIGHT, HEIGHT - BOTTOM, TOP
    first, last = log10(panel.sizes[0]), log10(panel.sizes[-1])

    def across(size: float) -> float:
        return x0 + (x1 - x0) * (log10(size) - first) / (last - first)

    def up(value: float) -> float:
        return y0 + (y1 - y0) * value / top

    parts = [
        _text(x0, TOP - 22, panel.title, "title"),
        _text((x0 + x1) / 2, HEIGHT - 8, panel.below, "", "middle"),
    ]
    for quarter in range(5):
        value = top * quarter / 4
        parts.append(f'<path class="faint" d="M{x0} {up(value):.1f}H{x1}"/>')
        parts.append(_text(x0 - 6, up(value) + 4, f"{value:,.0f}", "", "end"))
    parts.append(f'<path class="axis" d="M{x0} {y0}H{x1}"/>')
    anchors = ["start", *["middle"] * (len(panel.sizes) - 2), "end"]
    for size, anchor in zip(panel.sizes, anchors, strict=True):
        parts.append(_text(across(size), y0 + 18, f"{size:,}", "", anchor))
    for number, (name, values) in enumerate(panel.lines.items()):
        points = [(across(size), up(value)) for size, value in zip(panel.sizes, values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        ink = INKS[number % len(INKS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ink}"/>' for x, y in points]
        if name:
            y = TOP + 8 + 16 * number
            parts.append(f'<path d="M{x0 + 10} {y - 4}h16" stroke="{ink}" stroke-width="2"/>')
            parts.append(_text(x0 + 32, y, name))
    return "".join(parts)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten, so that quarters are round."""
    power = 10 ** int(log10(value)) if value >= 1 else 1
    return float(next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value))
