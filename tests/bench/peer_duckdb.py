"""A peer: what a good DuckDB user writes for this job, at its best.

Owns nothing but its own run: `peer_duckdb.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY]`. Lines stay text: the key attributes are taken
out as JSON, the envelope is put around the item as it stands, which costs less than JSON objects both ways. It checks no MD5 and no
count, writes no SizeBytes, and cannot resume.
"""

import sys
from pathlib import Path

import duckdb

THREADS = 2
REGION = "eu-north-1"
EXPORT_SECONDS = 1768385930
STREAM_ARN = "arn:aws:dynamodb:eu-north-1:123456789012:table/Synthetic/stream/2026-01-14T10:18:50.622"
# A character that stands in no line: each line is one column.
CSV = "delim = e'\\x01', quote = '', escape = '', header = false"
QUERY = f"""
COPY (
  SELECT concat(
    '{{{{"eventID":"', md5(keys),
    '","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"{REGION}"',
    ',"dynamodb":{{{{"ApproximateCreationDateTime":{EXPORT_SECONDS},"Keys":', keys,
    ',"NewImage":', line[9:-2],
    ',"SequenceNumber":"', lpad((row_number() OVER ())::VARCHAR, 21, '0'),
    '","StreamViewType":"NEW_AND_OLD_IMAGES"}}}},"eventSourceARN":"{STREAM_ARN}"}}}}'
  )
  FROM (
    SELECT line, concat('{{{{', {{keys}}, '}}}}') AS keys
    FROM read_csv('{{source}}/data/*.json.gz', columns = {{{{'line': 'VARCHAR'}}}}, auto_detect = false, {CSV})
  )
) TO '{{out}}' (FORMAT csv, {CSV.replace(" =", "")}, COMPRESSION gzip, PER_THREAD_OUTPUT, FILE_EXTENSION 'json.gz')
"""


def key(name: str) -> str:
    """A key attribute with its name, as arguments of `concat`."""
    return f"""'"{name}":', json_extract(line, '$.Item."{name}"')"""


def main(source: str, out: str, keys: str) -> None:
    """All data files of an export."""
    database = duckdb.connect()
    database.execute(f"SET threads = {THREADS}; SET preserve_insertion_order = false")
    attributes = ", ',', ".join(key(name) for name in keys.split(","))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    database.execute(QUERY.format(source=source, out=out, keys=attributes))


if __name__ == "__main__":
    main(*sys.argv[1:])
