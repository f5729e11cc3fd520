#!/usr/bin/env python3
"""Draws the dashboard as a PNG from a real Prometheus, without Grafana: for reports, and to see what it says.

    pip install --require-hashes -r requirements.txt
    render.py --prometheus http://127.0.0.1:9090 --minutes 30 --out dashboard.png

Rows, panels, queries, units and thresholds come from backfleet.json. Rules must be loaded in that Prometheus.
"""

import argparse
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

DASHBOARD = Path(__file__).with_name("backfleet.json")
TIMEOUT_SECONDS = 30
POINTS = 240
DPI = 100
COLUMN_INCHES = 0.8
LINE_INCHES = 0.36
COLUMNS = 24
HEADER_LINES = 2
LEGEND_LINES = 2
NARROW_MAX = 24
NAME_MAX = 34
PAGE, CARD, FRAME, INK, FAINT, RED = "#f4f5f7", "#ffffff", "#dcdfe4", "#22262b", "#80868f", "#d44a3a"
PALETTE = ["#3274d9", "#299c46", "#e0a21b", "#8f5bb5", "#d9663a", "#2aa7a7", "#c44a86", "#6b7785"]
THOUSANDS = ["", " K", " M", " G", " T"]
BYTES = [" B", " KiB", " MiB", " GiB", " TiB"]
PER_SECOND = {"cps": "/s", "reqps": "/s"}
TICKS = 4
# Steps of an axis that a person would choose where powers of ten are not.
STEPS = {
    "s": [
        0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30,
        60, 120, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 259200,
    ],
    "bytes": [2.0**power for power in range(0, 50)],
}


@dataclass(frozen=True)
class Source:
    """Whom to ask, for which time, and what $__rate_interval is."""

    url: str
    start: float
    end: float
    interval: str

    @property
    def step(self) -> float:
        return max(5.0, (self.end - self.start) / POINTS)


@dataclass(frozen=True)
class Series:
    """One line: its name and its points; NaN where there is none."""

    name: str
    times: list[datetime]
    values: list[float]

    @property
    def last(self) -> float:
        return next((value for value in reversed(self.values) if math.isfinite(value)), math.nan)


def main() -> int:
    args = arguments()
    end = time.time()
    source = Source(args.prometheus, end - args.minutes * 60, end, args.interval)
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    figure = draw(dashboard, source)
    figure.savefig(args.out, dpi=DPI, facecolor=PAGE)
    print(args.out)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Draws the dashboard as a PNG from a real Prometheus.")
    parser.add_argument("--prometheus", metavar="URL", required=True, help="e.g. http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=30, help="how far back (default 30)")
    parser.add_argument("--interval", default="1m", help="for $__rate_interval (default 1m)")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="the PNG to write")
    return parser.parse_args()


def fetch(source: Source, target: dict) -> list[Series]:
    """The series of one query of a panel."""
    expr = target["expr"].replace("$__rate_interval", source.interval)
    fields = {"query": expr, "start": source.start, "end": source.end, "step": source.step}
    body = urllib.parse.urlencode(fields).encode()
    place = f"{source.url.rstrip('/')}/api/v1/query_range"
    with urllib.request.urlopen(place, data=body, timeout=TIMEOUT_SECONDS) as answer:
        found = json.load(answer)["data"]["result"]
    return [series_of(source, one, target["legendFormat"]) for one in found]


def series_of(source: Source, found: dict, legend: str) -> Series:
    """A series on the common times of the picture."""
    known = {round((float(at) - source.start) / source.step): float(value) for at, value in found["values"]}
    count = int((source.end - source.start) / source.step) + 1
    times = [datetime.fromtimestamp(source.start + index * source.step) for index in range(count)]
    name = re.sub(r"\{\{(\w+)\}\}", lambda match: found["metric"].get(match.group(1), ""), legend)
    return Series(name, times, [known.get(index, math.nan) for index in range(count)])


def human(value: float, unit: str) -> str:
    """A figure as Grafana would print it, near enough."""
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return f"{trimmed(value * 100)} %"
    if unit == "s":
        return duration(value)
    if unit == "bytes":
        return scaled(value, 1024, BYTES)
    if unit == "Bps":
        return f"{scaled(value, 1000, THOUSANDS)}B/s" if value >= 1000 else f"{trimmed(value)} B/s"
    return scaled(value, 1000, THOUSANDS) + PER_SECOND.get(unit, "")


