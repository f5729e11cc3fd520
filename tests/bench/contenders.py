"""Owns who is measured and how each is started. All write gzip stream records to files of their own, unless their name says
otherwise."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import environment
from export_data import Export

WORKERS = 2
# Where our shards are below a destination.
SHARDS = "date=*/part-*"

Command = Callable[[Export, Path], list[str | Path]]


@dataclass(frozen=True)
class Contender:
    """One way to do the job."""

    name: str
    label: str
    command: Command
    # Where in its output folder the files for readers are.
    files: str
    # What they hold, as digest.py names it.
    form: str = "stream"

    @property
    def ours(self) -> bool:
        return self.label.startswith("backfleet")

    def outputs(self, out: Path) -> list[Path]:
        return sorted(out.glob(self.files))


def backfleet(*flags: str, workers: int = WORKERS) -> Command:
    """The whole job: checks MD5 and counts, computes SizeBytes, fsyncs, verifies, commits."""

    def command(export: Export, out: Path) -> list[str | Path]:
        where = ["--source", export.folder, "--dest", out, "--keys", export.keys]
        return [environment.BINARY, "run", "--quiet", *where, "--workers", str(workers), *flags]

    return command


def script(name: str, *flags: str) -> Command:
    """A Python peer beside this file."""
    path = environment.HERE / name
    return lambda export, out: [environment.PYTHON, path, export.folder, out, export.keys, *flags]


OURS = Contender("backfleet", f"backfleet, {WORKERS} workers", backfleet(), SHARDS)
# What is held beside the shards in hand, which are as large as they are asked for: these are next to nothing.
SMALL_SHARDS = Contender(
    "backfleet-small-shards", f"backfleet, {WORKERS} workers, shards of 4 MiB", backfleet("--shard-bytes", "4MiB"), SHARDS
)
POLARS = Contender(
    "polars", "Polars, lines as text, gzip level 1, no SizeBytes", script("peer_polars.py"), "*.json.gz"
)
ORJSON = Contender(
    "orjson", "Python orjson + isal, 2 processes, no SizeBytes", script("peer_orjson.py"), "*.json.gz"
)
ORJSON_SIZES = Contender(
    "orjson-sizes",
    "Python orjson + isal, 2 processes, with SizeBytes",
    script("peer_orjson.py", "--size-bytes"),
    "*.json.gz",
)
DUCKDB = Contender("duckdb", "DuckDB, lines as text, no SizeBytes", script("peer_duckdb.py"), "*.json.gz")
SPARK = Contender(
    "spark", "PySpark local[2], lines as text, no SizeBytes", script("peer_spark.py"), "part-*.txt.gz"
)
STDLIB = Contender(
    "stdlib", "Python json + gzip level 6, 1 process, no SizeBytes", script("peer_stdlib.py"), "*.json.gz"
)

PLAIN = Contender("plain", "backfleet, plain", backfleet("--format", "plain"), SHARDS, "lines")
LAMBDA_EVENT = Contender(
    "lambda-event", "backfleet, lambda-event", backfleet("--format", "lambda-event"), SHARDS, "lambda-event"
)
ITEM = Contender("item", "backfleet, item", backfleet("--format", "item"), SHARDS, "export")

PARQUET_TYPED = Contender(
    "parquet-typed",
    "backfleet, Parquet zstd, `typed`",
    backfleet("--format", "parquet", "--schema", "typed"),
    SHARDS,
    "parquet",
)
PARQUET_AUTO = Contender(
    "parquet-auto",
    "backfleet, Parquet zstd, `auto`: exact decimals",
    backfleet("--format", "parquet"),
    SHARDS,
    "rows",
)
PARQUET_DUCKDB = Contender(
    "parquet-duckdb",
    "DuckDB, Parquet zstd, schema inferred",
    script("peer_duckdb_parquet.py"),
    "*.parquet",
    "parquet",
)
