"""A peer: the script a good Python user writes for this job, at its best.

Owns nothing but its own run: `peer_orjson.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY] [--size-bytes]`. One process a CPU, up to two;
isa-l for gzip both ways, orjson for JSON both ways. It checks no MD5 and no count, writes SizeBytes only if asked to, and cannot
resume.
"""

import gc
import hashlib
import sys
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import orjson
from isal import igzip

PROCESSES = 2
GZIP_LEVEL = 1
READ_BYTES = 1 << 20
REGION = "eu-north-1"
EXPORT_SECONDS = 1768385930
STREAM_ARN = "arn:aws:dynamodb:eu-north-1:123456789012:table/Synthetic/stream/2026-01-14T10:18:50.622"


def number_size(text: str) -> int:
    """DynamoDB's rule: one byte, one for every two digits aligned at the point, one for the sign; 21 at most."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("+-").partition(".")
    digits = (whole + fraction).lstrip("0")
    kept = len(digits.rstrip("0"))
    if kept == 0:
        return 1
    lowest = int(exponent or 0) - len(fraction) + len(digits) - kept
    return min(21, (lowest + kept - 1) // 2 - lowest // 2 + 2 + text.startswith("-"))


def value_size(typed: dict) -> int:
    """Bytes of one value, by its type."""
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value) if value.isascii() else len(value.encode())
        case "N":
            return number_size(value)
        case "M":
            return 3 + len(value) + item_size(value)
        case "L":
            return 3 + len(value) + sum(map(value_size, value))
        case "SS":
            return sum(len(text.encode()) for text in value)
        case "NS":
            return sum(map(number_size, value))
        case "B":
            return binary_size(value)
        case "BS":
            return sum(map(binary_size, value))
        case _:
            return 1


def binary_size(text: str) -> int:
    return len(text) // 4 * 3 - text.count("=", -2)


def item_size(item: dict) -> int:
    """Bytes of an item's names and values."""
    return sum(
        (len(name) if name.isascii() else len(name.encode())) + value_size(value) for name, value in item.items()
    )


def record(unit: int, index: int, item: dict, keys: list[str], sized: bool) -> dict:
    """One stream record."""
    key = {name: item[name] for name in keys}
    size = {"SizeBytes": item_size(key) + item_size(item)} if sized else {}
    return {
        "eventID": hashlib.md5(orjson.dumps(key), usedforsecurity=False).hexdigest(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": EXPORT_SECONDS,
            "Keys": key,
            "NewImage": item,
            "SequenceNumber": f"0{unit:08}{index:012}",
            **size,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": STREAM_ARN,
    }


def convert(job: tuple[int, Path], out: Path, keys: list[str], sized: bool) -> None:
    """One data file to one output file."""
    unit, source = job
    gc.disable()  # nothing here is cyclic
    index = 0
    with (
        igzip.open(source, "rb") as lines,
        igzip.open(out / source.name, "wb", compresslevel=GZIP_LEVEL) as records,
    ):
        while batch := lines.readlines(READ_BYTES):
            converted = []
            for index, line in enumerate(batch, index):
                item = orjson.loads(line)["Item"]
                converted.append(orjson.dumps(record(unit, index, item, keys, sized), option=orjson.OPT_APPEND_NEWLINE))
            index += 1
            records.write(b"".join(converted))


def main(source: str, out: str, keys: str, *flags: str) -> None:
    """All data files of an export."""
    sized = "--size-bytes" in flags
    Path(out).mkdir(parents=True)
    files = sorted(Path(source).glob("data/*.json.gz"), key=lambda file: -file.stat().st_size)
    with Pool(min(PROCESSES, len(files))) as pool:
        job = partial(convert, out=Path(out), keys=keys.split(","), sized=sized)
        pool.map(job, enumerate(files), chunksize=1)
        pool.close()
        pool.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
