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

    @property
    def name(self) -> str:
        return f"{self.format}{' in one folder' if self.shared_folder else ''}"


JOBS = (
    Job("stream", ("--shard-bytes", "16KiB")),
    Job("stream", ("--compression", "none"), shared_folder=True),
    Job("lambda-event", ("--document-records", "7")),
    Job("kinesis", ("--kinesis-precision", "microsecond")),
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
    failed = 0
    for number, job in enumerate(JOBS):
        folder = Path("handoff", f"job-{number}")
        checks: list[tuple[str, Callable[[], list[str]]]] = [
            ("duckdb", lambda folder=folder, job=job: faults_of_duckdb(program, job, folder, changes))
        ]
        if spark:
            checks.append(("pyspark", lambda folder=folder: faults_of_spark(folder, changes, spark)))
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


def write_export(changes: list[Change], place: Path) -> None:
    """As DynamoDB writes it; each item as of a moment of its own within a minute of the export's."""
    draw = random.Random(21)
    margin = {change.key: draw.uniform(-MINUTE, MINUTE) for change in changes}
    shown = table_after(changes, lambda change: change.micros <= (EXPORT_TIME + margin[change.key]) * SECOND)
    lines = Path("handoff/lines")
    (lines / "data").mkdir(parents=True)
    items = [json.dumps({"Item": item}, ensure_ascii=False, separators=(",", ":")) + "\n" for item in shown.values()]
    for n in range(3):
        (lines / "data" / f"{n}.json").write_text("".join(items[n::3]))
    (like,) = (exports.DATA / "orders" / exports.LAYOUT).glob("*-5a1e0002")
    export = f"0{EXPORT_TIME}000-5a1e00ff"
    summary = (like / "manifest-summary.json").read_text().replace(like.name, export)
    summary = json.loads(summary) | {"exportTime": "2026-01-14T12:00:00.000Z"}
    (lines / "manifest-summary.json").write_text(json.dumps(summary))
    exports.write_export(lines, place / exports.LAYOUT / export)


def faults_of_duckdb(program: Path, job: Job, folder: Path, changes: list[Change]) -> list[str]:
    """Converts, then runs the code: with a part of the stream, with all of it, and again."""
    dest = folder / "lake"
    live = dest if job.shared_folder else folder / "live"
    call(program, "run", "--source", "handoff/export", "--dest", dest, "--keys", "pk,sk", "--format", job.format, *job.flags)
    streamed = [change for change in changes if change.micros >= (EXPORT_TIME - 10 * MINUTE) * SECOND]
    known = [change for change in streamed if change.micros < (EXPORT_TIME + 20 * MINUTE) * SECOND]
    write_live(job, live / "dt=2026-01-14/hh=11", [*stale(changes), *known[: len(known) // 2]])
    write_live(job, live / "dt=2026-01-14/hh=12", known[len(known) // 2 :], compressed=True)
    call(program, "handoff", "--job", dest, "--live", live, "--table", "orders", "--to", folder / "code")
    code = (folder / "code/duckdb.sql").read_text()
    wrong = []
    with duckdb.connect() as database:
        wrong += faults_of_run(database, code, changes, "with a part of the stream", known)
        # At least once: some of it comes again.
        write_live(job, live / "dt=2026-01-14/hh=13", [*known[-40:], *[change for change in streamed if change not in known]])
        wrong += faults_of_run(database, code, changes, "with all of it", streamed)
        wrong += faults_of_run(database, code, changes, "again", streamed)
    return wrong


def stale(changes: list[Change]) -> list[Change]:
    """A change from before the watermark, by a pipeline that then lost what came after it."""
    of_old = [change for change in changes if change.micros < (EXPORT_TIME - 30 * MINUTE) * SECOND and change.item]
    settled = [change for change in changes if change.micros >= (EXPORT_TIME - 2 * MINUTE) * SECOND]
    touched = {change.key for change in settled}
    newest = {change.key: change for change in changes}
    return [change for change in of_old if change.key not in touched and newest[change.key] is not change][:3]


def faults_of_run(
    database: duckdb.DuckDBPyConnection, code: str, changes: list[Change], when: str, streamed: list[Change]
) -> list[str]:
    checks = database.execute(code).fetchall()
    wrong = [f"{when}: {what}: {found}, expected {expected}" for what, found, expected in checks if found != expected]
    if len(checks) < 5:
        wrong.append(f"{when}: {len(checks)} checks")
    rows = database.execute("SELECT pk, sk, _item FROM orders").fetchall()
    last = max(change.sequence for change in streamed)
    expected = table_after(changes, lambda change: change.sequence <= last)
    return wrong + differences(when, rows, expected)


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
    if said.count(", expected ") != 3:
        wrong.append(f"three checks were expected: {said}")
    return wrong + differences("spark", rows, table_after(changes))


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
