"""Owns the exports that are measured on: makes them with `backfleet synth`, once, and keeps them for the next bench."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import environment

# What `synth` says an export is, kept beside it; it is written last, so it marks the export as whole.
REPORT = "report.json"


@dataclass(frozen=True)
class Export:
    """A synthetic export on disk."""

    profile: str
    folder: Path
    items: int
    files: int
    bytes_uncompressed: int
    bytes_compressed: int
    keys: str

    @property
    def data_files(self) -> list[Path]:
        return sorted(self.folder.glob("data/*.json.gz"))

    @property
    def megabytes(self) -> float:
        return self.bytes_uncompressed / 1e6


def make(items: int, files: int, profile: str = "telemetry", below: Path = environment.DATA) -> Export:
    """The synthetic export of so many items in so many files: same words, same bytes."""
    to = below / f"{profile}-{items}-in-{files}"
    if not (to / REPORT).exists():
        shutil.rmtree(to, ignore_errors=True)
        flags = ["--profile", profile, "--items", str(items), "--files", str(files), "--to", to]
        made = subprocess.run([environment.BINARY, "synth", "--json", *flags], capture_output=True, check=True)
        (to / REPORT).write_bytes(made.stdout)
    return opened(profile, json.loads((to / REPORT).read_bytes()))


def opened(profile: str, report: dict) -> Export:
    """The export, its files read once so that every measured run finds them in the page cache."""
    export = Export(
        profile=profile,
        folder=Path(report["export"]),
        items=report["items"],
        files=report["files"],
        bytes_uncompressed=report["bytes_uncompressed"],
        bytes_compressed=report["bytes_compressed"],
        keys=",".join(report["keys"]),
    )
    for file in export.data_files:
        with file.open("rb") as stream:
            while stream.read(1 << 20):
                pass
    return export
