"""Owns the page that a bench ends with, the same text on the terminal and in docs/benchmarks.md, and the table in README."""

from collections.abc import Sequence

import environment
import floors as floor_names
import goals
import price
from export_data import Export
from fleet import Fleet, Shift
from measure import Spread, Usage
from planning import Coordinated
from race import Raced
from results import Race, Results
from scans import Scans

# The folder of the plots, beside the page.
PLOTS = "bench"
SPREAD = "min – median – max"
README_BEGINS = "<!-- Between these marks `make bench` writes. -->"
README_ENDS = "<!-- So far. -->"


def page(results: Results) -> str:
    """All of it as Markdown."""
    parts = [
        head(results),
        goal_table(results),
        speed(results),
        cost(results),
        floors(results),
        profiles(results),
        formats(results),
        scaling(results),
        memory(results),
        fleet(results.fleet),
        coordinator(results.coordinated),
        scan(results.scans),
        fidelity(results),
    ]
    parts += ["".join(f"* {notice}\n" for notice in results.notices)] if results.notices else []
    return "\n".join(parts)


def head(results: Results) -> str:
    export = results.stream.export
    return f"""# Benchmarks

Written by `make bench`; do not edit. Work: a synthetic telemetry export of {export.items:,} items in {export.files} data \
files, {export.megabytes:,.0f} MB ({export.bytes_compressed / 1e6:,.0f} MB gzip), to stream records, gzip, unless a table says \
otherwise. All read the same bytes from the page cache and write to the same disk, in turns. Only ratios within one run count: the \
same figures on another machine or another day are others.

{environment.version()}; {environment.pins()}; {environment.machine()}.
"""


def goal_table(results: Results) -> str:
    rows = [[goal.text, goal.found, goal.verdict] for goal in goals.of(results)]
    return f"""## Goals

Ratios are of the two runs of one round, {SPREAD}; the median decides.

{table(["goal", "found", ""], rows)}"""


def speed(results: Results) -> str:
    race = results.stream
    columns = [
        "",
        f"CPU s ({SPREAD})",
        "MB in per CPU s",
        f"our throughput per CPU s ({SPREAD})",
        "peak memory MiB",
        "output MB",
        "same items",
    ]
    rows = [
        [
            raced.entry.contender.label,
            raced.cpu_seconds.text(),
            f"{raced.megabytes_per_cpu_second.middle:,.0f}",
            times(race, raced),
            f"{raced.peak_mib.high:,.0f}",
            f"{raced.bytes_out / 1e6:,.1f}",
            same(race, raced),
        ]
        for raced in race.raced
    ]
    return f"""## Speed

CPU is user + system time of the whole process tree, over {len(race.ours.usages)} alternating rounds. Memory is the largest \
process's resident set; a peer of 2 processes takes up to twice that. Ours also checks every MD5 and count, computes SizeBytes, \
fsyncs, and verifies what it wrote; the peers do not.

![MB of input per CPU second]({PLOTS}/throughput.svg)

{table(columns, rows)}"""


def times(race: Race, raced: Raced) -> str:
    return "1" if raced is race.ours else f"{race.times_slower(raced).text()} x"


def same(race: Race, raced: Raced) -> str:
    return "yes" if race.proof(raced).faithful else "**NO**"


def cost(results: Results) -> str:
    fargate, rate = price.read(), results.stream.ours.megabytes_per_cpu_second
    rows = [
        [
            raced.entry.contender.label,
            f"{raced.megabytes_per_cpu_second.text(0)}",
            f"{fargate.per_terabyte(raced.megabytes_per_cpu_second.middle):.2f}",
        ]
        for raced in results.stream.raced
    ]
    return f"""## Cost

The price of converting 1 TB of DynamoDB JSON (uncompressed) on Fargate is 10⁶ MB ÷ MB per vCPU second ÷ 3,600 × \
({fargate.vcpu_hour} per vCPU hour + {price.GB_PER_VCPU} GB × {fargate.gb_hour} per GB hour) = {1e6 / 3600 * fargate.hour:.2f} ÷ \
MB per vCPU second: {fargate.per_terabyte(rate.middle):.2f} {fargate.currency} for ours. Prices are those of \
`coordinator/prices.json`, Linux on ARM64 in {fargate.region}, {fargate.date}; it has none of x86-64, and the rate is that of this \
machine. A vCPU is reckoned as busy as here: waiting for S3, requests and storage come on top, and `backfleet plan` prices those.

{table(["", f"MB per vCPU second ({SPREAD})", f"{fargate.currency} per TB"], rows)}"""


