"""Line charts of curves: SVG for the page, which follows its theme, and PNG for a run's folder.

Curves with the same axes share a chart. Values that are not finite break the line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from maskloom.core.report import Curve
from maskloom.store.files import atomic_write_bytes

WIDTH, HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 10, 38
_MAX_POINTS = 400
COLORS = 8

Point = tuple[float, float]
Place = Callable[[Point], Point]


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing with its heading and the names of its lines.

    Args:
        title: what the y axis shows.
        lines: names in their order.
        svg: inline markup, `currentColor` and CSS classes only.
        styles: CSS classes of each line: its colour, and dashes after the first `COLORS`.
        notes: what the legend says beside each name, by default where the line ends.
    """

    title: str
    lines: tuple[str, ...]
    svg: Markup
    styles: tuple[str, ...]
    notes: tuple[str, ...]


def charts(curves: Sequence[Curve]) -> list[Chart]:
    """One chart per pair of axis labels, in order of first use; empty curves are left out."""
    return [_chart(group) for group in _grouped(curves)]


def write_curves_png(curves: Sequence[Curve], path: Path) -> None:
    """Draw the charts below one another into a PNG, written whole or not at all.

    Args:
        curves: at least one with a finite value, else nothing is written.
        path: the file; replaced if it exists.

    Raises:
        WriteError: the file cannot be written.
    """
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = _grouped(curves)
    if not groups:
        return
    figure = Figure(figsize=(7, 2.6 * len(groups)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, group in zip(figure.subplots(len(groups), squeeze=False)[:, 0], groups, strict=True):
        for curve in group:
            marker = "o" if len(curve.x) == 1 else None
            # Names from files must not be read as mathematics.
            axes.plot(curve.x, curve.y, label=curve.name.replace("$", r"\$"), marker=marker)
        axes.set_xlabel(group[0].x_label.replace("$", r"\$"))
        axes.set_ylabel((group[0].y_label or group[0].name).replace("$", r"\$"))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if len(group) > 1:
            axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    atomic_write_bytes(path, buffer.getvalue())


def nice_ticks(low: float, high: float, n: int = 5) -> list[float]:
    """About `n` round numbers that span [low, high]: steps of 1, 2, 2.5 or 5 times a power of ten.

    >>> nice_ticks(0, 1)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    raw = (high - low) / max(1, n - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    digits = 3 - math.floor(math.log10(step))
    return [round(i * step, digits) for i in range(first, last + 1)]


def _grouped(curves: Sequence[Curve]) -> list[list[Curve]]:
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        if _points(curve):
            groups.setdefault((curve.x_label, curve.y_label or curve.name), []).append(curve)
    return list(groups.values())


def _points(curve: Curve) -> list[Point]:
    pairs = zip(curve.x, curve.y, strict=True)
    return [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]


def _chart(group: list[Curve]) -> Chart:
    title = group[0].y_label or group[0].name
    every = [point for curve in group for point in _points(curve)]
    if all(0 <= value <= 1 for point in every for value in point):
        # Shares over shares: the whole square says how near to the best they are.
        every += [(0.0, 0.0), (1.0, 1.0)]
    x_ticks = nice_ticks(min(x for x, _ in every), max(x for x, _ in every), 5)
    y_ticks = nice_ticks(min(y for _, y in every), max(y for _, y in every), 5)
    left = min(x for x, _ in every)
    right = max(x for x, _ in every)
    if left == right:
        left, right = x_ticks[0], x_ticks[-1]
    x_ticks = [t for t in x_ticks if left <= t <= right]

    def place(point: Point) -> Point:
        x = _LEFT + (point[0] - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)
        y = (point[1] - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return round(x, 1), round(HEIGHT - _BOTTOM - y * (HEIGHT - _TOP - _BOTTOM), 1)

    parts = [_grid(x_ticks, y_ticks, place, left), _axis_name(group[0].x_label)]
    parts += [_line(curve, _look(i), place) for i, curve in enumerate(group)]
    names = tuple(curve.name for curve in group)
    label = escape(f"{title}: {', '.join(names)}")
    svg = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        + "".join(parts)
        + "</svg>"
    )
    notes = tuple(c.note or f"ends at {_number(_points(c)[-1][1])}" for c in group)
    return Chart(title, names, Markup(svg), tuple(map(_look, range(len(group)))), notes)


def _grid(x_ticks: list[float], y_ticks: list[float], place: Place, left: float) -> str:
    out = []
    for tick in y_ticks:
        y = place((left, tick))[1]
        out.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{_number(tick)}</text>'
        )
    row = HEIGHT - _BOTTOM + 16
    for tick in x_ticks:
        x = place((tick, y_ticks[0]))[0]
        anchor = "end" if x > WIDTH - 24 else "middle"
        out.append(f'<text x="{x}" y="{row}" text-anchor="{anchor}">{_number(tick)}</text>')
    return "".join(out)


def _axis_name(text: str) -> str:
    x = (_LEFT + WIDTH - _RIGHT) / 2
    return f'<text class="axis" x="{x}" y="{HEIGHT - 5}" text-anchor="middle">{escape(text)}</text>'


def _look(place: int) -> str:
    """CSS classes that tell a line from every other of its chart."""
    return f"k{place % COLORS + 1}" + (" dashed" if place // COLORS % 2 else "")


def _line(curve: Curve, look: str, place: Place) -> str:
    points = _points(curve)
    if len(points) == 1:
        x, y = place(points[0])
        return f'<circle class="dot {look}" cx="{x}" cy="{y}" r="3"/>'
    pieces: list[list[Point]] = [[]]
    for x, y in _thinned(curve):
        if math.isfinite(x) and math.isfinite(y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return "".join(
        f'<polyline class="line {look}" points="'
        + " ".join(f"{x},{y}" for x, y in map(place, piece))
        + '"/>'
        for piece in pieces
        if piece
    )


def _thinned(curve: Curve) -> list[Point]:
    """Each bucket's lowest and highest point, in order: extremes stay, whatever the length."""
    points = list(zip(curve.x, curve.y, strict=True))
    if len(points) <= _MAX_POINTS:
        return points
    width = math.ceil(2 * len(points) / _MAX_POINTS)
    kept: set[int] = {0, len(points) - 1}
    for start in range(0, len(points), width):
        bucket = range(start, min(start + width, len(points)))
        kept.update(i for i in bucket if not math.isfinite(points[i][1]))
        finite = [i for i in bucket if math.isfinite(points[i][1])]
        if finite:
            kept.add(min(finite, key=lambda i: points[i][1]))
            kept.add(max(finite, key=lambda i: points[i][1]))
    return [points[i] for i in sorted(kept)]


def _number(value: float) -> str:
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e6):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
