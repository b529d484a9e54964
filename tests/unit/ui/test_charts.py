"""Charts: valid SVG with a name, drawn to scale, safe with any text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from qbdispatch.ui import charts
from qbdispatch.ui.charts import Part, Point

SVG = "{http://www.w3.org/2000/svg}"
GIB = 2**30


def _parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(str(drawn))


def _of(drawn: str, tag: str, style: str | None = None) -> list[ElementTree.Element]:
    return [one for one in _parsed(drawn).iter(tag) if style is None or one.get("class") == style]


def test_the_parts_of_a_bar_stand_side_by_side_to_scale() -> None:
    """A quarter, a half, and the rest empty; a part of nothing is not drawn."""
    drawn = charts.bar("Disk", [Part("a", "a", 25), Part("none", "none", 0), Part("b", "b", 50)], 100)
    parts = [(one.get("class"), one.get("x"), one.get("width")) for one in _of(drawn, "rect")[1:]]
    assert parts == [("a", "0", "25"), ("b", "25", "50")]


@pytest.mark.parametrize(("amounts", "whole"), [((80, 80), 100), ((1,), 0), ((), 10), ((-5, 10), 10)])
def test_a_bar_never_grows_beyond_its_whole(amounts: tuple[float, ...], whole: float) -> None:
    """Whatever the figures say."""
    drawn = charts.bar("Disk", [Part("p", "p", amount) for amount in amounts], whole)
    for one in _of(drawn, "rect", "p"):
        assert float(one.get("x") or 0) + float(one.get("width") or 0) <= 100.4


def test_a_tiny_part_can_still_be_seen() -> None:
    """One in ten thousand."""
    drawn = charts.bar("Disk", [Part("p", "p", 1)], 10_000)
    assert [one.get("width") for one in _of(drawn, "rect", "p")] == ["0.4"]


@pytest.mark.parametrize("title", ['<script>"x"</script>', "a & b", "{0} {x}"])
def test_titles_are_text(title: str) -> None:
    """In every chart, as its name and as its title."""
    points = [Point(0, 1), Point(1, 2)]
    drawn = [
        charts.bar(title, [], 1),
        charts.sparkline(title, points, 0, 1, 5),
        charts.history(title, "now", points, 0, 1, floor=0, gap=5),
    ]
    for one in drawn:
        root = _parsed(one)
        assert (root.get("role"), root.findtext("title")) == ("img", title)
        assert (root.get("aria-label") or "").startswith(title)


def test_a_curve_ends_where_a_node_was_away() -> None:
    """Two runs with a pause between them are two lines; a single point is none."""
    points = [Point(at, 5 * GIB) for at in (0, 60, 120, 1000, 1060, 5000)]
    drawn = charts.history("Free", "now", points, 0, 6000, floor=0, gap=300)
    assert [len((one.get("points") or "").split()) for one in _of(drawn, "polyline")] == [3, 2]
    assert _of(charts.sparkline("Speed", points[:1], 0, 60, 300), "polyline") == []


def test_the_floor_is_a_line_where_it_belongs() -> None:
    """Halfway up where the axis ends at twice the floor; none where there is no floor."""
    points = [Point(0, 4 * GIB), Point(60, 4 * GIB)]
    drawn = charts.history("Free", "now", points, 0, 60, floor=2 * GIB, gap=300)
    (line,) = _of(drawn, "line", "floor-line")
    rows = sorted(float(one.get("y1") or 0) for one in _of(drawn, "line", "grid"))
    assert float(line.get("y1") or 0) == pytest.approx((rows[0] + rows[-1]) / 2)
    assert _of(charts.history("Free", "now", points, 0, 60, floor=0, gap=300), "line", "floor-line") == []


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (4 * GIB, ["0 GB", "1 GB", "2 GB", "3 GB", "4 GB"]),
        (4000 * GIB, ["0 TB", "1 TB", "2 TB", "3 TB", "4 TB"]),
        (1100 * GIB, ["0 TB", "0.5 TB", "1 TB", "1.5 TB", "2 TB"]),
        (300 * 2**20, ["0 MB", "100 MB", "200 MB", "300 MB", "400 MB"]),
        (797 * GIB, ["0 GB", "200 GB", "400 GB", "600 GB", "800 GB"]),
        (0, ["0 GB", "0.25 GB", "0.5 GB", "0.75 GB", "1 GB"]),
    ],
)
def test_the_axis_has_round_figures(most: float, labels: list[str]) -> None:
    """And ends above the highest."""
    drawn = charts.history("Free", "now", [Point(0, most), Point(60, most)], 0, 60, floor=0, gap=300)
    shown = [one.text for one in _of(drawn, "text") if one.get("text-anchor") == "end"]
    assert shown[:5] == labels
