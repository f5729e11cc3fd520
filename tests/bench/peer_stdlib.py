"""A peer: the script of the blog posts, with nothing but Python's standard library.

Owns nothing but its own run: `peer_stdlib.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY]`. One process, json and gzip as they are
found in most answers. It checks no MD5 and no count, writes no SizeBytes, and cannot resume.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path

GZIP_LEVEL = 6
REGION = "eu-north-1"
EXPORT_SECONDS = 1768385930
STREAM_ARN = "arn:aws:dynamodb:eu-north-1:123456789012:table/Synthetic/stream/2026-01-14T10:18:50.622"


def record(sequence: int, item: dict, keys: list[str]) -> dict:
    """One stream record, without SizeBytes."""
    key = {name: item[name] for name in keys}
    return {
        "eventID": hashlib.md5(json.dumps(key).encode()).hexdigest(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": EXPORT_SECONDS,
            "Keys": key,
            "NewImage": item,
            "SequenceNumber": f"{sequence:021}",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": STREAM_ARN,
    }


def main(source: str, out: str, keys: str) -> None:
    """All data files of an export, one after the other."""
    Path(out).mkdir(parents=True)
    sequence = 0
    for file in sorted(Path(source).glob("data/*.json.gz")):
        with gzip.open(file, "rt") as lines, gzip.open(Path(out) / file.name, "wt", GZIP_LEVEL) as records:
            for line in lines:
                item = json.loads(line)["Item"]
                records.write(json.dumps(record(sequence, item, keys.split(",")), separators=(",", ":")) + "\n")
                sequence += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
