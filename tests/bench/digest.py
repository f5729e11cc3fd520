"""Owns the question whether two sets of files hold the same items. Runs in the bench's own Python.

`digest.py export|stream FILE...` prints the number of items and a digest of them as JSON. An item counts in its canonical
form: its JSON with sorted names. DynamoDB's numbers are JSON strings, so nothing is rounded on the way. The digest is the sum
of the items' digests: the order of items does not matter, a missing, doubled or altered one does.
"""

import hashlib
import json
import sys
from functools import partial
from multiprocessing import Pool

import orjson
from isal import igzip

DIGEST_BYTES = 16
MODULUS = 1 << (8 * DIGEST_BYTES)


def item_of(line: bytes, form: str) -> dict:
    """The item of a line of an export, or the new image of a stream record that has the item's keys."""
    if form == "export":
        return orjson.loads(line)["Item"]
    change = orjson.loads(line)["dynamodb"]
    image = change["NewImage"]
    if any(image[name] != value for name, value in change["Keys"].items()):
        raise ValueError(f"the keys of a record are not those of its image: {change['Keys']}")
    return image


def of_file(file: str, form: str) -> tuple[int, int]:
    """Items and the sum of their digests."""
    items, total = 0, 0
    with igzip.open(file, "rb") as lines:
        for line in lines:
            canonical = orjson.dumps(item_of(line, form), option=orjson.OPT_SORT_KEYS)
            items += 1
            total += int.from_bytes(hashlib.blake2b(canonical, digest_size=DIGEST_BYTES).digest())
    return items, total


def main(form: str, *files: str) -> None:
    """All files of one contender, or of the export."""
    with Pool(2) as pool:
        found = pool.map(partial(of_file, form=form), files, chunksize=1)
    items = sum(items for items, _ in found)
    total = sum(total for _, total in found) % MODULUS
    print(json.dumps({"items": items, "digest": f"{total:0{2 * DIGEST_BYTES}x}"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
