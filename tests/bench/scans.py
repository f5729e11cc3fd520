"""Owns the bench of the scan: a table on the emulator through us and through a boto3 script, both to stream records.

The emulator answers from a process of its own; what counts is the CPU time of whoever scans, for every record that came out.
"""

import gzip
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import environment
from export_data import Export
from fleet import WAIT_SECONDS, emulator
from measure import RunFailed, Usage, run

TABLE = "bench"
BATCH = 25
SEGMENTS = 4
# The emulator tells its services apart by what a request is signed for.
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20260114/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True)
class Scans:
    """Runs of both, one a round, over the same table."""

    items: int
    ours: list[Usage]
    boto3: list[Usage]

    @property
    def ratios(self) -> list[float]:
        """Our records per CPU second against theirs."""
        return [theirs.cpu_seconds / ours.cpu_seconds for ours, theirs in zip(self.ours, self.boto3, strict=True)]


def measure(export: Export, rounds: int, out: Path) -> Scans:
    """Fills a table with an export's items and scans it in turns; proves that both wrote every item."""
    ours, boto3 = [], []
    with emulator() as address:
        fill(export, address)
        for number in range(rounds):
            ours.append(run(our_command(address, out / f"ours-{number}")))
            boto3.append(run(boto3_command(address, out / f"boto3-{number}", export.keys)))
    wanted = sorted(canonical(item) for item in items(export))
    for files in (out.glob("ours-*/date=*/part-*.gz"), out.glob("boto3-*/part-*.gz")):
        found = sorted(canonical(image) for file in files for image in images(file))
        if found != sorted(wanted * rounds):
            raise RunFailed("a scan did not write every item of the table once")
    return Scans(export.items, ours, boto3)


def our_command(address: str, out: Path) -> list[str | Path]:
    flags = ["--endpoint-url", f"http://{address}", "--emulated", "--quiet", "--workers", str(SEGMENTS)]
    budget = ["--segments", str(SEGMENTS), "--lanes", str(SEGMENTS), "--read-budget", "1000000"]
    return [environment.BINARY, "run", "--source", f"dynamodb://{TABLE}", "--dest", out, *flags, *budget]


def boto3_command(address: str, out: Path, keys: str) -> list[str | Path]:
    return [environment.PYTHON, environment.HERE / "peer_boto3.py", f"http://{address}", TABLE, out, keys]


def fill(export: Export, address: str) -> None:
    """A table with these keys and all items of the export."""
    names = export.keys.split(",")
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in names]
    table = {"TableName": TABLE, "KeySchema": schema, "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST"}
    connection = http.client.HTTPConnection(address, timeout=WAIT_SECONDS)
    ask(connection, "CreateTable", table)
    every = items(export)
    while batch := list(islice(every, BATCH)):
        puts = [{"PutRequest": {"Item": item}} for item in batch]
        ask(connection, "BatchWriteItem", {"RequestItems": {TABLE: puts}})
    connection.close()


def ask(connection: http.client.HTTPConnection, action: str, request: dict) -> None:
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{action}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": AUTHORIZATION,
    }
    connection.request("POST", "/", json.dumps(request), headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RunFailed(f"{action} was answered with {answer.status}")


def items(export: Export) -> Iterator[dict]:
    for file in export.data_files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                yield json.loads(line)["Item"]


def images(file: Path) -> Iterator[dict]:
    with gzip.open(file, "rt") as lines:
        for line in lines:
            yield json.loads(line)["dynamodb"]["NewImage"]


def canonical(item: dict) -> str:
    """Sets have no order."""
    ordered = {
        name: {kind: sorted(value) if kind in ("SS", "NS", "BS") else value for kind, value in typed.items()}
        for name, typed in item.items()
    }
    return json.dumps(ordered, sort_keys=True)