def scaled(value: float, base: int, names: list[str]) -> str:
    """A figure with the letter of its size."""
    size = 0
    while abs(value) >= base and size + 1 < len(names):
        value, size = value / base, size + 1
    return trimmed(value) + names[size]


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would say."""
    for length, name in [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")]:
        if abs(seconds) >= length:
            return f"{trimmed(seconds / length)} {name}"
    return f"{trimmed(seconds * 1000)} ms" if seconds else "0 s"


def trimmed(value: float) -> str:
    """Three figures at most, and no zeros behind the point."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def draw(dashboard: dict, source: Source) -> Figure:
    """The whole dashboard, its panels where the dashboard has them."""
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) + HEADER_LINES
    figure = plt.figure(figsize=(COLUMNS * COLUMN_INCHES, lines * LINE_INCHES))
    draw_header(figure, dashboard["title"], source, lines)
    for panel in dashboard["panels"]:
        box = place(panel["gridPos"], lines)
        if panel["type"] == "row":
            draw_row(figure, panel["title"], box)
        else:
            draw_panel(figure, panel, box, source)
    return figure


def place(grid: dict, lines: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of a panel in parts of the figure."""
    bottom = lines - HEADER_LINES - grid["y"] - grid["h"]
    return grid["x"] / COLUMNS, bottom / lines, grid["w"] / COLUMNS, grid["h"] / lines


def draw_header(figure: Figure, title: str, source: Source, lines: int) -> None:
    """The title and the time it is about."""
    at = [datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M") for moment in (source.start, source.end)]
    middle = 1 - HEADER_LINES / 2 / lines
    figure.text(0.008, middle, title, fontsize=16, weight="bold", color=INK, va="center")
    figure.text(0.992, middle, " – ".join(at), fontsize=10, color=FAINT, va="center", ha="right")


def draw_row(figure: Figure, title: str, box: tuple[float, float, float, float]) -> None:
    """The title of a row."""
    figure.text(0.008, box[1] + box[3] * 0.4, title, fontsize=12, weight="bold", color=INK, va="center")


def draw_panel(figure: Figure, panel: dict, box: tuple[float, float, float, float], source: Source) -> None:
    """A panel's card, title and figures."""
    card(figure, box)
    left, bottom, width, height = box
    line = 1 / (figure.get_figheight() / LINE_INCHES)
    column = 1 / COLUMNS
    title = {"fontsize": 10.5, "weight": "bold", "color": INK, "va": "center"}
    figure.text(left + 0.22 * column, bottom + height - 0.75 * line, panel["title"], **title)
    series = [one for target in panel["targets"] for one in fetch(source, target)]
    if panel["type"] == "stat":
        inner = (left + 0.15 * column, bottom + 0.3 * line, width - 0.3 * column, height - 1.6 * line)
        axes = figure.add_axes(inner)
        draw_stat(axes, panel, series)
    else:
        inner = (left + 0.95 * column, bottom + 2.2 * line, width - 1.25 * column, height - 3.6 * line)
        axes = figure.add_axes(inner)
        draw_lines(axes, panel, series)
    axes.set_xlim(datetime.fromtimestamp(source.start), datetime.fromtimestamp(source.end))


def card(figure: Figure, box: tuple[float, float, float, float]) -> None:
    """The white ground of a panel."""
    left, bottom, width, height = box
    gap_x, gap_y = 0.04 / figure.get_figwidth(), 0.04 / figure.get_figheight()
    corner, size = (left + gap_x, bottom + gap_y), (width - 2 * gap_x, height - 2 * gap_y)
    style = {"boxstyle": "square,pad=0", "facecolor": CARD, "edgecolor": FRAME, "linewidth": 0.8}
    figure.add_artist(FancyBboxPatch(corner, *size, transform=figure.transFigure, zorder=-1, **style))


def limit_of(panel: dict) -> float | None:
    """Where a panel turns red, if it does."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return steps[1]["value"] if len(steps) > 1 else None


def draw_stat(axes: Axes, panel: dict, series: list[Series]) -> None:
    """A number, red from the threshold on, over a faint curve."""
    axes.axis("off")
    defaults, limit = panel["fieldConfig"]["defaults"], limit_of(panel)
    last = series[0].last if series else math.nan
    middle = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    if not math.isfinite(last):
        axes.text(0.5, 0.5, defaults["noValue"], fontsize=15, color=FAINT, **middle)
        return
    colour = RED if limit is not None and last >= limit else PALETTE[1 if limit is not None else 0]
    axes.fill_between(series[0].times, series[0].values, color=colour, alpha=0.12, linewidth=0)
    axes.set_ylim(bottom=0, top=max(1e-9, 2.2 * finite_max(series)))
    axes.text(0.5, 0.6, human(last, defaults["unit"]), fontsize=22, weight="bold", color=colour, **middle)


def draw_lines(axes: Axes, panel: dict, series: list[Series]) -> None:
    """A line chart, stacked if the panel says so, with its threshold."""
    defaults = panel["fieldConfig"]["defaults"]
    frame(axes, defaults["unit"])
    if not any(math.isfinite(one.last) for one in series):
        middle = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, defaults["noValue"], fontsize=11, color=FAINT, **middle)
        axes.set_yticks([])
        return
    if defaults["custom"]["stacking"]["mode"] == "normal":
        stack(axes, series)
    else:
        for index, one in enumerate(series):
            axes.plot(one.times, one.values, color=colour_of(index), linewidth=1.4)
    limit = limit_of(panel)
    if limit is not None and limit <= 3 * finite_max(series):
        axes.axhline(limit, color=RED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_ylim(bottom=0, top=None if finite_max(series) > 0 else 1)
    axes.yaxis.set_major_locator(ticks(axes.get_ylim()[1], defaults))
    legend(axes, panel, series)


def stack(axes: Axes, series: list[Series]) -> None:
    """Areas on top of each other; a gap counts as 0."""
    values = [[value if math.isfinite(value) else 0.0 for value in one.values] for one in series]
    colours = [colour_of(index) for index in range(len(series))]
    axes.stackplot(series[0].times, values, colors=colours, alpha=0.55, linewidth=0)


def colour_of(index: int) -> str:
    """The colour of the n-th line."""
    return PALETTE[index % len(PALETTE)]


def label(panel: dict, series: Series) -> str:
    """A line's name and its last value."""
    name = series.name if len(series.name) <= NAME_MAX else series.name[:NAME_MAX - 1] + "…"
    return f"{name}  {human(series.last, panel['fieldConfig']['defaults']['unit'])}"


def legend(axes: Axes, panel: dict, series: list[Series]) -> None:
    """The names of the first lines, under the chart."""
    handles = [plt.Line2D([], [], color=colour_of(index), linewidth=3) for index in range(len(series))]
    names = [label(panel, one) for one in series]
    columns = 3 if max(len(name) for name in names) <= NARROW_MAX else 2
    room = columns * LEGEND_LINES
    if len(series) > room:
        handles, names = handles[:room], [*names[:room - 1], f"and {len(series) - room + 1} more"]
        handles[-1].set_color("none")
    style = {"fontsize": 8.5, "frameon": False, "handlelength": 1.1, "columnspacing": 1.4, "labelcolor": INK}
    axes.legend(handles, names, loc="upper left", bbox_to_anchor=(-0.08, -0.13), ncols=columns, **style)


def frame(axes: Axes, unit: str) -> None:
    """Axes as faint as they can be."""
    axes.set_facecolor(CARD)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FRAME)
    axes.grid(axis="y", color=FRAME, linewidth=0.6)
    axes.tick_params(colors=FAINT, labelsize=8.5, length=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: human(value, unit)))
    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.margins(x=0.01)


def ticks(top: float, defaults: dict) -> MaxNLocator | MultipleLocator:
    """Where an axis up to `top` has its lines."""
    steps = [step for step in STEPS.get(defaults["unit"], []) if top / TICKS <= step]
    whole = defaults.get("decimals") == 0
    return MultipleLocator(steps[0]) if steps else MaxNLocator(TICKS, integer=whole, min_n_ticks=2)


def finite_max(series: list[Series]) -> float:
    """The largest value of all lines."""
    return max((value for one in series for value in one.values if math.isfinite(value)), default=0.0)


if __name__ == "__main__":
    sys.exit(main())
