"""Owns the measuring: one process tree's CPU time, wall time and memory, and what rounds of them say.

CPU time is the figure that counts; wall time on a shared machine says little.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MIB = 1 << 20
# Linux reports ru_maxrss in KiB, macOS in bytes.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10


@dataclass(frozen=True)
class Usage:
    """What one run cost.

    `cpu_seconds` is user + system of the process and all its children. `peak_bytes` is the resident set of the LARGEST
    process of the tree, not the sum. It is never less than this driver's own 15 MiB or so, which a new process starts with.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


class RunFailed(Exception):
    """A measured process did not end well."""


def run(argv: Sequence[str | Path]) -> Usage:
    """Runs a command to its end; its output is shown only if it fails."""
    began = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RunFailed(f"{argv[0]} ended with {process.returncode}: {said.decode(errors='replace')[-2000:]}")
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * MAXRSS_UNIT)


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest of some figures."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(min(figures), median(figures), max(figures))

    def text(self, places: int = 2) -> str:
        return " – ".join(f"{figure:.{places}f}" for figure in (self.low, self.middle, self.high))
