from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maskloom.core.report import Curve
from maskloom.report.plots import charts, nice_ticks, write_curves_png
from maskloom.report.words import curve_name


def points(svg):
    """Coordinates of every line of a chart."""
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in ET.fromstring(str(svg)).iter("polyline")
    ]


def test_curves_with_the_same_axes_share_a_chart(report):
    drawn = charts(report.curves)
    assert [(c.title, len(c.lines)) for c in drawn] == [("loss", 2), ("rate", 1)]
    assert drawn[0].notes == ("ends at 0.5", "ends at 0.7")


def test_a_value_that_is_not_finite_breaks_the_line_and_one_point_is_a_dot(report):
    loss, rate = charts(report.curves)
    assert [len(line) for line in points(loss.svg)] == [1, 1, 2]
    assert "<circle" in rate.svg


def test_charts_are_wellformed_and_take_their_colours_from_the_page(report):
    for chart in charts(report.curves):
        ET.fromstring(str(chart.svg))
        assert not re.search(r"#[0-9a-f]{3,6}|rgb\(|style=", chart.svg)


def test_a_long_curve_keeps_its_extremes():
    y = [0.5] * 20_000
    y[7_777], y[13_131] = 9.0, -9.0
    (chart,) = charts([Curve("c", tuple(map(float, range(20_000))), tuple(y))])
    drawn = [at for line in points(chart.svg) for _, at in line]
    assert len(drawn) < 1000
    assert max(drawn) - min(drawn) > 150


def test_lines_of_one_chart_never_look_alike():
    many = [Curve(str(i), (0.0, 1.0), (0.0, 1.0), "step", "loss") for i in range(12)]
    (chart,) = charts(many)
    assert len(set(chart.styles)) == 12


def test_logged_columns_have_plain_names():
    assert [curve_name(n) for n in ("lr", "ce", "val_miou", "own_loss")] == [
        "learning rate", "classes of pixels (cross-entropy)", "Mean IoU", "own loss",
    ]  # fmt: skip


def test_curves_without_values_draw_nothing(tmp_path):
    nothing = [Curve("a", (), ()), Curve("b", (1.0,), (float("nan"),))]
    assert charts(nothing) == []
    write_curves_png(nothing, tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_the_png_holds_a_plot_per_pair_of_axes(report, tmp_path):
    write_curves_png(report.curves, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert image.format == "PNG"
        assert image.height > image.width / 2


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 9))
def test_ticks_are_few_rise_and_span_the_values(low, extent, n):
    ticks = nice_ticks(low, low + extent, n)
    assert 2 <= len(ticks) <= n + 2
    assert all(a < b for a, b in itertools.pairwise(ticks))
    slack = 1e-6 * max(1.0, abs(low), extent)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + extent - slack
