"""Owns the bench of the coordinator: how fast it plans and enqueues units, and how fast and in how little memory it proves many.

The emulator answers `start` from a process of its own that shares the CPUs; what counts is the coordinator's own CPU time.
"""

from dataclasses import dataclass

import environment
from contenders import OURS
from export_data import Export
from fleet import DEST, SOURCE_BUCKET, emulator, made_queue, upload
from measure import MIB, Usage, run
from race import clear, say


@dataclass(frozen=True)
class Coordinated:
    """A job of many small units: planned in a folder, planned and enqueued over the emulator."""

    export: Export
    plan: Usage
    start: Usage

    @property
    def units(self) -> int:
        return self.export.files

    def per_cpu_second(self, usage: Usage) -> float:
        return self.units / usage.cpu_seconds

    def per_second(self, usage: Usage) -> float:
        return self.units / usage.wall_seconds


@dataclass(frozen=True)
class Many:
    """A job of many files, run and proven in this process."""

    export: Export
    run: Usage
    verify: Usage

    @property
    def run_mib(self) -> float:
        return self.run.peak_bytes / MIB

    @property
    def verify_mib(self) -> float:
        return self.verify.peak_bytes / MIB


def coordinate(export: Export) -> Coordinated:
    say(f"coordinator: {export.files:,} units planned and enqueued")
    planned = run([environment.BINARY, "plan", "--quiet", "--source", export.folder, "--keys", export.keys])
    with emulator() as address:
        upload(export, address)
        flags = ["--endpoint-url", f"http://{address}", "--emulated"]
        where = ["--source", f"s3://{SOURCE_BUCKET}", "--dest", DEST, "--queue", made_queue(flags)]
        started = run([environment.BINARY, "start", "--quiet", *flags, *where, "--keys", export.keys])
    return Coordinated(export, planned, started)


def many(export: Export) -> Many:
    """Where the export is, so that both are in memory if it is."""
    say(f"many files: {export.files:,}")
    out = export.folder.parents[1] / "out"
    clear([out])
    converted = run(OURS.command(export, out))
    proven = run([environment.BINARY, "verify", "--quiet", "--dest", out])
    clear([out])
    return Many(export, converted, proven)
