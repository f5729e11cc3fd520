"""Asks a real Prometheus for everything that panels and alerts ask for: all of it must give data."""

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

import promql
from sources import Sources

TIMEOUT_SECONDS = 30
POINTS = 120


@dataclass(frozen=True)
class Window:
    """A time to look at, and how finely."""

    start: float
    end: float
    step: float


@dataclass(frozen=True)
class Question:
    """One expression for Prometheus, and whose it is."""

    where: str
    expr: str


@dataclass(frozen=True)
class Answer:
    """How many series an expression gave: at the end of the window, and in it. Or why there was no answer."""

    now: int = 0
    window: int = 0
    error: str = ""


def report(read: Sources, url: str, minutes: float, interval: str) -> int:
    """Prints a line for each expression; 1 if one of them gave nothing."""
    end = time.time()
    window = Window(end - minutes * 60, end, max(5.0, minutes * 60 / POINTS))
    asked, empty = questions(read, interval), 0
    print(f"{'now':>5} {'window':>6}  expression")
    for question in asked:
        answer = ask(url, question.expr, window)
        good = not answer.error and answer.window > 0
        empty += not good
        mark = "" if good else "NO DATA  "
        print(f"{answer.now:>5} {answer.window:>6}  {mark}{question.where}: {flat(question.expr)}")
        if answer.error:
            print(f"{'':>14}{answer.error}")
    print(f"{len(asked)} expressions, {empty} without data in the last {minutes:g} minutes")
    return 1 if empty else 0


def questions(read: Sources, interval: str) -> list[Question]:
    """Every expression of panels; of alerts, whether they hold or not, and each figure that they look at."""
    made = [Question(one.where, one.filled(interval)) for one in read.panel_expressions()]
    for one in read.rule_expressions():
        if one.kind == "alert":
            made.append(Question(one.where, promql.answered(one.text)))
        figures = dict.fromkeys(figure.text for figure in promql.selectors(one.text))
        made += [Question(f"{one.where}, its figure", figure) for figure in figures]
    return made


def ask(url: str, expr: str, window: Window) -> Answer:
    """Asks once for the end of the window and once for all of it. Only a number counts as data."""
    try:
        now = query(url, "query", {"query": expr, "time": f"{window.end:.3f}"})
        span = {"start": f"{window.start:.3f}", "end": f"{window.end:.3f}", "step": f"{window.step:g}"}
        over = query(url, "query_range", {"query": expr, **span})
    except (OSError, ValueError, KeyError) as error:
        return Answer(error=why(error))
    return Answer(
        now=sum(is_number(series["value"][1]) for series in now),
        window=sum(any(is_number(value) for _, value in series["values"]) for series in over),
    )


def query(url: str, kind: str, fields: dict[str, str]) -> list[dict]:
    """One question of the HTTP API."""
    body = urllib.parse.urlencode(fields).encode()
    place = f"{url.rstrip('/')}/api/v1/{kind}"
    with urllib.request.urlopen(place, data=body, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)["data"]["result"]


def why(error: Exception) -> str:
    """What went wrong, in Prometheus's own words where it has some."""
    if isinstance(error, urllib.error.HTTPError):
        return error.read().decode(errors="replace")
    return str(error)


def is_number(text: str) -> bool:
    """Whether a sample is one: neither NaN nor infinite."""
    return math.isfinite(float(text))


def flat(expr: str) -> str:
    """An expression on one line."""
    return " ".join(expr.split())
