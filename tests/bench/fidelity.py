"""Owns the proof that everybody's output holds the records of the export, and that other readers find them in ours, by the
code that docs/formats gives them too."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import environment
from contenders import OURS, Contender
from export_data import Export


@dataclass(frozen=True)
class Proof:
    """What somebody found in some files."""

    what: str
    items: int
    digest: str
    faithful: bool


def prove(export: Export, outs: dict[Contender, Path], *, spark: bool) -> list[Proof]:
    """The export itself first; the digests of all, then the counts of our shards by others."""
    source = of_source(export)
    proofs = [source]
    for contender, out in outs.items():
        items, digest = digested("stream", contender.outputs(out))
        faithful = (items, digest) == (source.items, source.digest)
        proofs.append(Proof(f"records of {contender.name}", items, digest, faithful))
    readers = ["duckdb"] + ["spark"] * spark
    return proofs + [counted(reader, export, outs[OURS]) for reader in readers]


def read_pages(*, spark: bool) -> None:
    """Runs every command and query of docs/formats, Spark's where there is one; a page that is not true ends the bench."""
    checker = environment.ROOT / "tests" / "docs" / "check.py"
    command = [environment.PYTHON, checker, "--backfleet", environment.BINARY, *["--spark"] * spark]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"docs/formats:\n{finished.stdout}{finished.stderr}")


def of_source(export: Export) -> Proof:
    """The items of the export, of which there must be as many as were asked for."""
    items, digest = digested("export", export.data_files)
    return Proof("items of the export", items, digest, items == export.items)


def digested(form: str, files: list[Path]) -> tuple[int, str]:
    """Number and digest of the items in some files."""
    found = json.loads(child("digest.py", form, *files))
    return found["items"], found["digest"]


def counted(reader: str, export: Export, out: Path) -> Proof:
    """Records of ours that a reader finds by way of `dynamodb.NewImage.*`."""
    (folder,) = {shard.parent for shard in OURS.outputs(out)}
    key = export.keys.split(",")[0]
    items = int(child(f"count_{reader}.py", folder, key).split()[-1])
    return Proof(f"records of {OURS.name}, counted by {reader}", items, "", items == export.items)


def child(script: str, *arguments: str | Path) -> str:
    """What a script of this folder prints, run by the bench's own Python; a reader that fails has not found the records."""
    command = [environment.PYTHON, environment.HERE / script, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"{script} failed:\n{finished.stderr}")
    return finished.stdout