def readme(text: str, results: Results) -> str:
    """README with the newest figures between the marks."""
    before, _, rest = text.partition(README_BEGINS)
    _, _, after = rest.partition(README_ENDS)
    fargate, race = price.read(), results.stream
    rows = [
        [
            raced.entry.contender.label,
            f"{raced.megabytes_per_cpu_second.middle:,.0f}",
            f"{fargate.per_terabyte(raced.megabytes_per_cpu_second.middle):.2f}",
            times(race, raced),
        ]
        for raced in race.raced
    ]
    columns = ["", "MB/s per vCPU", f"{fargate.currency} per TB on Fargate", f"our throughput per CPU s ({SPREAD})"]
    told = f"""
DynamoDB JSON to stream records, gzip, side by side on the same bytes; ours alone checks, computes SizeBytes and proves what it \
wrote. How it was measured, and everything else: [docs/benchmarks.md](docs/benchmarks.md).

{table(columns, rows)}"""
    return before + README_BEGINS + told + README_ENDS + after


def floors(results: Results) -> str:
    rows = [
        [
            floor.name,
            f"{floor.rate('inflate').middle:,.0f}",
            f"{floor.rate('deflate').middle:,.0f}",
            floor.seconds.text(),
            f"{floor.bytes_out / 1e6:,.1f}",
            f"{results.stream.ours.bytes_out / floor.bytes_out:.2f} x",
            Spread(*(share * 100 for share in (floor.share.low, floor.share.middle, floor.share.high))).text(0) + " %",
        ]
        for floor in results.floors
    ]
    columns = [
        "inflate and deflate",
        "inflate MB per CPU s",
        "deflate MB per CPU s",
        f"CPU s ({SPREAD})",
        "output MB",
        "our output",
        f"of its speed ours reaches ({SPREAD})",
    ]
    scanned = results.floors[0].rate("scan").middle
    return f"""## Floors

What the libraries alone take, in one thread and measured in turns with our whole run: the export's files inflated, every byte \
looked at once (newlines and UTF-8, {scanned:,.0f} MB per CPU s), and exactly the bytes of our output deflated. Rates are of \
uncompressed bytes. {floor_names.ISAL} goes through Python's isal in chunks of 1 MiB.

{table(columns, rows)}"""


def profiles(results: Results) -> str:
    rows = [
        [
            race.export.profile,
            f"{race.export.megabytes:,.0f}",
            f"{race.ours.megabytes_per_cpu_second.middle:,.0f}",
            f"{race.raced[1].megabytes_per_cpu_second.middle:,.0f}",
            times(race, race.raced[1]),
            f"{race.ours.bytes_out / race.raced[1].bytes_out:.2f} x",
            f"{same(race, race.ours)}, {same(race, race.raced[1])}",
        ]
        for race in results.profiles
    ]
    columns = [
        "items of `synth`",
        "MB",
        "ours, MB per CPU s",
        "DuckDB's",
        f"our throughput per CPU s ({SPREAD})",
        "our output to DuckDB's",
        "same items: ours, DuckDB's",
    ]
    return f"""## Other items

`tiny` is 100 bytes an item, `wide` 200 attributes, `unicode` everything that is legal and hard to read, `blob` 100 to 400 KB that \
are mostly binary.

{table(columns, rows)}"""


def formats(results: Results) -> str:
    race, parquet = results.formats, results.parquet
    rows = [
        [
            raced.entry.contender.label if raced is not race.ours else f"{raced.entry.contender.label}, stream",
            raced.cpu_seconds.text(),
            f"{raced.megabytes_per_cpu_second.middle:,.0f}",
            "100 %" if raced is race.ours else f"{100 * goals.speed_of_stream(race, raced.entry.contender).middle:.0f} %",
            f"{raced.bytes_out / 1e6:,.1f}",
            same(race, raced),
        ]
        for raced in race.raced
    ]
    columns = ["", f"CPU s ({SPREAD})", "MB in per CPU s", "of stream's speed", "output MB", "same items"]
    parquet_rows = [
        [
            raced.entry.contender.label,
            raced.cpu_seconds.text(),
            f"{raced.megabytes_per_cpu_second.middle:,.0f}",
            times(parquet, raced),
            f"{raced.peak_mib.high:,.0f}",
            f"{raced.bytes_out / 1e6:,.1f}",
            same(parquet, raced),
        ]
        for raced in parquet.raced
    ]
    parquet_columns = [
        "",
        f"CPU s ({SPREAD})",
        "MB in per CPU s",
        f"throughput of `typed` per CPU s ({SPREAD})",
        "peak memory MiB",
        "output MB",
        "same items",
    ]
    return f"""## Other outputs

{race.export.items:,} telemetry items, gzip. `plain` is no DynamoDB JSON any more, so its records are only counted.

{table(columns, rows)}
Parquet of {parquet.export.items:,} telemetry items, zstd. Ours counts every record before it writes the first row, so that the \
schema holds for all; DuckDB infers one from a sample. Rows of `auto` are counted, those of the others read back and compared as \
items.

{table(parquet_columns, parquet_rows)}"""


