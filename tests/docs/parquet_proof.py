"""Owns the proof that our Parquet files hold every value of the export, and that readers which are not ours find it there.

Exports that the program makes, and those that people wrote down in data/, are converted, and read back by DuckDB and, if asked
for, PySpark. Each row must be the record of its place in the export: event, time, old image, and every attribute, put together
from columns and `_rest`.
"""

import gzip
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from items import differences, item_of_json, item_of_row
from readers import Spark

ITEMS = 300
# Shown of one job; a fault of the writer is in every row.
SHOWN_MAX = 12
# Columns that are at fault in DuckDB 2.0, by job, and read by Spark alone:
UNREAD_BY_DUCKDB = {
    # Each list inside a list doubles the time; of 32 there is no end to it.
    "unicode auto": ["32 lists deep"],
    # In Python, names of a struct's fields end at a NUL.
    "corners auto": ["fields"],
}
# As `typed` they are nested deeper than a plan can say.
DEEP = ["32 lists deep", "32 maps deep", "32 maps and lists deep"]


@dataclass(frozen=True)
class Job:
    """An export, and how it is converted."""

    table: str
    source: str
    keys: str
    schema: str
    compression: str = "zstd"
    # Attributes that are taken out of a saved schema, and so stand in `_rest`.
    pinned_without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        words = [self.table, self.schema]
        words += [self.compression] * (self.compression != "zstd") + ["pinned"] * bool(self.pinned_without)
        return " ".join(words)


@dataclass(frozen=True)
class Record:
    """What the export says at one place, or a row says of it."""

    event: str
    micros: int
    old_image: Any
    item: Any


ORDERS = "exports/orders/AWSDynamoDB"
CHAIN = ("01768384800000-5a1e0002", "01768388400000-5a1e0003", "01768392000000-5a1e0004")
PROFILES = {"telemetry": "pk,sk", "tiny": "id", "wide": "pk", "unicode": "pk,sk"}
WRITTEN = {
    "products": ("exports/products", "pk"),
    "book-json": ("exports/book-json", "Id"),
    "corners": ("exports/corners", "pk"),
    "types": ("exports/types", "pk"),
    "names": ("exports/names", "pk"),
    "twins": ("exports/twins", "pk"),
    "example-table": ("exports/example-table", "key,val"),
    "table-testdrive": ("exports/table-testdrive", "device,timestamp"),
    "chain": (",".join(f"{ORDERS}/{export}" for export in CHAIN), "pk,sk"),
    "upserts": (f"{ORDERS}/01768395600000-5a1e0005", "pk,sk"),
}


def jobs() -> list[Job]:
    tables = {profile: (f"made/{profile}", keys) for profile, keys in PROFILES.items()} | WRITTEN
    schemas = [(table, schema) for table in tables for schema in ("auto", "typed")]
    whole = [Job(table, *tables[table], schema) for table, schema in schemas]
    pinned = [Job("unicode", *tables["unicode"], schema, pinned_without=tuple(DEEP)) for schema in ("auto", "typed")]
    packed = [Job("telemetry", *tables["telemetry"], "auto", compression) for compression in ("snappy", "none")]
    return whole + pinned + packed


def prove(program: Path, spark: Spark | None) -> int:
    """Works in the present folder, beside exports/; gives the number of proofs that failed."""
    for profile in PROFILES:
        call(program, "synth", "--to", f"made/{profile}", "--profile", profile, "--items", str(ITEMS), "--files", "2")
    readers = ["duckdb"] + ["pyspark"] * bool(spark)
    return sum(not is_proven(program, job, reader, spark) for job in jobs() for reader in readers)


def is_proven(program: Path, job: Job, reader: str, spark: Spark | None) -> bool:
    try:
        wrong = faults(program, job, reader, spark)
    except Exception as error:  # Whatever a reader raises, it has not found the records.
        wrong = [str(error)]
    print(f"{'FAILED' if wrong else 'ok':7}  parquet of {job.name}, read by {reader}", flush=True)
    for line in wrong[:SHOWN_MAX]:
        print(f"  {line}")
    if len(wrong) > SHOWN_MAX:
        print(f"  and {len(wrong) - SHOWN_MAX} more")
    return not wrong


def faults(program: Path, job: Job, reader: str, spark: Spark | None) -> list[str]:
    """Where rows and export differ."""
    dest = Path("proof", job.name.replace(" ", "-"))
    if not dest.exists():
        convert(program, job, dest)
    unread = UNREAD_BY_DUCKDB.get(job.name, []) if reader == "duckdb" else []
    (plan,) = (json.loads(file.read_text()) for file in dest.glob("_backfleet/*/plan.json"))
    units = dict(enumerate(plan["units"]))
    shards = [str(shard) for shard in sorted(dest.glob("date=*/*.parquet"))]
    expected = records_of_export(plan, units)
    if not shards:
        return [f"no shard holds the {len(expected)} records"] * bool(expected)
    rows = rows_of_duckdb(shards, unread) if reader == "duckdb" else rows_of_spark(shards, spark)
    columns = [column for column in columns_of(shards) if column["attribute"] not in unread]
    # All files of a job have the same columns: that of old images too, if any export of it has those.
    old_images = any(has_old_images(plan, unit) for unit in units.values())
    return faults_of_rows(rows, columns, expected, old_images, unread)


