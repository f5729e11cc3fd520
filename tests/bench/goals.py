"""Owns the goals: what the project wants of its speed and memory, and whether a bench found it."""

from collections.abc import Iterator
from dataclasses import dataclass

from contenders import DUCKDB, ITEM, LAMBDA_EVENT, ORJSON, PARQUET_DUCKDB, PLAIN, POLARS, SPARK
from export_data import Export
from floors import BUILDABLE, ISAL, ZLIB_RS
from measure import Spread
from results import Race, Results

# Of the CPU time of what a user would pick instead, and of its output.
TIMES_FASTER = (
    (POLARS, "Polars' text splicing", 1.8),
    (ORJSON, "orjson + isal", 5.0),
    (DUCKDB, "DuckDB", 14.0),
    (SPARK, "PySpark", 20.0),
)
POLARS_OUTPUT_MAX = 0.8
ISAL_OUTPUT_MAX = 1.05
FLOOR_SHARE_MIN = 0.90
ISAL_SHARE_MIN = 0.85
# Reached only by keeping the matches that the input brings along: no library can.
TRANSCODING_SHARE_MIN = 1.15
PROFILE_MIN = {"tiny": 7.0, "wide": 7.0, "unicode": 7.0, "blob": 3.0}
FORMAT_SPEED_MIN = 0.70
PARQUET_MIN = 3.0
CORES_SPEEDUP_MIN = 1.9
GROWTH_MAX = 0.05
CONVERSION_MIB_MAX = 64
PEAK_MIB_MAX = 256
PEAK_GROWTH_MAX = 1.10
REQUESTS_BEYOND_SHARDS_MAX = 6.0
UNITS_PER_SECOND_MIN = 5_000
SCAN_RATIO_MIN = 8.0
ROUNDS_MIN = 5


@dataclass(frozen=True)
class Goal:
    """One goal; `holds` is None where this bench cannot tell, and then `found` says why."""

    text: str
    found: str
    holds: bool | None

    @property
    def verdict(self) -> str:
        return {True: "holds", False: "**MISSED**", None: "not measured"}[self.holds]


def of(results: Results) -> list[Goal]:
    """All of them, in the order of the page."""
    return [
        *peers(results),
        *floors(results),
        *cores(results),
        *profiles(results),
        *formats(results),
        *memory(results),
        growth(results),
        *fleet(results),
        at_least("scan, records per CPU s: ≥ {} x boto3's", Spread.of(results.scans.ratios), SCAN_RATIO_MIN),
        rounds(results),
        Goal("same records everywhere", "yes" if results.faithful else "no", results.faithful),
    ]


def at_least(text: str, found: Spread, least: float) -> Goal:
    """A ratio whose median decides, shown with its spread."""
    return Goal(text.format(f"{least:g}"), f"{found.text()} x", found.middle >= least)


def percent_at_least(text: str, found: Spread, least: float) -> Goal:
    percent = Spread(found.low * 100, found.middle * 100, found.high * 100)
    return Goal(text.format(f"{least:.0%}"), f"{percent.text(0)} %", found.middle >= least)


def peers(results: Results) -> Iterator[Goal]:
    stream = results.stream
    for peer, name, least in TIMES_FASTER:
        text = f"stream, CPU: ≥ {{}} x {name}"
        raced = stream.of(peer)
        yield at_least(text, stream.times_slower(raced), least) if raced else Goal(
            text.format(f"{least:g}"), "was not run", None
        )
    yield size("Polars'", stream.ours.bytes_out, stream.of(POLARS).bytes_out, POLARS_OUTPUT_MAX)
    yield size("isa-l level 1's", stream.ours.bytes_out, results.floor(ISAL).bytes_out, ISAL_OUTPUT_MAX)


def size(whose: str, ours: int, theirs: int, most: float) -> Goal:
    return Goal(f"stream, output: ≤ {most:g} x {whose}", f"{ours / theirs:.2f} x", ours <= most * theirs)


def floors(results: Results) -> Iterator[Goal]:
    best, zlib, isal = results.best_floor, results.floor(ZLIB_RS), results.floor(ISAL)
    among = "; ".join(BUILDABLE)
    yield percent_at_least(f"≥ {{}} of the fastest floor that a build can use ({among})", best.share, FLOOR_SHARE_MIN)
    yield Goal(
        f"≥ {ISAL_SHARE_MIN:.0%} of the floor of isa-l, by a build that uses it",
        f"there is none; this one reaches {isal.share.middle:.0%}",
        None,
    )
    relation = results.stream.ours.bytes_out / zlib.bytes_out
    text = f"transcoding: ≥ {{}} of the floor of {ZLIB_RS} at equal size (ours: {relation:.2f} x)"
    yield percent_at_least(text, zlib.share, TRANSCODING_SHARE_MIN)


def cores(results: Results) -> Iterator[Goal]:
    for cores in results.cores:
        yield at_least(f"two cores against one, {cores.label}: ≥ {{}} x", cores.speedup, CORES_SPEEDUP_MIN)
    if not results.cores:
        yield Goal(f"two cores against one: ≥ {CORES_SPEEDUP_MIN:g} x", "processes cannot be pinned here", None)