def scaling(results: Results) -> str:
    base = results.growth[0]
    per_byte = base.cpu_seconds.middle / base.entry.export.megabytes
    rows = [
        [
            f"{raced.entry.export.items / base.entry.export.items:g}x",
            f"{raced.entry.export.megabytes:,.0f}",
            raced.cpu_seconds.text(),
            f"{raced.cpu_seconds.middle / raced.entry.export.megabytes / per_byte - 1:+.1%}",
            raced.wall_seconds.text(),
        ]
        for raced in results.growth
    ]
    columns = ["input", "MB", f"CPU s ({SPREAD})", "CPU time per byte", f"wall s ({SPREAD})"]
    parts = [
        f"""## Scaling

The same {base.entry.export.files} files, longer each time.

![CPU seconds per GB over the size of the input]({PLOTS}/growth.svg)

{table(columns, rows)}"""
    ]
    if results.cores:
        parts.append(cores(results))
    return "\n".join(parts)


def cores(results: Results) -> str:
    rows = [
        [
            cores.label,
            cores.one.wall_seconds.text(),
            cores.two.wall_seconds.text(),
            f"{cores.speedup.text()} x",
            f"{cores.one.cpu_seconds.middle:.2f}, {cores.two.cpu_seconds.middle:.2f}",
        ]
        for cores in results.cores
    ]
    columns = ["", f"on one CPU, wall s ({SPREAD})", "on two", f"times as fast ({SPREAD})", "CPU s, on one and on two"]
    return f"""The same command pinned to one CPU and to two. Wall times suffer from whatever else the machine does.

![Two CPUs against one]({PLOTS}/cores.svg)

{table(columns, rows)}"""


def memory(results: Results) -> str:
    rows = [
        [
            f"{peak.export.megabytes:,.0f}",
            f"{peak.export.bytes_compressed / 1e6:,.0f}",
            peak.raced.peak_mib.text(1),
        ]
        for peak in results.peaks
    ]
    columns = ["single data file, uncompressed MB", "compressed MB", f"peak MiB ({SPREAD})"]
    many = [
        [
            f"{job.export.files:,}",
            f"{job.run_mib:.1f}",
            f"{job.export.files / job.run.wall_seconds:,.0f}",
            f"{job.verify_mib:.1f}",
            f"{job.export.files / job.verify.wall_seconds:,.0f}",
        ]
        for job in results.many
    ]
    many_columns = ["data files", "`run`, peak MiB", "files/s", "`verify`, peak MiB", "completions/s"]
    return f"""## Memory

`backfleet run` on an export of one data file, {len(results.peaks[0].raced.usages)} run(s) each; a file's size is that of its \
uncompressed content.

![Peak memory over the size of a file]({PLOTS}/memory.svg)

{table(columns, rows)}
Many files of a few items each, held in memory where the system can, for fsync on a disk would take most of the time. `verify` \
proves every completion again.

{table(many_columns, many)}"""


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


def coordinator(found: Coordinated) -> str:
    rows = [
        coordinator_row("`plan`, from a folder", found, found.plan),
        coordinator_row("`start`, from a bucket onto a queue", found, found.start),
    ]
    columns = ["", "CPU s", "units per CPU s", "wall s", "units per s of wall time", "peak MiB"]
    return f"""## Coordinator

A job of {found.units:,} tiny files. The emulator that answers `start` shares the CPUs and takes most of its wall time, so what a \
real S3 and SQS would let through cannot be measured here; the coordinator's own CPU time can.

{table(columns, rows)}"""


def coordinator_row(label: str, found: Coordinated, usage: Usage) -> list[str]:
    return [
        label,
        f"{usage.cpu_seconds:.2f}",
        f"{found.per_cpu_second(usage):,.0f}",
        f"{usage.wall_seconds:.2f}",
        f"{found.per_second(usage):,.0f}",
        f"{usage.peak_bytes / (1 << 20):.1f}",
    ]


def scan(found: Scans) -> str:
    rows = [
        scan_row("backfleet run", found, found.ours),
        scan_row("Python boto3 + orjson + isal, 4 threads, no SizeBytes", found, found.boto3),
    ]
    columns = ["", f"CPU s ({SPREAD})", "records per CPU s", f"wall s ({SPREAD})"]
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

The digest is over the items' canonical JSON and does not depend on their order. Where there is none records are only counted, \
by the columns of `dynamodb.NewImage.*` where a reader is named. An export stands above what was made of it. A peer that alters \
items is shown, and that is all.

{table(["", "items", "digest", "as in the export"], rows)}"""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
