"""Owns the bench's story: the same bytes through us and through what a user would write instead, measured side by side.

`make bench` (or `make bench QUICK=1`) runs it; it needs nothing but Python's standard library, sets the rest up itself, and
keeps everything it makes under target/. It ends with 1 only if an output does not hold the export's records, or a page of
docs/formats is not true; a goal that is missed is told, not punished, for a busy machine may be the reason.
"""

import argparse
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import environment
import export_data
import fidelity
import fleet
import report
import scans
from contenders import ORJSON, OURS, STDLIB, Contender
from export_data import Export
from measure import Usage, run
from report import Peak, Raced, Results

DOCUMENT = environment.ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    items: int
    files: int
    rounds: int
    contenders: list[Contender]
    single_file_items: tuple[int, ...]
    memory_runs: int
    tiny_files: int
    scan_items: int
    scan_rounds: int


# 920,000 items are about 1.02 GB; 180,000 and 3,600,000 in one file about 200 MB and 4 GB.
FULL = Scale(920_000, 8, 5, [OURS, ORJSON, STDLIB], (180_000, 3_600_000), 3, 2_000, 40_000, 3)
QUICK = Scale(92_000, 2, 3, [OURS, ORJSON], (180_000, 720_000), 1, 200, 5_000, 1)
TINY_ITEMS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure backfleet beside what a user would write instead.")
    parser.add_argument("--quick", action="store_true", help="less of everything, no PySpark, no page in docs/")
    quick = parser.parse_args().quick
    results = bench(QUICK if quick else FULL, spark=not quick)
    text = report.page(results)
    print(text)
    if not quick:
        DOCUMENT.write_text(text)
    return 0 if results.faithful else 1


def bench(scale: Scale, *, spark: bool) -> Results:
    """Everything there is to find out at this scale."""
    notices = []
    if spark and not environment.has_java():
        spark = False
        notices.append("PySpark did not count our records: there is no Java here.")
    environment.set_up_python(spark=spark)
    say("pages: every command and query of docs/formats")
    fidelity.read_pages(spark=spark)
    say(f"data: {scale.items:,} items in {scale.files} files")
    export = export_data.make(scale.items, scale.files)
    raced = race(scale.contenders, export, scale.rounds)
    say("fidelity: the records of all outputs")
    outs = {contender: out_folder(contender) for contender in scale.contenders}
    proofs = fidelity.prove(export, outs, spark=spark)
    peaks = [peak(items, scale.memory_runs) for items in scale.single_file_items]
    say(f"fleet: {scale.tiny_files:,} tiny files, then {scale.files} big ones")
    tiny = export_data.make(TINY_ITEMS * scale.tiny_files, scale.tiny_files, "tiny")
    clear([out_folder(OURS)])
    shifts = fleet.measure(tiny, export, out_folder(OURS))
    clear(out_folder(contender) for contender in scale.contenders)
    say(f"scan: {scale.scan_items:,} items")
    scanned = environment.DATA / "out" / "scans"
    clear([scanned])
    table = scans.measure(export_data.make(scale.scan_items, 1), scale.scan_rounds, scanned)
    clear([scanned])
    return Results(export, raced, peaks, proofs, shifts, table, notices)


def race(contenders: list[Contender], export: Export, rounds: int) -> list[Raced]:
    """Everybody once a round, each round beginning with another one: a machine that slows down slows all."""
    usages: dict[Contender, list[Usage]] = {contender: [] for contender in contenders}
    for number in range(rounds):
        first = number % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            usages[contender].append(one_run(contender, export))
    return [Raced(contender, usages[contender], bytes_out(contender)) for contender in contenders]


def peak(items: int, runs: int) -> Peak:
    """Our memory on an export of one data file."""
    say(f"memory: {items:,} items in one file")
    export = export_data.make(items, 1)
    return Peak(export, [one_run(OURS, export) for _ in range(runs)])


def one_run(contender: Contender, export: Export) -> Usage:
    """From an empty destination; what the last run left is removed before the clock starts."""
    out = out_folder(contender)
    clear([out])
    usage = run(contender.command(export, out))
    say(f"  {contender.name}: {usage.cpu_seconds:.2f} CPU s, {usage.wall_seconds:.2f} s")
    return usage


def out_folder(contender: Contender) -> Path:
    return environment.DATA / "out" / contender.name


def bytes_out(contender: Contender) -> int:
    return sum(file.stat().st_size for file in contender.outputs(out_folder(contender)))


def clear(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
