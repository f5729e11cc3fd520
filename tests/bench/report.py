"""Owns the page that a bench ends with: the same text on the terminal and in docs/benchmarks.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import environment
from contenders import OURS, Contender
from export_data import Export
from fidelity import Proof
from fleet import Fleet, Shift
from measure import MIB, Spread, Usage
from scans import Scans

CPU_RATIO_MIN = 2.5
PEAK_BYTES_MAX = 256 * MIB
PEAK_GROWTH_MAX = 1.10
REQUESTS_BEYOND_SHARDS_MAX = 6.0
SCAN_RATIO_MIN = 8.0


@dataclass(frozen=True)
class Raced:
    """A contender's runs, one a round, and the bytes it wrote."""

    contender: Contender
    usages: list[Usage]
    bytes_out: int


@dataclass(frozen=True)
class Peak:
    """Our memory over some runs on one single data file."""

    export: Export
    usages: list[Usage]

    @property
    def bytes_max(self) -> int:
        return max(usage.peak_bytes for usage in self.usages)


@dataclass(frozen=True)
class Results:
    """Everything a bench found out."""

    export: Export
    raced: list[Raced]
    peaks: list[Peak]
    proofs: list[Proof]
    fleet: Fleet
    scans: Scans
    notices: list[str]

    @property
    def faithful(self) -> bool:
        return all(proof.faithful for proof in self.proofs)

    @property
    def ours(self) -> Raced:
        return next(raced for raced in self.raced if raced.contender == OURS)


def page(results: Results) -> str:
    """All of it as Markdown."""
    parts = [head(results), speed(results), memory(results), fleet(results.fleet), scan(results.scans), fidelity(results), goals(results)]
    parts += ["".join(f"* {notice}\n" for notice in results.notices)] if results.notices else []
    return "\n".join(parts)


def head(results: Results) -> str:
    export = results.export
    return f"""# Benchmarks

Written by `make bench`; do not edit. Work: a synthetic telemetry export of {export.items:,} items in {export.files} data \
files, {export.megabytes:,.0f} MB ({export.bytes_compressed / 1e6:,.0f} MB gzip), to stream records, gzip. All read the same \
bytes from the page cache and write to the same disk. Only ratios within one run count: the same figures on another machine \
or another day are others.

{environment.version()}; {environment.pins()}; {environment.machine()}.
"""


def speed(results: Results) -> str:
    rows = [speed_row(raced, results) for raced in results.raced]
    columns = [
        "",
        "CPU s (min – median – max)",
        "MB in per CPU s",
        "our throughput per CPU s (min – median – max)",
        "peak memory MiB",
        "output MB",
    ]
    return f"""## Speed

CPU is user + system time of the whole process tree, over {len(results.ours.usages)} alternating rounds; a ratio is of the \
two runs of one round. Memory is the largest process's resident set; a peer of 2 processes takes up to twice that.
Ours also checks every MD5 and count, computes SizeBytes, fsyncs, and verifies what it wrote; the peers do not.

{table(columns, rows)}"""


def speed_row(raced: Raced, results: Results) -> list[str]:
    cpu = Spread.of([usage.cpu_seconds for usage in raced.usages])
    ratio = "1" if raced is results.ours else f"{ratio_to_ours(raced, results).text()} x"
    return [
        raced.contender.label,
        cpu.text(),
        f"{results.export.megabytes / cpu.middle:,.0f}",
        ratio,
        f"{max(usage.peak_bytes for usage in raced.usages) / MIB:,.0f}",
        f"{raced.bytes_out / 1e6:,.1f}",
    ]


def ratio_to_ours(raced: Raced, results: Results) -> Spread:
    pairs = zip(raced.usages, results.ours.usages, strict=True)
    return Spread.of([theirs.cpu_seconds / ours.cpu_seconds for theirs, ours in pairs])


def memory(results: Results) -> str:
    rows = [
        [
            f"{peak.export.megabytes:,.0f}",
            f"{peak.export.bytes_compressed / 1e6:,.0f}",
            Spread.of([usage.peak_bytes / MIB for usage in peak.usages]).text(1),
        ]
        for peak in results.peaks
    ]
    columns = ["single data file, uncompressed MB", "compressed MB", "peak MiB (min – median – max)"]
    return f"""## Memory

`backfleet run` on an export of one data file, {len(results.peaks[0].usages)} run(s) each; a file's size is that of its \
uncompressed content.

{table(columns, rows)}"""


