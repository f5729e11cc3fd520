"""Owns the count of our shards by DuckDB, as a reader who knows nothing of us. Runs in the bench's own Python.

`count_duckdb.py FOLDER KEY` prints how many records have that key attribute among the columns of `dynamodb.NewImage`.
"""

import sys

import duckdb

OBJECT_BYTES_MAX = 64 << 20
COUNT = f"""
SELECT count("{{key}}") FROM (
  SELECT unnest(dynamodb.NewImage)
  FROM read_json('{{folder}}/*.json.gz', format = 'newline_delimited', maximum_object_size = {OBJECT_BYTES_MAX})
)
"""


def main(folder: str, key: str) -> None:
    """One number."""
    ((count,),) = duckdb.sql(COUNT.format(folder=folder, key=key)).fetchall()
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
