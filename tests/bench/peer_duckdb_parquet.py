"""A peer: an export to Parquet with DuckDB, as its own documentation would have it.

Owns nothing but its own run: `peer_duckdb_parquet.py EXPORT_FOLDER OUT_FOLDER KEY[,KEY]`. The schema is inferred, each attribute
a struct with a member for each of its types, zstd. It checks no MD5 and no count, and cannot resume; what the inference did not see
in its sample is not in the schema.
"""

import sys
from pathlib import Path

import duckdb

THREADS = 2
OBJECT_BYTES_MAX = 64 << 20
QUERY = f"""
COPY (
  SELECT Item.*
  FROM read_json('{{source}}/data/*.json.gz', format = 'newline_delimited', maximum_object_size = {OBJECT_BYTES_MAX})
) TO '{{out}}' (FORMAT parquet, COMPRESSION zstd, PER_THREAD_OUTPUT)
"""


def main(source: str, out: str, _keys: str) -> None:
    """All data files of an export."""
    database = duckdb.connect()
    database.execute(f"SET threads = {THREADS}; SET preserve_insertion_order = false")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    database.execute(QUERY.format(source=source, out=out))


if __name__ == "__main__":
    main(*sys.argv[1:])
