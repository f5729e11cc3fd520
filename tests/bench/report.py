"""Owns the page that a bench ends with: the same text on the terminal and in docs/benchmarks.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import environment
from contenders import OURS, Contender
from export_data import Export
from fidelity import Proof
from measure import MIB, Spread, Usage

CPU_RATIO_MIN = 2.5
PEAK_BYTES_MAX = 256 * MIB
PEAK_GROWTH_MAX = 1.10


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
    notices: list[str]

    @property
    def faithful(self) -> bool:
        return all(proof.faithful for proof in self.proofs)

    @property
    def ours(self) -> Raced:
        return next(raced for raced in self.raced if raced.contender == OURS)


def page(results: Results) -> str:
    """All of it as Markdown."""
    parts = [head(results), speed(results), memory(results), fidelity(results), goals(results)]
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
        ["same records everywhere", "", held(results.faithful)],
    ]
    return f"## Goals\n\n{table(['goal', 'found', ''], rows)}"


def held(holds: bool) -> str:
    return "holds" if holds else "**MISSED**"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