def fleet(found: Fleet) -> str:
    rows = [
        shift_row(f"{found.tiny.units:,} tiny files, bucket to bucket", found.tiny),
        shift_row(f"{found.big.units} big files, bucket to bucket", found.big),
        local_row(f"the same {found.big.units} big files, folder to folder, no queue", found.big.export, found.local),
    ]
    columns = ["one worker process", "wall s", "units/s", "MB/s", "CPU s", "requests per unit", "beyond its shards"]
    asked = ", ".join(f"{call} {count:,}" for call, count in sorted(found.tiny.requests.items()))
    return f"""## Fleet

One `backfleet-worker` of as many units at a time as the local run has workers, over an emulator of S3 and SQS that shares its \
CPUs: `start --wait` from planning to proof. CPU is the worker's alone; a local run also plans and verifies. Requests are those \
that the worker counted, long polls that came back empty included.

{table(columns, rows)}
Requests of the tiny files' worker: {asked}.
"""


def shift_row(label: str, shift: Shift) -> list[str]:
    return [
        label,
        f"{shift.wall_seconds:.1f}",
        f"{shift.units / shift.wall_seconds:,.1f}",
        f"{shift.export.megabytes / shift.wall_seconds:,.1f}",
        f"{shift.cpu_seconds:.2f}",
        f"{sum(shift.requests.values()) / shift.units:.2f}",
        f"{shift.requests_beyond_shards:.2f}",
    ]


def local_row(label: str, export: Export, usage: Usage) -> list[str]:
    wall = usage.wall_seconds
    figures = [f"{wall:.1f}", f"{export.files / wall:,.1f}", f"{export.megabytes / wall:,.1f}", f"{usage.cpu_seconds:.2f}"]
    return [label, *figures, "–", "–"]


def scan(found: Scans) -> str:
    rows = [
        scan_row("backfleet run", found, found.ours),
        scan_row("Python boto3 + orjson + isal, 4 threads, no SizeBytes", found, found.boto3),
    ]
    columns = ["", "CPU s (min – median – max)", "records per CPU s", "wall s (min – median – max)"]
    return f"""## Scan

A table of {found.items:,} telemetry items on the emulator, scanned in 4 segments to stream records, gzip, without a limit; \
{len(found.ours)} alternating round(s). The emulator takes most of the wall time and is not in the CPU time. Every item is in \
every output once.

{table(columns, rows)}"""


def scan_row(label: str, found: Scans, usages: list[Usage]) -> list[str]:
    cpu = Spread.of([usage.cpu_seconds for usage in usages])
    wall = Spread.of([usage.wall_seconds for usage in usages])
    return [label, cpu.text(), f"{found.items / cpu.middle:,.0f}", wall.text(1)]


def fidelity(results: Results) -> str:
    rows = [
        [proof.what, f"{proof.items:,}", proof.digest or "–", "yes" if proof.faithful else "**NO**"]
        for proof in results.proofs
    ]
    return f"""## Fidelity

The digest is over the items' canonical JSON and does not depend on their order. Counts go by the columns of \
`dynamodb.NewImage.*`.

{table(["", "items", "digest", "as in the export"], rows)}"""


def goals(results: Results) -> str:
    peer = next(raced for raced in results.raced if raced.contender.name == "orjson")
    ratio = ratio_to_ours(peer, results)
    highest = max(peak.bytes_max for peak in results.peaks)
    growth = highest / min(peak.bytes_max for peak in results.peaks)
    rows = [
        [f"throughput per CPU second ≥ {CPU_RATIO_MIN} x orjson + isal", f"{ratio.middle:.2f} x", held(ratio.middle >= CPU_RATIO_MIN)],
        [f"peak memory < {PEAK_BYTES_MAX // MIB} MiB", f"{highest / MIB:.1f} MiB", held(highest < PEAK_BYTES_MAX)],
        [f"largest file's peak within {PEAK_GROWTH_MAX - 1:.0%} of the smallest's", f"{growth - 1:+.1%}", held(growth <= PEAK_GROWTH_MAX)],
        [
            f"a tiny unit takes ≤ {REQUESTS_BEYOND_SHARDS_MAX:.0f} requests beyond its shards",
            f"{results.fleet.tiny.requests_beyond_shards:.2f}",
            held(results.fleet.tiny.requests_beyond_shards <= REQUESTS_BEYOND_SHARDS_MAX),
        ],
        [
            f"a scan's records per CPU second ≥ {SCAN_RATIO_MIN:.0f} x boto3's",
            f"{Spread.of(results.scans.ratios).middle:.1f} x",
            held(Spread.of(results.scans.ratios).middle >= SCAN_RATIO_MIN),
        ],
        ["same records everywhere", "", held(results.faithful)],
    ]
    return f"## Goals\n\n{table(['goal', 'found', ''], rows)}"


def held(holds: bool) -> str:
    return "holds" if holds else "**MISSED**"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
