"""Reads PromQL just far enough to say which metrics, labels and numbers an expression names.

Whether it is valid is for promtool to say. Everything here works on tokens.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
      (?P<blank>\s+|\#[^\n]*)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.:]))
    | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)
    | (?P<name>[a-zA-Z_:][\w:]*)
    | (?P<sign>==|!=|>=|<=|=~|!~|[-+*/%^(){}\[\],=<>@:])
    """,
    re.VERBOSE,
)
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
SCOPED = {"by", "without"}
WORDS = GROUPING | {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}
AGGREGATIONS = {
    "sum", "min", "max", "avg", "group", "count", "stddev", "stdvar", "topk", "bottomk", "count_values",
    "quantile",
}
COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}


class Unreadable(ValueError):
    """Something that is no PromQL, or none that is written in the house's way."""


@dataclass(frozen=True)
class Token:
    """One token and where it stands."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Selector:
    """A metric and what it is narrowed by, without range and offset."""

    metric: str
    labels: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Grouping:
    """Labels of a `by`, `on` and the like, and the metrics they have to be on."""

    labels: tuple[str, ...]
    metrics: tuple[str, ...]


def tokens(expr: str) -> list[Token]:
    """All tokens but blanks and comments."""
    found, at = [], 0
    while at < len(expr):
        match = TOKEN.match(expr, at)
        if match is None:
            raise Unreadable(f"cannot be read from {expr[at:at + 20]!r} on: {expr}")
        if match.lastgroup != "blank":
            found.append(Token(match.lastgroup, match.group(), match.start(), match.end()))
        at = match.end()
    return found


def closing(found: list[Token], opening: int) -> int:
    """Where the bracket closes that opens at `opening`."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    wanted = []
    for index in range(opening, len(found)):
        text = found[index].text if found[index].kind == "sign" else ""
        if text in pairs:
            wanted.append(pairs[text])
        elif wanted and text == wanted[-1]:
            wanted.pop()
            if not wanted:
                return index
    before = " ".join(token.text for token in found[:opening + 1])
    raise Unreadable(f"a bracket does not close: {before}")


def names(found: list[Token], start: int, end: int) -> tuple[str, ...]:
    """The names between two tokens."""
    return tuple(token.text for token in found[start + 1:end] if token.kind == "name")


def is_sign(found: list[Token], index: int, text: str) -> bool:
    """Whether that token is this sign."""
    return index < len(found) and found[index].kind == "sign" and found[index].text == text


def metric_places(found: list[Token]) -> Iterator[int]:
    """Where metrics are named: names that are no word, no function, no label."""
    index = 0
    while index < len(found):
        token = found[index]
        if token.kind == "name" and token.text.lower() in GROUPING and is_sign(found, index + 1, "("):
            index = closing(found, index + 1)
        elif is_sign(found, index, "{"):
            index = closing(found, index)
        elif is_metric(found, index):
            yield index
        index += 1


def is_metric(found: list[Token], index: int) -> bool:
    """Whether a name outside of braces and groupings is a metric's."""
    token = found[index]
    known = token.text.lower() in WORDS or token.text in AGGREGATIONS
    return token.kind == "name" and not known and not is_sign(found, index + 1, "(")


def selectors(expr: str) -> list[Selector]:
    """Every metric that is asked for, with its own labels."""
    found, made = tokens(expr), []
    for index in metric_places(found):
        labels, end = (), index
        if is_sign(found, index + 1, "{"):
            end = closing(found, index + 1)
            labels = names(found, index + 1, end)
        made.append(Selector(found[index].text, labels, expr[found[index].start:found[end].end]))
    return made


def groupings(expr: str) -> list[Grouping]:
    """Every `by` and `without` with the metrics it gathers; every `on` and `ignoring` with all metrics."""
    found, made = tokens(expr), []
    everything = tuple(found[index].text for index in metric_places(found))
    for index, token in enumerate(found):
        if token.kind != "name" or token.text.lower() not in GROUPING or not is_sign(found, index + 1, "("):
            continue
        end = closing(found, index + 1)
        scope = everything
        if token.text.lower() in SCOPED:
            if not is_sign(found, end + 1, "("):
                raise Unreadable(f"write `sum by (x) (…)`, not `sum (…) by (x)`: {expr}")
            inside = range(end + 1, closing(found, end + 1))
            scope = tuple(found[place].text for place in metric_places(found) if place in inside)
        made.append(Grouping(names(found, index + 1, end), scope))
    return made


def aggregates(expr: str) -> bool:
    """Whether series are gathered, so that only labels of a `by` are left."""
    return any(token.kind == "name" and token.text in AGGREGATIONS for token in tokens(expr))


def gathered_by(expr: str) -> set[str]:
    """The labels of all its `by`."""
    found, labels = tokens(expr), set()
    for index, token in enumerate(found):
        if token.kind == "name" and token.text == "by" and is_sign(found, index + 1, "("):
            labels.update(names(found, index + 1, closing(found, index + 1)))
    return labels


def numbers(expr: str) -> set[float]:
    """The numbers it names, durations left aside."""
    return {float(token.text) for token in tokens(expr) if token.kind == "number"}


def answered(expr: str) -> str:
    """The same expression with 0 or 1 for every comparison, so that it gives data whether it holds or not."""
    made, at, depth = [], 0, 0
    for token in tokens(expr):
        if token.kind == "sign" and token.text in "{}":
            depth += 1 if token.text == "{" else -1
        if token.kind == "sign" and token.text in COMPARISONS and depth == 0:
            made.append(expr[at:token.end] + " bool")
            at = token.end
    return "".join(made) + expr[at:]
