"""Owns the exports that the pages work on: from lines that people can read in data/ to what DynamoDB writes."""

import base64
import gzip
import hashlib
import json
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
LIVE = DATA / "live"
REAL = HERE.parent / "data" / "scylla-migrator" / "dynamodb-export"
LAYOUT = "AWSDynamoDB"


def make(place: Path) -> None:
    """exports/ has a folder for each table of data/, and the real export that the end-to-end tests use; live/ has some
    records as a live pipeline writes them."""
    for summary in sorted(DATA.rglob("manifest-summary.json")):
        write_export(summary.parent, place / "exports" / summary.parent.relative_to(DATA))
    shutil.copytree(REAL, place / "exports" / "real")
    shutil.copytree(LIVE, place / "live")


def write_export(lines: Path, folder: Path) -> None:
    """Compresses the data files, and lists them with counts and MD5s; the summary is completed by the number of items."""
    summary = json.loads((lines / "manifest-summary.json").read_text())
    # Incremental exports put their data beside their folders, under names of their own.
    incremental = summary.get("exportType") == "INCREMENTAL_EXPORT"
    home = folder.parent if incremental else folder
    folder.mkdir(parents=True)
    (home / "data").mkdir(exist_ok=True)
    entries = [write_data(file, home) for file in sorted((lines / "data").iterdir())]
    listed = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)
    summary["itemCount"] = sum(entry["itemCount"] for entry in entries)
    (folder / "_started").touch()
    write_with_md5(folder / "manifest-files.json", listed)
    write_with_md5(folder / "manifest-summary.json", json.dumps(summary, separators=(",", ":")))


def write_data(file: Path, home: Path) -> dict[str, str | int]:
    """The data file and its line of the manifest."""
    text = file.read_bytes()
    stored = gzip.compress(text, mtime=0)
    target = home / "data" / f"{file.name}.gz"
    target.write_bytes(stored)
    key = "/".join(target.parts[target.parts.index(LAYOUT) :])
    return {"itemCount": text.count(b"\n"), "md5Checksum": md5(stored), "etag": "0-1", "dataFileS3Key": key}


def write_with_md5(file: Path, text: str) -> None:
    file.write_text(text)
    file.with_suffix(".md5").write_text(md5(text.encode()))


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()
