"""A peer: the script a good Python user writes for this job, at its best.

Owns nothing but its own run: `peer_orjson.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY]`. One process a CPU, up to two; isa-l for
gzip both ways, orjson for JSON both ways. It checks no MD5 and no count, writes no SizeBytes, and cannot resume.
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


def record(unit: int, index: int, item: dict, keys: list[str]) -> dict:
    """One stream record, without SizeBytes."""
    key = {name: item[name] for name in keys}
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
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": STREAM_ARN,
    }


def convert(job: tuple[int, Path], out: Path, keys: list[str]) -> None:
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
                converted.append(orjson.dumps(record(unit, index, item, keys), option=orjson.OPT_APPEND_NEWLINE))
            index += 1
            records.write(b"".join(converted))


def main(source: str, out: str, keys: str) -> None:
    """All data files of an export."""
    Path(out).mkdir(parents=True)
    files = sorted(Path(source).glob("data/*.json.gz"), key=lambda file: -file.stat().st_size)
    with Pool(min(PROCESSES, len(files))) as pool:
        pool.map(partial(convert, out=Path(out), keys=keys.split(",")), enumerate(files), chunksize=1)
        pool.close()
        pool.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
