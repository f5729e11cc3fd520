"""Owns the count of our shards by PySpark, as a reader who knows nothing of us. Runs in the bench's own Python.

`count_spark.py FOLDER KEY` prints how many records have that key attribute among the columns of `dynamodb.NewImage`.
"""

import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col


def main(folder: str, key: str) -> None:
    """One number."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = settings.config("spark.driver.host", "127.0.0.1").config("spark.log.level", "ERROR").getOrCreate()
    images = spark.read.json(folder).select("dynamodb.NewImage.*")
    print(images.where(col(key).isNotNull()).count())
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
