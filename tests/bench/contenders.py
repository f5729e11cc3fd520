"""Owns who is measured and how each is started. All write stream records, gzip, to files of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import environment
from export_data import Export

WORKERS = 2


@dataclass(frozen=True)
class Contender:
    """One way to do the job."""

    name: str
    label: str
    command: Callable[[Export, Path], list[str | Path]]
    # Where in its output folder the files for readers are.
    files: str

    def outputs(self, out: Path) -> list[Path]:
        return sorted(out.glob(self.files))


def backfleet(export: Export, out: Path) -> list[str | Path]:
    """The whole job: checks MD5 and counts, computes SizeBytes, fsyncs, verifies, commits."""
    where = ["--source", export.folder, "--dest", out]
    return [environment.BINARY, "run", "--quiet", *where, "--keys", export.keys, "--workers", str(WORKERS)]


def script(name: str) -> Callable[[Export, Path], list[str | Path]]:
    """A Python peer beside this file."""
    path = environment.HERE / name
    return lambda export, out: [environment.PYTHON, path, export.folder, out, export.keys]


OURS = Contender("backfleet", f"backfleet, {WORKERS} workers", backfleet, "date=*/part-*.json.gz")
ORJSON = Contender(
    "orjson", "Python orjson + isal, 2 processes, no SizeBytes", script("peer_orjson.py"), "*.json.gz"
)
STDLIB = Contender(
    "stdlib", "Python json + gzip level 6, 1 process, no SizeBytes", script("peer_stdlib.py"), "*.json.gz"
)
