"""Owns the proof that the code of `backfleet handoff` makes the right table.

A table lives for two hours. In the middle it is exported, each item as it was at some moment within a minute of the export's
time; its stream is recorded before, while and after. What the table is at the end is known, and is what the code must make of
export and stream: in one go, while the stream still grows, and once more. The stream has records that count (overlaps, updates,
deletions, items that come back) and one that must not: it is from before the watermark, and what came after it was lost.
"""

import contextlib
import gzip
import io
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import exports
from readers import Spark

Item = dict[str, Any]
EXPORT_TIME = 1_768_392_000
HOUR, MINUTE = 3_600, 60
ITEMS = 120
CHANGES = 600
SECOND = 1_000_000
NAMES = ["plain", 'a "quoted" one', "größer als 1", "日本", "back\\slash", "tab\there"]


@dataclass(frozen=True)
class Job:
    """How the history is converted, and where the stream lies beside it."""

    format: str
    flags: tuple[str, ...] = ()
    shared_folder: bool = False
    # The pipeline was late: an incremental export says what was written before it began.
    bridged: bool = False

    @property
    def name(self) -> str:
        return f"{self.format}{' in one folder' * self.shared_folder}{' with a bridge' * self.bridged}"

    @property
    def live_from(self) -> int:
        """When its first live records are written."""
        return EXPORT_TIME + (15 if self.bridged else -10) * MINUTE


JOBS = (
    Job("stream", ("--shard-bytes", "16KiB")),
    Job("stream", ("--compression", "none"), shared_folder=True),
    Job("lambda-event", ("--document-records", "7")),
    Job("kinesis", ("--kinesis-precision", "microsecond")),
    Job("stream", bridged=True),
    Job("kinesis", ("--kinesis-precision", "microsecond"), shared_folder=True, bridged=True),
)


@dataclass(frozen=True)
class Change:
    """What became of an item, and when, in microseconds; `sequence` orders changes of one moment."""

    micros: int
    sequence: int
    key: tuple[str, int]
    item: Item | None
    before: Item | None


def prove(program: Path, spark: Spark | None) -> int:
    """Works in the present folder; gives the number of proofs that failed."""
    changes = list(history())
    write_export(changes, Path("handoff/export"))
    write_bridge(changes, Path("handoff/bridge"))
    failed = 0
    for number, job in enumerate(JOBS):
        folder = Path("handoff", f"job-{number}")
        checks: list[tuple[str, Callable[[], list[str]]]] = [
            ("duckdb", lambda folder=folder, job=job: faults_of_duckdb(program, job, folder, changes))
        ]
        if spark:
            checks.append(("pyspark", lambda folder=folder: faults_of_spark(folder, changes, spark)))
            checks.append(("pyspark and deltalake", lambda folder=folder, job=job: faults_of_delta(job, folder, changes, spark)))
        for reader, check in checks:
            try:
                wrong = check()
            except Exception as error:  # Whatever an engine raises, it has not made the table.
                wrong = [str(error)]
            print(f"{'FAILED' if wrong else 'ok':7}  handoff of {job.name}, run by {reader}", flush=True)
            print("".join(f"  {line}\n" for line in wrong[:12]), end="")
            failed += bool(wrong)
    return failed


def history() -> Iterator[Change]:
    """The table's life, the same at each call."""
    draw = random.Random(20)
    table: dict[tuple[str, int], Item] = {}
    keys = [(NAMES[n % len(NAMES)], n * 10 ** (n % 30)) for n in range(ITEMS)]
    span = [EXPORT_TIME - HOUR, EXPORT_TIME + HOUR]
    # Many of them near the export, where histories and streams overlap.
    near = [EXPORT_TIME - 2 * MINUTE, EXPORT_TIME + 2 * MINUTE]
    moments = sorted(draw.randrange(*(near if n % 3 == 0 else span)) * SECOND + draw.randrange(SECOND) for n in range(CHANGES))
    for sequence, micros in enumerate(moments):
        key = draw.choice(keys)
        before = table.pop(key, None)
        item = None
        if before is None or draw.random() < 0.7:
            item = table[key] = item_of(key, sequence)
        yield Change(micros, sequence, key, item, before)


def item_of(key: tuple[str, int], version: int) -> Item:
    return {
        "pk": {"S": key[0]},
        "sk": {"N": str(key[1])},
        "version": {"N": f"{version}.{'7' * 30}"},
        "text": {"S": f"{key[0]} {version}"},
        "set": {"NS": [str(version), "3"]},
    }


def table_after(changes: list[Change], until: Callable[[Change], bool] = lambda change: True) -> dict[Any, Item]:
    table = {change.key: change.item for change in changes if until(change)}
    return {key: item for key, item in table.items() if item is not None}


