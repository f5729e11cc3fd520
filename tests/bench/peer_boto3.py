"""A peer: the parallel scan a good Python user writes, at its best.

Owns nothing but its own run: `peer_boto3.py ENDPOINT TABLE OUT_FOLDER KEY[,KEY]`. boto3's low-level client, so that items stay
in DynamoDB's own form; a thread a segment, orjson, isa-l. It paces nothing, writes no SizeBytes, and cannot resume.
"""

import hashlib
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import orjson
from botocore.config import Config
from isal import igzip

SEGMENTS = 4
GZIP_LEVEL = 1
REGION = "us-east-1"
SECONDS = 1768385930


def record(segment: int, index: int, item: dict, keys: list[str], arn: str) -> dict:
    """One stream record, without SizeBytes."""
    key = {name: item[name] for name in keys}
    return {
        "eventID": hashlib.md5(orjson.dumps(key, default=binary), usedforsecurity=False).hexdigest(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": SECONDS,
            "Keys": key,
            "NewImage": item,
            "SequenceNumber": f"0{segment:08}{index:012}",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": arn,
    }


def binary(value: object) -> str:
    """boto3 gives binary values as bytes; a stream record has them in base64."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(type(value))


def scan(client: object, table: str, out: Path, keys: list[str], segment: int) -> None:
    """One segment to one file."""
    arn = f"arn:aws:dynamodb:{REGION}:000000000000:table/{table}/stream/2026-01-14T10:18:50.622"
    pages = client.get_paginator("scan").paginate(TableName=table, Segment=segment, TotalSegments=SEGMENTS)
    index = 0
    with igzip.open(out / f"part-{segment}.json.gz", "wb", compresslevel=GZIP_LEVEL) as records:
        for page in pages:
            converted = []
            for index, item in enumerate(page["Items"], index + 1):
                line = orjson.dumps(
                    record(segment, index, item, keys, arn), default=binary, option=orjson.OPT_APPEND_NEWLINE
                )
                converted.append(line)
            records.write(b"".join(converted))


def main(endpoint: str, table: str, out: str, keys: str) -> None:
    """All segments at the same time."""
    Path(out).mkdir(parents=True)
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=SEGMENTS),
    )
    with ThreadPoolExecutor(SEGMENTS) as pool:
        for done in [pool.submit(scan, client, table, Path(out), keys.split(","), n) for n in range(SEGMENTS)]:
            done.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