def profiles(results: Results) -> Iterator[Goal]:
    for race in results.profiles:
        profile = race.export.profile
        yield at_least(f"{profile} items, CPU: ≥ {{}} x DuckDB", race.times_slower(race.raced[1]), PROFILE_MIN[profile])


def formats(results: Results) -> Iterator[Goal]:
    race = results.formats
    for contender in (PLAIN, LAMBDA_EVENT, ITEM):
        share = speed_of_stream(race, contender)
        yield percent_at_least(f"{contender.name}: ≥ {{}} of stream's speed", share, FORMAT_SPEED_MIN)
    duckdb = results.parquet.of(PARQUET_DUCKDB)
    for raced in results.parquet.raced:
        if raced is not duckdb:
            ratio = Spread.of(
                [theirs.cpu_seconds / ours.cpu_seconds for theirs, ours in zip(duckdb.usages, raced.usages, strict=True)]
            )
            yield at_least(f"{raced.entry.contender.name}, CPU: ≥ {{}} x DuckDB's Parquet", ratio, PARQUET_MIN)


def speed_of_stream(race: Race, contender) -> Spread:
    """Against the stream records of the same rounds."""
    slower = race.times_slower(race.of(contender))
    return Spread(1 / slower.high, 1 / slower.middle, 1 / slower.low)


def memory(results: Results) -> Iterator[Goal]:
    peaks, many = results.peaks, results.many
    small, large = peaks[0], peaks[-1]
    beside, whole = results.beside_shards.peak_mib.high, results.stream.ours.peak_mib.high
    yield Goal(
        f"memory of a local conversion to JSON, 2 workers, beyond the shard buffers: ≤ {CONVERSION_MIB_MAX} MiB",
        f"{beside:.1f} MiB (with shards of the usual size in hand {whole:.1f} MiB)",
        beside <= CONVERSION_MIB_MAX,
    )
    yield Goal(
        f"memory flat: {volume(large.export)} in a file within {PEAK_GROWTH_MAX - 1:.0%} of {volume(small.export)}",
        f"{large.mib_max / small.mib_max - 1:+.1%}",
        large.mib_max <= PEAK_GROWTH_MAX * small.mib_max,
    )
    few, most = many[0].run_mib, many[-1].run_mib
    yield Goal(
        f"memory flat: {many[-1].export.files:,} files within {PEAK_GROWTH_MAX - 1:.0%} of {many[0].export.files:,}",
        f"{most / few - 1:+.1%}",
        most <= PEAK_GROWTH_MAX * few,
    )
    other = max(*(raced.peak_mib.high for raced in results.parquet.raced if raced.entry.contender.ours), most)
    other = max(other, *(job.verify_mib for job in many))
    yield Goal(f"memory of everything else: ≤ {PEAK_MIB_MAX} MiB", f"{other:.1f} MiB", other <= PEAK_MIB_MAX)


def volume(export: Export) -> str:
    return f"{export.megabytes / 1000:,.1f} GB" if export.megabytes >= 1000 else f"{export.megabytes:,.0f} MB"


def growth(results: Results) -> Goal:
    costs = [raced.cpu_seconds.middle / raced.entry.export.megabytes for raced in results.growth]
    widest = max(abs(cost / costs[0] - 1) for cost in costs)
    furthest = max((cost / costs[0] - 1 for cost in costs), key=abs)
    sizes = ", ".join(f"{raced.entry.export.items / results.growth[0].entry.export.items:g}x" for raced in results.growth)
    return Goal(f"growth, {sizes}: CPU time per byte within {GROWTH_MAX:.0%} of 1x", f"{furthest:+.1%}", widest <= GROWTH_MAX)


def fleet(results: Results) -> Iterator[Goal]:
    beyond = results.fleet.tiny.requests_beyond_shards
    yield Goal(
        f"a tiny unit takes ≤ {REQUESTS_BEYOND_SHARDS_MAX:.0f} requests beyond its shards",
        f"{beyond:.2f}",
        beyond <= REQUESTS_BEYOND_SHARDS_MAX,
    )
    rate = results.coordinated.per_cpu_second(results.coordinated.start)
    yield Goal(
        f"coordinator plans and enqueues ≥ {UNITS_PER_SECOND_MIN:,} units/s, by its CPU time",
        f"{rate:,.0f}",
        rate >= UNITS_PER_SECOND_MIN,
    )
    most = results.many[-1]
    yield Goal(
        "1,000,000 completions verified in bounded memory",
        f"{most.export.files:,} here, in {most.verify_mib:.1f} MiB; a million in virtual time by `tests/sim`",
        None,
    )


def rounds(results: Results) -> Goal:
    fewest = min(len(race.ours.usages) for race in [results.stream, results.formats, results.parquet, *results.profiles])
    return Goal(f"every ratio with its spread over ≥ {ROUNDS_MIN} alternating rounds", str(fewest), fewest >= ROUNDS_MIN)