def is_exported(changes: list[Change]) -> Callable[[Change], bool]:
    """Each item as of a moment of its own within a minute of the export's: its partition's clock, which cuts all exports."""
    draw = random.Random(21)
    clock = {change.key: EXPORT_TIME + draw.uniform(-MINUTE, MINUTE) for change in changes}
    return lambda change: change.micros <= clock[change.key] * SECOND


def write_export(changes: list[Change], place: Path) -> None:
    """As DynamoDB writes it."""
    shown = table_after(changes, is_exported(changes))
    lines = Path("handoff/lines")
    (lines / "data").mkdir(parents=True)
    items = [json.dumps({"Item": item}, ensure_ascii=False, separators=(",", ":")) + "\n" for item in shown.values()]
    for n in range(3):
        (lines / "data" / f"{n}.json").write_text("".join(items[n::3]))
    write_like("5a1e0002", lines, place, {"exportTime": utc(EXPORT_TIME)})


def write_bridge(changes: list[Change], place: Path) -> None:
    """What was written after the export until the pipeline had begun: each item's last state, and the one before."""
    window = [EXPORT_TIME, EXPORT_TIME + 18 * MINUTE]
    was_before = is_exported(changes)
    before = table_after(changes, was_before)
    last = {change.key: change for change in changes if not was_before(change) and change.micros < window[1] * SECOND}
    lines = Path("handoff/bridge-lines")
    (lines / "data").mkdir(parents=True)
    with (lines / "data" / "bridge.json").open("w") as file:
        for change in last.values():
            images = {"OldImage": before.get(change.key), "NewImage": change.item}
            images = {name: image for name, image in images.items() if image is not None}
            # What came and went within the window is not in it.
            if images:
                line = {"Metadata": {"WriteTimestampMicros": {"N": str(change.micros)}}, "Keys": key_of(change), **images}
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    write_like("5a1e0003", lines, place, {"exportFromTime": utc(window[0]), "exportToTime": utc(window[1])})


def write_like(known: str, lines: Path, place: Path, times: dict[str, str]) -> None:
    """An export of these lines with the summary of a known one, but for its times."""
    (like,) = (exports.DATA / "orders" / exports.LAYOUT).glob(f"*-{known}")
    export = f"0{EXPORT_TIME}000-{known[:-2]}ff"
    summary = json.loads((like / "manifest-summary.json").read_text().replace(like.name, export)) | times
    (lines / "manifest-summary.json").write_text(json.dumps(summary))
    exports.write_export(lines, place / exports.LAYOUT / export)


def utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def key_of(change: Change) -> Item:
    return {"pk": {"S": change.key[0]}, "sk": {"N": str(change.key[1])}}


