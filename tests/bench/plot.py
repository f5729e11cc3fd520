"""Owns the drawing of plots: bars and lines with the spread of their runs, as SVG that reads the same on light and dark pages."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from measure import Spread

WIDTH = 760
MARGIN = 20
TITLE_HEIGHT = 46
ROW_HEIGHT = 30
LABEL_WIDTH = 330
VALUE_WIDTH = 60
PLOT_HEIGHT = 260
TICKS_MAX = 6

PAPER, FRAME, GRID = "#f6f8fa", "#d0d7de", "#dfe3e8"
INK, FAINT, OURS, THEIRS, GOAL = "#1f2328", "#59636e", "#0969da", "#8c959f", "#bc4c00"
SERIES = (OURS, "#8250df", "#1a7f37")


@dataclass(frozen=True)
class Bar:
    """One bar, with its spread."""

    label: str
    value: Spread
    ours: bool


@dataclass(frozen=True)
class Line:
    """Points in the order of x, each with its spread."""

    label: str
    points: Sequence[tuple[float, Spread]]


@dataclass(frozen=True)
class Axes:
    """How figures become places on the paper."""

    left: float
    right: float
    top: float
    bottom: float
    x: Callable[[float], float]
    y: Callable[[float], float]


def bars(title: str, unit: str, rows: Sequence[Bar], goal: float | None = None) -> str:
    """Horizontal bars from nought; a whisker from the smallest to the largest run."""
    ticks = round_ticks(max([row.value.high for row in rows] + [goal or 0]))
    left, right = MARGIN + LABEL_WIDTH, WIDTH - MARGIN - VALUE_WIDTH
    bottom = TITLE_HEIGHT + len(rows) * ROW_HEIGHT

    def x(value: float) -> float:
        return left + (right - left) * value / ticks[-1]

    drawn = [heading(title, unit)]
    for tick in ticks:
        drawn += [segment(x(tick), TITLE_HEIGHT, x(tick), bottom, GRID)]
        drawn += [text(x(tick), bottom + 18, number(tick), FAINT, "middle")]
    for place, row in enumerate(rows):
        middle = TITLE_HEIGHT + (place + 0.5) * ROW_HEIGHT
        fill = OURS if row.ours else THEIRS
        drawn += [text(left - 10, middle + 4, row.label, INK, "end")]
        drawn += [box(left, middle - 8, x(row.value.middle) - left, 16, fill)]
        drawn += [segment(x(row.value.low), middle, x(row.value.high), middle, INK)]
        drawn += [text(x(row.value.high) + 8, middle + 4, number(row.value.middle), INK, "start")]
    if goal is not None:
        drawn += [segment(x(goal), TITLE_HEIGHT, x(goal), bottom, GOAL, dashed=True)]
    return paper(bottom + 34, drawn)


def lines(
    title: str, unit: str, x_unit: str, series: Sequence[Line], goal: float | None = None, y_max: float | None = None
) -> str:
    """Lines over a logarithmic x, y from nought; a whisker from the smallest to the largest run."""
    places = sorted({x for line in series for x, _ in line.points})
    highest = max(value.high for line in series for _, value in line.points)
    ticks = round_ticks(max(highest, goal or 0, y_max or 0))
    axes = log_axes(places, ticks)
    drawn = [heading(title, unit)]
    for tick in ticks:
        drawn += [segment(axes.left, axes.y(tick), axes.right, axes.y(tick), GRID)]
        drawn += [text(axes.left - 8, axes.y(tick) + 4, number(tick), FAINT, "end")]
    for place in apart(places, axes):
        drawn += [text(axes.x(place), axes.bottom + 18, number(place), FAINT, "middle")]
    drawn += [text((axes.left + axes.right) / 2, axes.bottom + 38, x_unit, FAINT, "middle")]
    if goal is not None:
        drawn += [segment(axes.left, axes.y(goal), axes.right, axes.y(goal), GOAL, dashed=True)]
    for line, colour in zip(series, SERIES):
        drawn += curve(line, axes, colour)
    drawn += legend(series, axes) if len(series) > 1 else []
    return paper(axes.bottom + 54, drawn)


def log_axes(places: Sequence[float], ticks: Sequence[float]) -> Axes:
    left, right, top, bottom = MARGIN + 50, WIDTH - MARGIN - 20, TITLE_HEIGHT, TITLE_HEIGHT + PLOT_HEIGHT
    first, last = math.log(places[0]), math.log(places[-1])
    inner_left, inner_right = left + 30, right - 30
    return Axes(
        left,
        right,
        top,
        bottom,
        lambda value: inner_left + (inner_right - inner_left) * (math.log(value) - first) / ((last - first) or 1),
        lambda value: bottom - (bottom - top) * value / ticks[-1],
    )


def curve(line: Line, axes: Axes, colour: str) -> list[str]:
    spots = [(axes.x(x), value) for x, value in line.points]
    path = " ".join(f"{x:.1f},{axes.y(value.middle):.1f}" for x, value in spots)
    drawn = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, value in spots:
        drawn += [segment(x, axes.y(value.low), x, axes.y(value.high), INK)]
        drawn += [f'<circle cx="{x:.1f}" cy="{axes.y(value.middle):.1f}" r="4" fill="{colour}"/>']
        drawn += [text(x, axes.y(value.high) - 10, number(value.middle), INK, "middle")]
    return drawn


def legend(series: Sequence[Line], axes: Axes) -> list[str]:
    drawn = []
    for place, (line, colour) in enumerate(zip(series, SERIES)):
        y = axes.bottom - 14 - 20 * place
        drawn += [box(axes.left + 12, y - 9, 10, 10, colour), text(axes.left + 28, y, line.label, INK, "start")]
    return drawn


def apart(places: Sequence[float], axes: Axes) -> list[float]:
    """Those whose labels do not touch."""
    kept: list[float] = []
    for place in places:
        if not kept or axes.x(place) - axes.x(kept[-1]) > 48:
            kept.append(place)
    return kept


def round_ticks(highest: float) -> list[float]:
    """From nought to above the highest, in steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(highest, 1e-9) / TICKS_MAX))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit * TICKS_MAX >= highest)
    return [step * count for count in range(math.ceil(highest / step) + 1)]


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def heading(title: str, unit: str) -> str:
    name = f'<text x="{MARGIN}" y="28" fill="{INK}" font-size="15" font-weight="600">{escape(title)}</text>'
    return name + text(WIDTH - MARGIN, 28, unit, FAINT, "end")


def text(x: float, y: float, words: str, fill: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}">{escape(words)}</text>'


def segment(x1: float, y1: float, x2: float, y2: float, stroke: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashes}/>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" rx="2" fill="{fill}"/>'


def paper(height: float, drawn: Sequence[str]) -> str:
    frame = f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="6" fill="{PAPER}" stroke="{FRAME}"/>'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-size="12" font-family="sans-serif">'
    return "\n".join([opening, frame, *drawn, "</svg>", ""])
