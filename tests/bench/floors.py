"""Owns the floors: what the libraries alone take for the bytes of our own run, measured in turns with it.

A floor is the best inflate, one look at every byte, and the best deflate of exactly the records that we wrote, in one thread.
"""

import json
import subprocess
from dataclasses import dataclass

import environment
from contenders import OURS
from export_data import Export
from measure import Spread, Usage
from race import Entry, one_run, out_folder, say

ZLIB_RS = "zlib-rs level 2"
LIBDEFLATE = "zlib-rs, libdeflate level 1 in members of 512 KiB"
ISAL = "isa-l level 1"
# Those that a build of ours can use: isa-l needs more than a C compiler.
BUILDABLE = (ZLIB_RS, LIBDEFLATE)
# Linux keeps the CPU time of a running thread in steps of its timer; a scan of next to nothing takes none.
CLOCK_STEP_SECONDS = 0.004


@dataclass(frozen=True)
class Step:
    """One step of a floor."""

    bytes_in: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.bytes_in / 1e6 / max(self.seconds, CLOCK_STEP_SECONDS)


@dataclass(frozen=True)
class Measured:
    """One floor in one round."""

    inflate: Step
    scan: Step
    deflate: Step
    bytes_out: int

    @property
    def seconds(self) -> float:
        return self.inflate.seconds + self.scan.seconds + self.deflate.seconds


@dataclass(frozen=True)
class Floor:
    """One floor, with our own runs of the same rounds."""

    name: str
    rounds: list[Measured]
    ours: list[Usage]

    @property
    def share(self) -> Spread:
        """Of its speed that we reach."""
        pairs = zip(self.rounds, self.ours, strict=True)
        return Spread.of([floor.seconds / usage.cpu_seconds for floor, usage in pairs])

    def rate(self, step: str) -> Spread:
        return Spread.of([getattr(floor, step).rate for floor in self.rounds])

    @property
    def seconds(self) -> Spread:
        return Spread.of([floor.seconds for floor in self.rounds])

    @property
    def bytes_out(self) -> int:
        return self.rounds[0].bytes_out


def measure(export: Export, rounds: int) -> list[Floor]:
    """Ours and the libraries in turns."""
    names = (ZLIB_RS, LIBDEFLATE, ISAL)
    found: dict[str, list[Measured]] = {name: [] for name in names}
    ours = []
    for number in range(rounds):
        ours.append(one_run(Entry(OURS, export)))
        records = OURS.outputs(out_folder(OURS))
        for name, floor in zip(names, one_round([*export.data_files, "--", *records]), strict=True):
            found[name].append(floor)
        say(f"  floors of round {number + 1}: " + ", ".join(f"{floors[-1].seconds:.2f} s" for floors in found.values()))
    return [Floor(name, floors, ours) for name, floors in found.items()]


def one_round(files: list) -> tuple[Measured, Measured, Measured]:
    """All floors, in the order of their names."""
    rust = told([environment.FLOOR, *files])
    isal = told([environment.PYTHON, environment.HERE / "floor_isal.py", *files])
    scan = Step(rust["bytes_in"], rust["scan_seconds"])
    inflate = Step(rust["bytes_in"], rust["inflate_seconds"])
    libraries = [Measured(inflate, scan, step(rust[name]), rust[name]["bytes_out"]) for name in ("zlib_rs", "libdeflate")]
    igzip = Measured(step(isal["inflate"]), scan, step(isal["deflate"]), isal["deflate"]["bytes_out"])
    return libraries[0], libraries[1], igzip


def step(found: dict) -> Step:
    return Step(found["bytes_in"], found["seconds"])


def told(argv: list) -> dict:
    return json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
