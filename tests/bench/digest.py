"""Owns the question whether two sets of files hold the same items. Runs in the bench's own Python.

`digest.py FORM FILE...` prints the number of items and a digest of them as JSON. An item counts in its canonical form: its JSON
with sorted names. DynamoDB's numbers are JSON strings, so nothing is rounded on the way. The digest is the sum of the items'
digests: the order of items does not matter, a missing, doubled or altered one does.

Forms are `export`, `stream`, `lambda-event`; `parquet`, whose rows are DynamoDB JSON once their NULLs are left out; and `lines` and
`rows`, which are no DynamoDB JSON and are only counted.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing import Pool

import duckdb
import orjson
from isal import igzip

DIGEST_BYTES = 16
MODULUS = 1 << (8 * DIGEST_BYTES)
ROWS_AT_ONCE = 2_000
# Columns of our Parquet files that are no attributes.
OUR_COLUMNS = ("_eventName", "_source", "_time", "_sequence")


def image_of(record: dict) -> dict:
    """The new image of a stream record, which must have the item's keys."""
    change = record["dynamodb"]
    image = change["NewImage"]
    if any(image[name] != value for name, value in change["Keys"].items()):
        raise ValueError(f"the keys of a record are not those of its image: {change['Keys']}")
    return image


def items_of_line(line: bytes, form: str) -> list[dict]:
    document = orjson.loads(line)
    match form:
        case "export":
            return [document["Item"]]
        case "stream":
            return [image_of(document)]
        case "lambda-event":
            return [image_of(record) for record in document["Records"]]
        case _:
            raise ValueError(f"there is no form {form}")


def items_of_lines(file: str, form: str) -> Iterator[dict]:
    with igzip.open(file, "rb") as lines:
        for line in lines:
            yield from items_of_line(line, form)


def items_of_rows(file: str) -> Iterator[dict]:
    """The items of a Parquet file, what stands in no column laid over them."""
    # Our own columns are left out before they become Python's: its timestamps would need a further library.
    columns = "COLUMNS(lambda name: NOT list_contains(?, name))"
    rows = duckdb.execute(f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false)", [list(OUR_COLUMNS), file])
    names = [column[0] for column in rows.description]
    while batch := rows.fetchmany(ROWS_AT_ONCE):
        for row in batch:
            item = {name: typed(value) for name, value in zip(names, row) if value is not None}
            yield item | orjson.loads(item.pop("_rest", "{}"))


def typed(value: object) -> object:
    """A column's value in DynamoDB JSON."""
    match value:
        case dict():
            return {name: typed(member) for name, member in value.items() if member is not None}
        case list():
            return [typed(element) for element in value]
        case bytes():
            return base64.b64encode(value).decode()
        case str() | bool():
            return value
        case _:
            return str(value)


def digest_of(items: Iterable[dict]) -> tuple[int, int]:
    """How many, and the sum of their digests."""
    count, total = 0, 0
    for item in items:
        canonical = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        count += 1
        total += int.from_bytes(hashlib.blake2b(canonical, digest_size=DIGEST_BYTES).digest())
    return count, total


def of_file(file: str, form: str) -> tuple[int, int]:
    """Items and the sum of their digests; a form that is only counted has none."""
    match form:
        case "lines":
            with igzip.open(file, "rb") as lines:
                return sum(1 for _ in lines), 0
        case "rows":
            ((count,),) = duckdb.execute("SELECT count(*) FROM read_parquet(?)", [file]).fetchall()
            return count, 0
        case "parquet":
            return digest_of(items_of_rows(file))
        case _:
            return digest_of(items_of_lines(file, form))


def main(form: str, *files: str) -> None:
    """All files of one contender, or of the export."""
    with Pool(2) as pool:
        found = pool.map(partial(of_file, form=form), files, chunksize=1)
    items = sum(items for items, _ in found)
    total = sum(total for _, total in found) % MODULUS
    digest = "" if form in ("lines", "rows") else f"{total:0{2 * DIGEST_BYTES}x}"
    print(json.dumps({"items": items, "digest": digest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
