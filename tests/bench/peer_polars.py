"""A peer: what a good Polars user writes for this job, at its best.

Owns nothing but its own run: `peer_polars.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY]`. Lines stay text: the key attributes are found
by a pattern, the envelope is put around the item as it stands. All files at once, gzip level 1. The event's name is Polars' own
hash; a nested attribute of a key's name would be taken for the key. It checks no MD5 and no count, writes no SizeBytes, and cannot
resume.
"""

import sys
from pathlib import Path

import polars as pl

GZIP_LEVEL = 1
REGION = "eu-north-1"
EXPORT_SECONDS = 1768385930
STREAM_ARN = "arn:aws:dynamodb:eu-north-1:123456789012:table/Synthetic/stream/2026-01-14T10:18:50.622"
# A character that stands in no line: each line is one column.
NO_SEPARATOR = "\x01"


def keys_of(names: list[str]) -> pl.Expr:
    """The object of the key attributes."""
    parts = []
    for name in names:
        parts += [pl.lit(f'{"," if parts else "{"}"{name}":')]
        parts += [pl.col("line").str.extract(rf'"{name}":(\{{"[SNB]":"(?:[^"\\]|\\.)*"\}})')]
    return pl.concat_str([*parts, pl.lit("}")])


def records(lines: pl.LazyFrame, unit: int, names: list[str]) -> pl.LazyFrame:
    """The stream records of one data file, without SizeBytes."""
    origin = f'"eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"{REGION}"'
    parts = [
        pl.lit('{"eventID":"'),
        pl.col("keys").hash().cast(pl.String),
        pl.lit(f'",{origin},"dynamodb":{{"ApproximateCreationDateTime":{EXPORT_SECONDS},"Keys":'),
        pl.col("keys"),
        pl.lit(',"NewImage":'),
        pl.col("line").str.strip_prefix('{"Item":').str.head(-1),
        pl.lit(f',"SequenceNumber":"0{unit:08}'),
        pl.col("index").cast(pl.String).str.zfill(12),
        pl.lit(f'","StreamViewType":"NEW_AND_OLD_IMAGES"}},"eventSourceARN":"{STREAM_ARN}"}}'),
    ]
    return lines.with_columns(keys=keys_of(names)).select(pl.concat_str(parts))


def main(source: str, out: str, keys: str) -> None:
    """All data files of an export."""
    Path(out).mkdir(parents=True)
    sinks = [
        records(pl.scan_lines(file, row_index_name="index"), unit, keys.split(",")).sink_csv(
            Path(out) / file.name,
            compression="gzip",
            compression_level=GZIP_LEVEL,
            include_header=False,
            separator=NO_SEPARATOR,
            quote_style="never",
            lazy=True,
            check_extension=False,
        )
        for unit, file in enumerate(sorted(Path(source).glob("data/*.json.gz")))
    ]
    pl.collect_all(sinks)


if __name__ == "__main__":
    main(*sys.argv[1:])