def faults_of_duckdb(program: Path, job: Job, folder: Path, changes: list[Change]) -> list[str]:
    """Converts, then runs the code: with a part of the stream, with all of it, and again."""
    dest = folder / "lake"
    live = dest if job.shared_folder else folder / "live"
    for source in ["handoff/export"] + ["handoff/bridge"] * job.bridged:
        call(program, "run", "--source", source, "--dest", dest, "--keys", "pk,sk", "--format", job.format, *job.flags)
    known, everything = streamed(job, changes, 20 * MINUTE), streamed(job, changes)
    old = [] if job.bridged else stale(changes)
    write_live(job, live / "dt=2026-01-14/hh=11", [*old, *known[: len(known) // 2]])
    write_live(job, live / "dt=2026-01-14/hh=12", known[len(known) // 2 :], compressed=True)
    call(program, "stitch", "--job", dest, "--live", live)
    call(program, "handoff", "--job", dest, "--live", live, "--table", "orders", "--to", folder / "code")
    code = (folder / "code/duckdb.sql").read_text()
    wrong = []
    with duckdb.connect() as database:
        wrong += faults_of_run(database, code, changes, "with a part of the stream", known)
        # At least once: some of it comes again.
        write_live(job, live / "dt=2026-01-14/hh=13", [*known[-40:], *everything[len(known) :]])
        wrong += faults_of_run(database, code, changes, "with all of it", everything)
        wrong += faults_of_run(database, code, changes, "again", everything)
    return wrong


def streamed(job: Job, changes: list[Change], until: int = HOUR) -> list[Change]:
    """What the pipeline has written until so many seconds after the export."""
    span = [job.live_from * SECOND, (EXPORT_TIME + until) * SECOND]
    return [change for change in changes if span[0] <= change.micros < span[1]]


def stale(changes: list[Change]) -> list[Change]:
    """A change from before the watermark, by a pipeline that then lost what came after it."""
    of_old = [change for change in changes if change.micros < (EXPORT_TIME - 30 * MINUTE) * SECOND and change.item]
    settled = [change for change in changes if change.micros >= (EXPORT_TIME - 2 * MINUTE) * SECOND]
    touched = {change.key for change in settled}
    newest = {change.key: change for change in changes}
    return [change for change in of_old if change.key not in touched and newest[change.key] is not change][:3]


def faults_of_run(
    database: duckdb.DuckDBPyConnection, code: str, changes: list[Change], when: str, known: list[Change]
) -> list[str]:
    wrong = faults_of_checks(database.execute(code).fetchall(), when)
    rows = database.execute("SELECT pk, sk, _item FROM orders").fetchall()
    return wrong + faults_of_table(rows, changes, when, known)


def faults_of_checks(checks: list[Any], when: str) -> list[str]:
    wrong = [f"{when}: {what}: {found}, expected {expected}" for what, found, expected in checks if found != expected]
    return wrong + [f"{when}: {len(checks)} checks"] * (len(checks) < 5)


def faults_of_table(rows: list[Any], changes: list[Change], when: str, known: list[Change]) -> list[str]:
    last = max(change.sequence for change in known)
    return differences(when, rows, table_after(changes, lambda change: change.sequence <= last))


def faults_of_spark(folder: Path, changes: list[Change], spark: Spark) -> list[str]:
    """The code over the whole stream, which DuckDB's proof has left there."""
    session = spark.started()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile((folder / "code/spark.py").read_text(), "spark.py", "exec"), {})
    rows = [tuple(row) for row in session.table("orders").select("pk", "sk", "_item").collect()]
    session.sql("DROP TABLE orders")
    said = printed.getvalue()
    wrong = [line for line in said.splitlines() if "WRONG" in line]
    if said.count(", expected ") != 4:
        wrong.append(f"four checks were expected: {said}")
    return wrong + differences("spark", rows, table_after(changes))


def faults_of_delta(job: Job, folder: Path, changes: list[Change], spark: Spark) -> list[str]:
    """The code for Databricks, as DuckDB's: with a part of the stream, with all of it, and again."""
    from delta import Databricks

    code = (folder / "code/databricks.sql").read_text()
    databricks = Databricks(spark.started(), folder / "delta")
    rounds = {
        "with a part of the stream": (streamed(job, changes, 20 * MINUTE), lambda file: "/hh=13/" not in file),
        "with all of it": (streamed(job, changes), lambda file: True),
        "again": (streamed(job, changes), lambda file: True),
    }
    wrong = []
    for when, (known, databricks.is_read) in rounds.items():
        checks = databricks.run(code)
        wrong += faults_of_checks(checks, when)
        rows = spark.started().table("orders").select("pk", "sk", "_item").collect()
        wrong += faults_of_table([tuple(row) for row in rows], changes, when, known)
    spark.started().catalog.dropTempView("orders")
    return wrong


def differences(when: str, rows: list[tuple[str, str, str]], expected: dict[tuple[str, int], Item]) -> list[str]:
    wrong = [f"{when}: {len(rows)} rows, {len(expected)} expected"] * (len(rows) != len(expected))
    found = {(pk, int(sk)): json.loads(item) for pk, sk, item in rows}
    for key in found.keys() | expected.keys():
        if found.get(key) != expected.get(key):
            wrong.append(f"{when}: {key}: {found.get(key)}, expected {expected.get(key)}")
    return wrong


def write_live(job: Job, folder: Path, changes: list[Change], *, compressed: bool = False) -> None:
    """As a pipeline in Python writes them: other spaces, other escapes."""
    folder.mkdir(parents=True)
    records = [live_record(job, change) for change in changes]
    if job.format == "lambda-event":
        records = [{"Records": records[n : n + 5]} for n in range(0, len(records), 5)]
    text = "".join(json.dumps(record) + "\n" for record in records).encode()
    if compressed:
        (folder / "events-2.json.gz").write_bytes(gzip.compress(text))
    else:
        (folder / "events-1.json").write_bytes(text)
    (folder / "_SUCCESS").write_text("no data\n")


def live_record(job: Job, change: Change) -> dict[str, Any]:
    event = "REMOVE" if change.item is None else "INSERT" if change.before is None else "MODIFY"
    images = {"NewImage": change.item, "OldImage": change.before}
    dynamodb: dict[str, Any] = {
        "ApproximateCreationDateTime": change.micros if job.format == "kinesis" else change.micros // SECOND,
        "Keys": {"sk": {"N": str(change.key[1])}, "pk": {"S": change.key[0]}},
        **{name: image for name, image in images.items() if image is not None},
    }
    if job.format == "kinesis":
        return {"awsRegion": "eu-north-1", "eventName": event, "tableName": "orders", "dynamodb": dynamodb}
    # Of 21 digits, and in the midst of it of 22: as text they are out of order.
    dynamodb["SequenceNumber"] = str(10**21 + (change.sequence - CHANGES * 3 // 4) * 10**18)
    return {"eventName": event, "eventSource": "aws:dynamodb", "dynamodb": dynamodb}


def call(program: Path, *words: str | Path) -> None:
    finished = subprocess.run([program, *words], capture_output=True, text=True)
    if finished.returncode != 0:
        raise RuntimeError(f"{words[0]} ended with {finished.returncode}: {finished.stderr}")
