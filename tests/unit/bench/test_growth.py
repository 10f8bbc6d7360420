"""The picture of how things grow."""

import xml.etree.ElementTree as ET

import pytest
from bench.growth.measured import Point
from bench.growth.plot import picture
from bench.growth.watched import KINDS

SVG = "{http://www.w3.org/2000/svg}"


def _point(size: int, rate: float, memory: float) -> Point:
    peaks = dict.fromkeys(KINDS, memory)
    return Point(what=f"{size}", size=size, rate=rate, seconds=1.0, memory=peaks, pace_ms=(20.0, 20.0))


def test_each_figure_is_a_mark_at_its_height() -> None:
    actions = [_point(1_000, 100.0, 10.0), _point(10_000, 200.0, 20.0), _point(100_000, 150.0, 40.0)]
    runs = [_point(1, 50.0, 10.0), _point(100, 25.0, 10.0)]

    drawing = ET.fromstring(picture(actions, runs))

    lines = drawing.findall(f"{SVG}polyline")
    assert len(lines) == 1 + len(KINDS) + 1
    assert len(drawing.findall(f"{SVG}circle")) == 3 + 3 * len(KINDS) + 2
    heights = [float(point.split(",")[1]) for point in lines[0].get("points", "").split()]
    assert heights[1] < heights[2] < heights[0]  # SVG counts from the top
    said = {text.text for text in drawing.findall(f"{SVG}text")}
    assert {"1,000", "100,000", "200", *KINDS} <= said


@pytest.mark.parametrize(("rate", "top"), [(0.5, "1"), (3.0, "4"), (190.0, "200"), (801.0, "1,000")])
def test_the_axis_ends_at_a_round_number_above_all(rate: float, top: str) -> None:
    drawing = ET.fromstring(
        picture([_point(1, 0.1, 0.1), _point(10, rate, 0.1)], [_point(1, 1, 1), _point(2, 1, 1)])
    )
    labels = [text.text for text in drawing.findall(f"{SVG}text")]
    assert top in labels
