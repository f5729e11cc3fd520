"""Owns the bench's story: the same bytes through us and through what a user would write instead, measured side by side.

`make bench` (or `make bench QUICK=1`) runs it; it needs nothing but Python's standard library, sets the rest up itself, and
keeps everything it makes under target/, many small files in memory meanwhile. It ends with 1 only if an output of ours does not
hold the export's records, or a page of docs/formats is not true; a goal that is missed is told, not punished, for a busy machine
may be the reason. Only the full bench writes to docs/ and README, the others to target/bench-page/. `--smoke` runs all of it on
next to nothing: its figures mean nothing, but a bench that is broken shows.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import environment
import export_data
import fidelity
import figures
import fleet
import floors
import planning
import report
import scans
from contenders import (
    DUCKDB,
    ITEM,
    LAMBDA_EVENT,
    ORJSON,
    ORJSON_SIZES,
    OURS,
    PARQUET_AUTO,
    PARQUET_DUCKDB,
    PARQUET_TYPED,
    PLAIN,
    POLARS,
    SMALL_SHARDS,
    SPARK,
    STDLIB,
    Contender,
)
from export_data import Export
from measure import CAN_PIN
from race import Entry, Raced, clear, out_folder, race, say
from results import Cores, Peak, Race, Results

DOCS = environment.ROOT / "docs"
README = environment.ROOT / "README.md"
TINY_ITEMS = 10


@dataclass(frozen=True)
class Scale:
    """How much of everything. Items are of the telemetry profile unless said otherwise: a million are about 1.1 GB."""

    rounds: int
    contenders: tuple[Contender, ...]
    items: int
    files: int
    profiles: Mapping[str, int]
    formats_items: int
    parquet_items: int
    growth_items: tuple[int, ...]
    single_file_items: int
    memory_items: tuple[int, ...]
    memory_runs: int
    many_files: tuple[int, ...]
    tiny_files: int
    plan_files: int
    scan_items: int
    scan_rounds: int


QUICK_CONTENDERS = (OURS, POLARS, ORJSON, ORJSON_SIZES, DUCKDB)
FULL = Scale(
    rounds=5,
    contenders=(*QUICK_CONTENDERS, SPARK, STDLIB),
    items=920_000,
    files=8,
    profiles={"tiny": 2_000_000, "wide": 28_000, "unicode": 160_000, "blob": 650},
    formats_items=460_000,
    parquet_items=184_000,
    growth_items=(230_000, 460_000, 920_000, 1_840_000),
    single_file_items=460_000,
    memory_items=(180_000, 900_000, 3_600_000, 18_000_000),
    memory_runs=2,
    many_files=(1_000, 10_000, 100_000),
    tiny_files=2_000,
    plan_files=10_000,
    scan_items=40_000,
    scan_rounds=5,
)
QUICK = Scale(
    rounds=3,
    contenders=QUICK_CONTENDERS,
    items=92_000,
    files=8,
    profiles={"tiny": 100_000, "wide": 1_400, "unicode": 8_000, "blob": 40},
    formats_items=92_000,
    parquet_items=18_400,
    growth_items=(23_000, 46_000, 92_000, 184_000),
    single_file_items=92_000,
    memory_items=(180_000, 720_000),
    memory_runs=1,
    many_files=(100, 1_000),
    tiny_files=200,
    plan_files=200,
    scan_items=5_000,
    scan_rounds=1,
)
SMOKE = Scale(
    rounds=2,
    contenders=FULL.contenders,
    items=4_000,
    files=2,
    profiles={"tiny": 4_000, "wide": 100, "unicode": 800, "blob": 4},
    formats_items=4_000,
    parquet_items=2_000,
    growth_items=(1_000, 2_000, 4_000, 8_000),
    single_file_items=4_000,
    memory_items=(2_000, 8_000),
    memory_runs=1,
    many_files=(5, 20),
    tiny_files=20,
    plan_files=20,
    scan_items=200,
    scan_rounds=1,
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure backfleet beside what a user would write instead.")
    parser.add_argument("--quick", action="store_true", help="less of everything, no PySpark, nothing in docs/")
    parser.add_argument("--smoke", action="store_true", help="next to nothing of everything, nothing in docs/")
    flags = parser.parse_args()
    scale = SMOKE if flags.smoke else QUICK if flags.quick else FULL
    results = bench(scale)
    text = report.page(results)
    print(text)
    publish(DOCS if scale is FULL else environment.TARGET / "bench-page", text, figures.draw(results))
    if scale is FULL:
        README.write_text(report.readme(README.read_text(), results))
    return 0 if results.faithful else 1


def publish(folder: Path, text: str, plots: Mapping[str, str]) -> None:
    (folder / report.PLOTS).mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(text)
    for name, svg in plots.items():
        (folder / report.PLOTS / name).write_text(svg)
    say(f"written: {folder / 'benchmarks.md'}")


def bench(scale: Scale) -> Results:
    """Everything there is to find out at this scale."""
    spark = SPARK in scale.contenders and environment.has_java()
    notices = [] if spark else [no_spark(scale)]
    environment.set_up_python(spark=spark)
    say("pages: every command and query of docs/formats")
    fidelity.read_pages(spark=spark)
    contenders = [contender for contender in scale.contenders if spark or contender is not SPARK]
    export = make(scale.items, scale.files)
    stream = raced_and_proven(contenders, export, scale.rounds)
    counts = [fidelity.counted(reader, export) for reader in ["duckdb"] + ["spark"] * spark]
    clear(out_folder(contender) for contender in contenders)
    say("floors: the libraries alone")
    floor = floors.measure(export, scale.rounds)
    profiles = [
        raced_and_proven([OURS, DUCKDB], make(items, 4, profile), scale.rounds)
        for profile, items in scale.profiles.items()
    ]
    formats = raced_and_proven(
        [OURS, PLAIN, LAMBDA_EVENT, ITEM], make(scale.formats_items, scale.files), scale.rounds
    )
    parquet = raced_and_proven(
        [PARQUET_TYPED, PARQUET_AUTO, PARQUET_DUCKDB], make(scale.parquet_items, scale.files), scale.rounds
    )
    clear([environment.DATA / "out"])
    found = Results(
        stream=stream,
        profiles=profiles,
        formats=formats,
        parquet=parquet,
        floors=floor,
        growth=growth(scale),
        cores=cores(scale) if CAN_PIN else [],
        peaks=[peak(items, scale.memory_runs) for items in scale.memory_items],
        beside_shards=beside_shards(export, scale.memory_runs),
        many=[planning.many(make_tiny(files)) for files in scale.many_files],
        fleet=fleet_of(scale, export),
        coordinated=planning.coordinate(make_tiny(scale.plan_files)),
        scans=scans_of(scale),
        counts=counts,
        notices=notices,
    )
    clear([environment.MEMORY] if environment.MEMORY != environment.DATA else [])
    return found


def no_spark(scale: Scale) -> str:
    asked = SPARK in scale.contenders
    return "PySpark was not run: " + ("there is no Java here." if asked else "only the full bench does.")


def make(items: int, files: int, profile: str = "telemetry") -> Export:
    say(f"data: {items:,} {profile} items in {files} file(s)")
    return export_data.make(items, files, profile)


def make_tiny(files: int) -> Export:
    say(f"data: {files:,} tiny files")
    return export_data.make(TINY_ITEMS * files, files, "tiny", environment.MEMORY)


def raced_and_proven(contenders: list[Contender], export: Export, rounds: int) -> Race:
    """Ours comes first. What they wrote stays."""
    raced = race([Entry(contender, export) for contender in contenders], rounds)
    return Race(raced, fidelity.prove(export, contenders))


def growth(scale: Scale) -> list[Raced]:
    say("growth")
    exports = [make(items, scale.files) for items in scale.growth_items]
    return race([Entry(OURS, export) for export in exports], scale.rounds)


def cores(scale: Scale) -> list[Cores]:
    """Many files, then one alone, on one CPU and on two in turns."""
    say("cores")
    many, single = make(scale.items, scale.files), make(scale.single_file_items, 1)
    entries = [Entry(OURS, export, cpus) for export in (many, single) for cpus in (1, 2)]
    raced = race(entries, scale.rounds)
    return [Cores(f"{many.files} files", raced[0], raced[1]), Cores("one single file", raced[2], raced[3])]


def peak(items: int, runs: int) -> Peak:
    """Our memory on an export of one data file."""
    export = make(items, 1)
    (raced,) = race([Entry(OURS, export)], runs)
    clear([out_folder(OURS)])
    return Peak(export, raced)


def beside_shards(export: Export, runs: int) -> Raced:
    """Our memory but for the shards in hand."""
    (raced,) = race([Entry(SMALL_SHARDS, export)], runs)
    clear([out_folder(SMALL_SHARDS)])
    return raced


def fleet_of(scale: Scale, export: Export) -> fleet.Fleet:
    say(f"fleet: {scale.tiny_files:,} tiny files, then {scale.files} big ones")
    found = fleet.measure(make_tiny(scale.tiny_files), export, out_folder(OURS))
    clear([out_folder(OURS)])
    return found


def scans_of(scale: Scale) -> scans.Scans:
    say(f"scan: {scale.scan_items:,} items")
    out = environment.DATA / "out" / "scans"
    clear([out])
    found = scans.measure(make(scale.scan_items, 1), scale.scan_rounds, out)
    clear([out])
    return found


if __name__ == "__main__":
    sys.exit(main())
