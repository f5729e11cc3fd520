"""Owns what a page of formats means to the checker: code that is run, and what must come of it.

A fence's info string marks its block: "sh id=NAME", "sql duckdb id=NAME" and "python pyspark id=NAME" are run, in the order
of the page. The next fence must be what is expected: "text expect id=NAME", or "json expect id=NAME", whose line breaks and
the spaces behind them do not count, so that long records can be wrapped. Blocks in a language that could be run must have an
id; anything else is an illustration.
"""

import re
from dataclasses import dataclass
from pathlib import Path

RUNNERS = {"sh": "sh", "sql duckdb": "duckdb", "python pyspark": "pyspark"}
RUNNABLE_LANGUAGES = {"sh", "bash", "shell", "sql", "python", "scala"}
EXPECTATIONS = {"text expect", "json expect"}
FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Fence:
    """One fenced block: its info string without the id, the id, its text, and its line in the page."""

    info: str
    id: str
    text: str
    line: int


@dataclass(frozen=True)
class Block:
    """Code of a page, who runs it, and what must come of it."""

    page: str
    id: str
    runner: str
    code: str
    expected: str
    wrapped: bool

    def agrees_with(self, output: str) -> bool:
        """In the output of a command, and nowhere else, "…" stands for anything within a line."""
        if self.wrapped:
            return joined(output) == joined(self.expected)
        if self.runner != "sh":
            return trimmed(output) == trimmed(self.expected)
        pattern = re.escape(trimmed(self.expected)).replace("…", "[^\n]*")
        return re.fullmatch(pattern, trimmed(output)) is not None


class PageError(Exception):
    """A page whose blocks do not fit together."""


def blocks(page: Path) -> list[Block]:
    """Code and expectation in pairs, in the order of the page."""
    fences = [fence for fence in fences_of(page.read_text()) if is_meant(page, fence)]
    ids = [fence.id for fence in fences[::2]]
    if len(set(ids)) < len(ids):
        raise PageError(f"{page.name}: an id stands twice")
    pairs = zip(fences[::2], [*fences[1::2], None])
    return [paired(page.name, code, expectation) for code, expectation in pairs]


def is_meant(page: Path, fence: Fence) -> bool:
    """Whether the checker has to do with it."""
    known = fence.info in RUNNERS or fence.info in EXPECTATIONS
    if known and fence.id:
        return True
    if known or fence.id or fence.info.split(" ")[0] in RUNNABLE_LANGUAGES:
        raise PageError(f"{page.name}:{fence.line}: this block could be run, but is not marked so: {fence.info}")
    return False


def paired(page: str, code: Fence, expectation: Fence | None) -> Block:
    """A block and the expectation that must be the next one."""
    if code.info not in RUNNERS:
        raise PageError(f"{page}:{code.line}: expectation {code.id} has no block above it")
    if expectation is None or expectation.info not in EXPECTATIONS or expectation.id != code.id:
        raise PageError(f"{page}:{code.line}: block {code.id} has no expectation below it")
    wrapped = expectation.info == "json expect"
    return Block(page, code.id, RUNNERS[code.info], code.text, expectation.text, wrapped)


def fences_of(text: str) -> list[Fence]:
    """All fenced blocks of a page."""
    found = []
    for match in FENCE.finditer(text):
        words = match["info"].split()
        ids = [word.removeprefix("id=") for word in words if word.startswith("id=")]
        info = " ".join(word for word in words if not word.startswith("id="))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Fence(info, ids[0] if ids else "", match["text"], line))
    return found


def joined(text: str) -> str:
    """Without line breaks and the spaces behind them."""
    return re.sub(r"\n *", "", text)


def trimmed(text: str) -> str:
    """Without spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
