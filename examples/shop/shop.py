"""Owns the shop of the tutorial: a DynamoDB table `orders` in an emulator of AWS, people who order, and the live pipeline.

`shop.py open` starts the emulator, makes the table and fills it; the pipeline begins an hour ago by its own records, long after
most of the orders. `trade N` changes N orders, and the pipeline brings each change to lake/orders, as a Lambda behind the
table's stream would. `table` runs code/duckdb.sql and holds the table it makes against DynamoDB's. `close` stops
the emulator. Everything is kept in the folder shop/, from where `. shop/env` points programs at the emulator.
"""

import argparse
import gzip
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

Item = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
SHOP, LIVE = Path("shop"), Path("lake/orders")
TABLE, REGION = "orders", "us-east-1"
KEYS = ("customer", "order")
HOUR = 3_600
OLD_ORDERS, RECENT_CHANGES = 1_500, 300
# Of what a DynamoDB stream gives; above any number that a backfill has.
FIRST_SEQUENCE = 4_421_584_500_000_000_017_450_439_091
START_SECONDS = 60


def main() -> int:
    parser = argparse.ArgumentParser(description="The shop of the tutorial.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("open", help="start the emulator, make the table and fill it")
    commands.add_parser("trade", help="change orders, live").add_argument("changes", type=int)
    commands.add_parser("table", help="run code/duckdb.sql and compare its table with DynamoDB's")
    commands.add_parser("close", help="stop the emulator")
    arguments = parser.parse_args()
    match arguments.command:
        case "open":
            return open_shop()
        case "trade":
            return trade(arguments.changes)
        case "table":
            return compare()
        case _:
            return close()


def open_shop() -> int:
    SHOP.mkdir()
    endpoint = start_emulator()
    (SHOP / "env").write_text(
        f"export AWS_ENDPOINT_URL={endpoint} AWS_REGION={REGION} BACKFLEET_EMULATED=true\n"
    )
    (SHOP / "state.json").write_text(json.dumps({"sequence": FIRST_SEQUENCE, "round": 0}))
    attributes = [{"AttributeName": key, "AttributeType": kind} for key, kind in zip(KEYS, "SN")]
    schema = [{"AttributeName": key, "KeyType": kind} for key, kind in zip(KEYS, ("HASH", "RANGE"))]
    definition = {"TableName": TABLE, "AttributeDefinitions": attributes, "KeySchema": schema}
    dynamodb("CreateTable", definition | {"BillingMode": "PAY_PER_REQUEST"})
    draw = random.Random(7)
    for number in range(OLD_ORDERS):
        put(order(number, 0, draw))
    changed = change(RECENT_CHANGES, time.time() - HOUR)
    print(f"open: {len(scan())} orders, {changed} changes of the last hour in {LIVE}")
    return 0


def trade(changes: int) -> int:
    print(f"{change(changes, time.time())} changes")
    return 0


def change(changes: int, since: float) -> int:
    """So many changes from `since` to now, each in the table and, in its order, in an object of the pipeline."""
    state = json.loads((SHOP / "state.json").read_text())
    draw = random.Random(state["round"])
    table = {key_of(item): item for item in scan()}
    span = time.time() - since
    records = []
    for n in range(changes):
        number = draw.randrange(OLD_ORDERS + OLD_ORDERS // 5)
        item = order(number, state["sequence"] + n, draw)
        before = table.pop(key_of(item), None)
        gone = before is not None and draw.random() < 0.25
        if gone:
            dynamodb("DeleteItem", {"TableName": TABLE, "Key": {key: item[key] for key in KEYS}})
        else:
            put(item)
            table[key_of(item)] = item
        at = int(since + span * n / changes)
        records.append(record(before, None if gone else item, at, state["sequence"] + n))
    lines = "".join(json.dumps(line) + "\n" for line in records)
    day = LIVE / time.strftime("dt=%Y-%m-%d", time.gmtime(since))
    day.mkdir(parents=True, exist_ok=True)
    (day / f"stream-{state['round']:04}.json.gz").write_bytes(gzip.compress(lines.encode()))
    state |= {"sequence": state["sequence"] + changes, "round": state["round"] + 1}
    (SHOP / "state.json").write_text(json.dumps(state))
    return changes


def order(number: int, version: int, draw: random.Random) -> Item:
    return {
        "customer": {"S": f"c{number % 200:03}"},
        "order": {"N": str(number)},
        "status": {"S": draw.choice(["placed", "paid", "sent", "kept"])},
        "total": {"N": f"{draw.randrange(100_000) / 100:.2f}".rstrip("0").rstrip(".")},
        "lines": {"L": [{"M": {"sku": {"S": f"s{draw.randrange(50)}"}, "count": {"N": "1"}}}]},
        "version": {"N": str(version % 1_000_000)},
    }


def record(before: Item | None, item: Item | None, at: int, sequence: int) -> dict[str, Any]:
    """As a Lambda behind the stream gets it and writes it."""
    name = "REMOVE" if item is None else "INSERT" if before is None else "MODIFY"
    shown = item or before or {}
    images = {"NewImage": item, "OldImage": before}
    return {
        "eventID": f"{sequence:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": at,
            "Keys": {key: shown[key] for key in KEYS},
            **{image: value for image, value in images.items() if value is not None},
            "SequenceNumber": str(sequence),
            "SizeBytes": len(json.dumps(shown)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:000000000000:table/{TABLE}/stream/2026-01-01T00:00:00.000",
    }


def compare() -> int:
    import duckdb

    with duckdb.connect(str(SHOP / "lake.duckdb")) as database:
        checks = database.execute(Path("code/duckdb.sql").read_text()).fetchall()
        rows = database.execute(f"SELECT _item FROM {TABLE}").fetchall()
    wrong = [f"{what}: {found}, expected {expected}" for what, found, expected in checks if found != expected]
    found = {key_of(item): item for item in (json.loads(text) for (text,) in rows)}
    there = {key_of(item): item for item in scan()}
    different = sum(found.get(key) != there.get(key) for key in found.keys() | there.keys())
    print(f"{len(checks)} checks of the code, {len(wrong)} failed")
    print("".join(f"  {line}\n" for line in wrong), end="")
    print(f"{'the same' if len(found) == len(there) else 'not the same'} number of orders in the lake and in DynamoDB")
    print(f"{different} orders differ")
    return 1 if wrong or different else 0


def close() -> int:
    for pid in (SHOP / "pids").read_text().split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    print("closed")
    return 0


def start_emulator() -> str:
    """In the background, until `close`, or for two hours."""
    folder = ROOT / "tests" / "emulator"
    python = subprocess.run([folder / "setup.sh"], check=True, capture_output=True, text=True).stdout.strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"}
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"}
    # The emulator ends when its standard input does.
    with (SHOP / "emulator.log").open("wb") as log:
        timer = subprocess.Popen(
            ["sleep", str(2 * HOUR)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        emulator = subprocess.Popen(
            [python, folder / "serve.py"],
            env=clean | settings,
            cwd=SHOP,
            stdin=timer.stdout,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (SHOP / "pids").write_text(f"{emulator.pid} {timer.pid}\n")
    endpoint = f"http://127.0.0.1:{port}"
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health"):
                return endpoint
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the emulator does not answer: {(SHOP / 'emulator.log').read_text()}")


def put(item: Item) -> None:
    dynamodb("PutItem", {"TableName": TABLE, "Item": item})


def scan() -> list[Item]:
    items: list[Item] = []
    request: dict[str, Any] = {"TableName": TABLE, "ConsistentRead": True}
    while True:
        page = dynamodb("Scan", request)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def key_of(item: Item) -> tuple[str, str]:
    return item["customer"]["S"], item["order"]["N"]


def dynamodb(action: str, request: dict[str, Any]) -> dict[str, Any]:
    endpoint = (SHOP / "env").read_text().split("AWS_ENDPOINT_URL=")[1].split()[0]
    # The emulator tells its services apart by what a request is signed for.
    signed = f"AWS4-HMAC-SHA256 Credential=test/20260114/{REGION}/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{action}",
        "Authorization": signed,
    }
    call = urllib.request.Request(endpoint, json.dumps(request).encode(), headers)
    try:
        with urllib.request.urlopen(call) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{action}: {error.code} {error.read().decode()}")


if __name__ == "__main__":
    sys.exit(main())
