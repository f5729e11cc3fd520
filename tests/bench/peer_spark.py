"""A peer: what a good PySpark user writes for this job, at its best.

Owns nothing but its own run: `peer_spark.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY]`. Lines stay text: the key attributes are taken out
as JSON, the envelope is put around the item as it stands. It checks no MD5 and no count, writes no SizeBytes, and cannot resume.
"""

import sys
from pathlib import Path

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as f

MASTER = "local[2]"
REGION = "eu-north-1"
EXPORT_SECONDS = 1768385930
STREAM_ARN = "arn:aws:dynamodb:eu-north-1:123456789012:table/Synthetic/stream/2026-01-14T10:18:50.622"


def keys_of(names: list[str]) -> Column:
    """The object of the key attributes."""
    parts = []
    for name in names:
        parts += [f.lit(f'{"," if parts else "{"}"{name}":'), f.get_json_object("value", f"$.Item.{name}")]
    return f.concat(*parts, f.lit("}"))


def record() -> Column:
    """One stream record, without SizeBytes."""
    origin = f'"eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"{REGION}"'
    return f.concat(
        f.lit('{"eventID":"'),
        f.md5(f.col("keys").cast("binary")),
        f.lit(f'",{origin},"dynamodb":{{"ApproximateCreationDateTime":{EXPORT_SECONDS},"Keys":'),
        f.col("keys"),
        f.lit(',"NewImage":'),
        f.expr("substr(value, 9, length(value) - 9)"),
        f.lit(',"SequenceNumber":"'),
        f.lpad(f.monotonically_increasing_id().cast("string"), 21, "0"),
        f.lit(f'","StreamViewType":"NEW_AND_OLD_IMAGES"}},"eventSourceARN":"{STREAM_ARN}"}}'),
    )


def main(source: str, out: str, keys: str) -> None:
    """All data files of an export."""
    settings = SparkSession.builder.master(MASTER).config("spark.ui.enabled", "false")
    spark = settings.config("spark.driver.host", "127.0.0.1").config("spark.log.level", "ERROR").getOrCreate()
    lines = spark.read.text(str(Path(source) / "data"))
    lines.withColumn("keys", keys_of(keys.split(","))).select(record()).write.text(out, compression="gzip")
    end(spark)


def end(spark: SparkSession) -> None:
    """Waits for the virtual machine too: its CPU time is this peer's."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
