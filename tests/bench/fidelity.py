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
from race import out_folder


@dataclass(frozen=True)
class Proof:
    """What somebody found in some files."""

    what: str
    items: int
    digest: str
    faithful: bool
    # A peer that bends data is shown; that we do not is what the bench insists on.
    ours: bool = True


def prove(export: Export, contenders: list[Contender]) -> list[Proof]:
    """The export itself first, then what the contenders have just written of it."""
    source = of_source(export)
    return [source] + [of_output(contender, source) for contender in contenders]


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
    return Proof(f"{export.profile} export", items, digest, items == export.items)


def of_output(contender: Contender, source: Proof) -> Proof:
    """What a contender wrote, held against the export; where there is no digest the count decides."""
    items, digest = digested(contender.form, contender.outputs(out_folder(contender)))
    faithful = items == source.items and digest in ("", source.digest)
    return Proof(contender.label, items, digest, faithful, contender.ours)


def digested(form: str, files: list[Path]) -> tuple[int, str]:
    """Number and digest of the items in some files."""
    found = json.loads(child("digest.py", form, *files))
    return found["items"], found["digest"]


def counted(reader: str, export: Export) -> Proof:
    """Records of ours that a reader finds by way of `dynamodb.NewImage.*`."""
    (folder,) = {shard.parent for shard in OURS.outputs(out_folder(OURS))}
    key = export.keys.split(",")[0]
    items = int(child(f"count_{reader}.py", folder, key).split()[-1])
    return Proof(f"{OURS.label}, counted by {reader}", items, "", items == export.items)


def child(script: str, *arguments: str | Path) -> str:
    """What a script of this folder prints, run by the bench's own Python; a reader that fails has not found the records."""
    command = [environment.PYTHON, environment.HERE / script, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"{script} failed:\n{finished.stderr}")
    return finished.stdout
