"""Owns the floor that isa-l sets, through Python's isal: the library alone on the bytes of a job. Runs in the bench's own Python.

`floor_isal.py EXPORT_FILE... -- RECORD_FILE...` inflates the export and deflates the records that a job has written, in one
thread, in chunks so large that Python's part does not matter, and prints what that took as JSON. Inflating the records is outside
the time that counts.
"""

import json
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from isal import isal_zlib

GZIP_LEVEL = 1
READ_BYTES = 1 << 18
CHUNK_BYTES = 1 << 20
GZIP = 16 + zlib.MAX_WBITS


def inflated(file: Path) -> Iterator[bytes]:
    """The content of a file of one or many gzip members, at most so many bytes at a time."""
    inflater = isal_zlib.decompressobj(GZIP)
    with file.open("rb") as stream:
        while compressed := stream.read(READ_BYTES):
            while compressed:
                yield inflater.decompress(compressed, CHUNK_BYTES)
                compressed = inflater.unconsumed_tail
                if inflater.eof:
                    compressed, inflater = inflater.unused_data, isal_zlib.decompressobj(GZIP)


def inflate(files: list[Path]) -> dict[str, float]:
    bytes_in = 0
    began = time.thread_time()
    for file in files:
        bytes_in += sum(map(len, inflated(file)))
    return {"bytes_in": bytes_in, "seconds": time.thread_time() - began}


def deflate(files: list[Path]) -> dict[str, float]:
    bytes_in, bytes_out, seconds = 0, 0, 0.0
    for file in files:
        deflater = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP)
        for chunk in inflated(file):
            began = time.thread_time()
            bytes_out += len(deflater.compress(chunk))
            seconds += time.thread_time() - began
            bytes_in += len(chunk)
        bytes_out += len(deflater.flush())
    return {"bytes_in": bytes_in, "bytes_out": bytes_out, "seconds": seconds}


def main(*arguments: str) -> None:
    divider = arguments.index("--")
    exports, records = (list(map(Path, files)) for files in (arguments[:divider], arguments[divider + 1 :]))
    print(json.dumps({"inflate": inflate(exports), "deflate": deflate(records)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
