"""Owns the measuring: one process tree's CPU time, wall time and memory, and what rounds of them say.

CPU time is the figure that counts; wall time on a shared machine says little.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MIB = 1 << 20
# Linux reports ru_maxrss in KiB, macOS in bytes.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10
CAN_PIN = hasattr(os, "sched_setaffinity")


@dataclass(frozen=True)
class Usage:
    """What one run cost.

    `cpu_seconds` is user + system of the process and all its children. `peak_bytes` is the resident set of the LARGEST
    process of the tree, not the sum. It is never less than the 10 MiB or so of `spawn.py`, which a new process starts with.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


class RunFailed(Exception):
    """A measured process did not end well."""


def run(argv: Sequence[str | Path], cpus: int | None = None) -> Usage:
    """Runs a command to its end, on so many CPUs or all of them; its output is shown only if it fails."""
    with tempfile.NamedTemporaryFile() as said:
        found = spawner().ask({"argv": [str(word) for word in argv], "cpus": cpus, "stderr": said.name})
        if found["code"] != 0:
            told = Path(said.name).read_text(errors="replace")
            raise RunFailed(f"{argv[0]} ended with {found['code']}: {told[-2000:]}")
    return Usage(found["cpu_seconds"], found["wall_seconds"], found["maxrss"] * MAXRSS_UNIT)


class Spawner:
    """The small process that starts the measured ones; it ends with us."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("spawn.py")
        argv = [sys.executable, "-I", "-S", script]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request: dict) -> dict:
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@functools.cache
def spawner() -> Spawner:
    return Spawner()


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
        return " – ".join(f"{figure:,.{places}f}" for figure in (self.low, self.middle, self.high))