def faults_of_rows(
    rows: list[dict[str, Any]],
    columns: list[dict[str, Any]],
    expected: dict[str, Record],
    old_images: bool,
    unread: list[str],
) -> list[str]:
    """Where the rows of some files and the records they must hold differ."""
    attributes = [column["attribute"] for column in columns]
    ours = ["_eventName", "_source", "_time", "_sequence", *["_oldImage"] * old_images, *attributes, "_rest"]
    found = {row["_sequence"]: record_of_row(row, columns) for row in rows}
    for record in [*found.values(), *expected.values()]:
        for name in unread:
            record.item.pop(name, None)
    wrong = [f"columns: {ours} were expected, {list(rows[0])} found"] * (list(rows[0]) != ours)
    if len(rows) != len(expected):
        wrong.append(f"{len(rows)} rows were found, {len(expected)} expected")
    wrong += [f"_source is {row['_source']!r}" for row in rows if row["_source"] != "backfill"]
    wrong += [f"{sequence}: on one side only" for sequence in sorted(expected.keys() ^ found.keys())]
    for sequence in sorted(expected.keys() & found.keys()):
        wrong += differences(sequence, vars(expected[sequence]), vars(found[sequence]))
    return wrong


def convert(program: Path, job: Job, dest: Path) -> None:
    schema = job.schema
    if job.pinned_without:
        schema = pinned(program, job)
    words = ["--format", "parquet", "--schema", schema, "--compression", job.compression]
    call(program, "run", "--source", job.source, "--dest", str(dest), "--keys", job.keys, *words)


def pinned(program: Path, job: Job) -> str:
    """A file of `census --save` without some columns, as people mend it."""
    file = Path(f"{job.schema}.json")
    words = ["--typed"] * (job.schema == "typed")
    call(program, "census", job.source, "--keys", job.keys, "--save", str(file), *words)
    schema = json.loads(file.read_text())
    schema["columns"] = [column for column in schema["columns"] if column["attribute"] not in job.pinned_without]
    file.write_text(json.dumps(schema))
    return str(file)


def call(program: Path, *words: str) -> None:
    finished = subprocess.run([program, *words], capture_output=True, text=True)
    if finished.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {finished.returncode}: {finished.stderr}")


def columns_of(shards: list[str]) -> list[dict[str, Any]]:
    """The schema that the files say, which must be one."""
    query = "SELECT DISTINCT value FROM parquet_kv_metadata(?) WHERE key = 'backfleet.schema'"
    with duckdb.connect() as database:
        ((schema,),) = database.execute(query, [shards]).fetchall()
    return json.loads(schema)["columns"]


def rows_of_duckdb(shards: list[str], unread: list[str]) -> list[dict[str, Any]]:
    """By name; the folder's own column `date` is left out, it would hide an attribute of that name."""
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in unread)
    star = f"* EXCLUDE ({names})" if unread else "*"
    query = f"SELECT {star} REPLACE (epoch_us(_time) AS _time) FROM read_parquet(?, hive_partitioning = false)"
    with duckdb.connect() as database:
        cursor = database.execute(query, [shards])
        names = [name for name, *_ in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def rows_of_spark(shards: list[str], spark: Spark) -> list[dict[str, Any]]:
    """Files named one by one are not searched for columns in the names of their folders."""
    from pyspark.sql import functions as F

    frame = spark.started().read.parquet(*shards)
    rows = frame.withColumn("_time", F.unix_micros("_time")).collect()
    return [plain(row) for row in rows]


def plain(held: Any) -> Any:
    """Rows as dictionaries by name, as DuckDB gives them."""
    if hasattr(held, "__fields__"):
        return dict(zip(held.__fields__, map(plain, held), strict=True))
    match held:
        case list():
            return [plain(element) for element in held]
        case dict():
            return {name: plain(value) for name, value in held.items()}
        case _:
            return held


def record_of_row(row: dict[str, Any], columns: list[dict[str, Any]]) -> Record:
    old_image, rest = (json.loads(row[name]) if row.get(name) is not None else None for name in ("_oldImage", "_rest"))
    item = item_of_row(row, columns, rest)
    return Record(row["_eventName"], row["_time"], old_image and item_of_json(old_image), item)


def has_old_images(plan: dict[str, Any], unit: dict[str, Any]) -> bool:
    return plan["source"]["parts"][unit["part"]]["content"].get("old_images", False)


def records_of_export(plan: dict[str, Any], units: dict[int, Any]) -> dict[str, Record]:
    """Every line of the files of these units, under the sequence number that its place gives it."""
    records = {}
    for number, unit in units.items():
        lines = gzip.decompress(Path(plan["location"], unit["key"]).read_bytes()).splitlines()
        for place, line in enumerate(map(json.loads, lines), start=1):
            if "Item" in line:
                sequence, record = f"00{number:07}{place:012}", item_record(line, plan["options"]["snapshot_micros"])
            else:
                sequence, record = f"01{micros_of(line):016}{place:03}", change_record(line, has_old_images(plan, unit))
            records[sequence] = record
    return records


def item_record(line: dict[str, Any], micros: int) -> Record:
    return Record("INSERT", micros, None, item_of_json(line["Item"]))


def change_record(line: dict[str, Any], old_images: bool) -> Record:
    """Without old images an insert cannot be told from an update."""
    new, old = line.get("NewImage"), line.get("OldImage")
    event = "REMOVE" if new is None else "INSERT" if old is None and old_images else "MODIFY"
    return Record(event, micros_of(line), old and item_of_json(old), item_of_json(new or line["Keys"]))


def micros_of(line: dict[str, Any]) -> int:
    return int(line["Metadata"]["WriteTimestampMicros"]["N"])
