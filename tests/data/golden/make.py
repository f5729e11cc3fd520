#!/usr/bin/env python3
"""Writes the golden files beside it: what backfleet must make of the real export in ../scylla-migrator.

An implementation of the record formats of its own, from the description of DynamoDB's records alone, so that a
mistake in the product is not copied into what it is measured by. Plain Python, nothing to install:

    python3 tests/data/golden/make.py            writes the files
    python3 tests/data/golden/make.py --check    says whether they are what it would write

Event ids are opaque: their digest is the product's own choice. They stand here as zeros, and the test masks
those of the output; that they are hexadecimal, unique and the same every time is proven beside it.
"""

import base64
import gzip
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).parent
EXPORT = HERE.parent / "scylla-migrator/dynamodb-export/AWSDynamoDB/01715685260608-c488b4e1"
KEYS = ["id"]
UNIT = 0
HEX_ID = "0" * 32
UUID_ID = "00000000-0000-0000-0000-000000000000"


def number_size(text):
    """One byte, one for every two digits aligned at the point, one for the sign; zero is one byte."""
    negative = text.startswith("-")
    whole, _, fraction = text.lstrip("-").partition(".")
    whole = whole.zfill(len(whole) + len(whole) % 2)
    fraction = fraction.ljust(len(fraction) + len(fraction) % 2, "0")
    digits = whole + fraction
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    while pairs and pairs[0] == "00":
        pairs.pop(0)
    while pairs and pairs[-1] == "00":
        pairs.pop()
    return 1 if not pairs else min(1 + len(pairs) + negative, 21)


def size(value):
    """DynamoDB's size of a typed value."""
    ((tag, inner),) = value.items()
    match tag:
        case "S":
            return len(inner.encode())
        case "N":
            return number_size(inner)
        case "B":
            return len(base64.b64decode(inner, validate=True))
        case "BOOL" | "NULL":
            return 1
        case "SS" | "NS" | "BS":
            return sum(size({tag[0]: member}) for member in inner)
        case "L":
            return 3 + sum(1 + size(element) for element in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + size(element) for name, element in inner.items())


def size_of_map(attributes):
    return sum(len(name.encode()) + size(value) for name, value in attributes.items())


def unwrapped(value):
    """Plain JSON text of a typed value; a number is its own text."""
    ((tag, inner),) = value.items()
    match tag:
        case "S" | "B":
            return compact(inner)
        case "N":
            return inner
        case "BOOL":
            return compact(inner)
        case "NULL":
            return "null"
        case "SS" | "BS":
            return compact(inner)
        case "NS":
            return f"[{','.join(inner)}]"
        case "L":
            return f"[{','.join(unwrapped(element) for element in inner)}]"
        case "M":
            return unwrapped_map(inner)


def unwrapped_map(attributes):
    return "{" + ",".join(f"{compact(name)}:{unwrapped(value)}" for name, value in attributes.items()) + "}"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Export:
    def __init__(self, folder):
        summary = json.loads((folder / "manifest-summary.json").read_text())
        self.table_arn = summary["tableArn"]
        self.region = self.table_arn.split(":")[3]
        self.table = self.table_arn.rpartition("/")[2]
        time = datetime.strptime(summary["exportTime"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        self.millis = round(time.timestamp() * 1000)
        self.stream_arn = f"{self.table_arn}/stream/{summary['exportTime'].removesuffix('Z')}"
        (data,) = (folder / "data").iterdir()
        self.lines = gzip.decompress(data.read_bytes()).decode().splitlines()


def image_text(line):
    """The item as it stands in the line, byte for byte."""
    text = line.removeprefix('{"Item":').removesuffix("}")
    assert json.loads(text) == json.loads(line)["Item"]
    return text


def change(export, line):
    item = json.loads(line)["Item"]
    keys = {name: item[name] for name in KEYS}
    return keys, image_text(line), size_of_map(keys) + size_of_map(item)


def stream(export, line, ordinal):
    keys, image, size_bytes = change(export, line)
    return (
        f'{{"eventID":"{HEX_ID}","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb",'
        f'"awsRegion":"{export.region}","dynamodb":{{"ApproximateCreationDateTime":{export.millis // 1000},'
        f'"Keys":{compact(keys)},"NewImage":{image},"SequenceNumber":"0{UNIT:08}{ordinal:012}",'
        f'"SizeBytes":{size_bytes},"StreamViewType":"NEW_AND_OLD_IMAGES"}},"eventSourceARN":"{export.stream_arn}"}}'
    )


def kinesis(export, line):
    keys, image, size_bytes = change(export, line)
    return (
        f'{{"awsRegion":"{export.region}","eventID":"{UUID_ID}","eventName":"INSERT","userIdentity":null,'
        f'"recordFormat":"application/json","tableName":"{export.table}","dynamodb":'
        f'{{"ApproximateCreationDateTime":{export.millis},"Keys":{compact(keys)},"NewImage":{image},'
        f'"SizeBytes":{size_bytes}}},"eventSource":"aws:dynamodb"}}'
    )


def golden(export):
    streams = [stream(export, line, ordinal) for ordinal, line in enumerate(export.lines, 1)]
    records = {
        "stream": streams,
        "lambda-event": [f'{{"Records":[{",".join(streams)}]}}'],
        "kinesis": [kinesis(export, line) for line in export.lines],
        "plain": [unwrapped_map(json.loads(line)["Item"]) for line in export.lines],
        "item": export.lines,
    }
    return {HERE / f"{name}.json": "".join(f"{line}\n" for line in lines) for name, lines in records.items()}


def check_sizes():
    """The numbers whose sizes are known from real records."""
    for text, expected in {"101": 3, "30": 2, "63.06": 3, "1720046486": 6, "0": 1, "5000000000": 2, "1524147164000": 7}.items():
        assert number_size(text) == expected, text


def main():
    check_sizes()
    files = golden(Export(EXPORT))
    if "--check" in sys.argv[1:]:
        wrong = [path.name for path, text in files.items() if not path.exists() or path.read_bytes() != text.encode()]
        sys.exit(f"not what this script writes: {', '.join(wrong)}" if wrong else 0)
    for path, text in files.items():
        path.write_bytes(text.encode())


main()
