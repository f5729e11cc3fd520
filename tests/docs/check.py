"""Owns the check that the pages of formats tell the truth: every command and every reader on them is run, and must print
what the page says.

`check.py --backfleet PROGRAM [--spark]` runs the blocks of docs/formats in a folder of their own, which holds the exports of
data/ under exports/, and records of a live pipeline under live/. It prints a line for each block, and ends with 1 if one of
them printed something else. PySpark's are skipped unless asked for. See pages.py for how blocks are marked. Behind them come
the proofs of parquet_proof.py and handoff_proof.py, by the same readers.
"""

import argparse
import difflib
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import exports
import handoff_proof
import parquet_proof
from pages import Block, PageError, blocks, joined, trimmed
from readers import Spark, run_duckdb, run_sh

PAGES = Path(__file__).resolve().parents[2] / "docs" / "formats"


@dataclass(frozen=True)
class Checker:
    """Runs blocks; knows where the programs are, and whether there is a Spark."""

    programs: Path
    has_spark: bool
    spark: Spark = field(default_factory=Spark)

    def is_true(self, block: Block) -> bool:
        """Runs a block and says how it went."""
        if block.runner == "pyspark" and not self.has_spark:
            say("skipped", block)
            return True
        try:
            output = self.run(block)
        except Exception as error:  # Whatever a reader raises, the page promised an output.
            say("FAILED", block)
            print(error)
            return False
        true = block.agrees_with(output)
        say("ok" if true else "FAILED", block)
        if not true:
            print(difference(block, output))
        return true

    def run(self, block: Block) -> str:
        match block.runner:
            case "sh":
                return run_sh(block.code, self.programs)
            case "duckdb":
                return run_duckdb(block.code)
            case _:
                return self.spark.run(block.code)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run every block of docs/formats and hold it to what the page says.")
    parser.add_argument("--backfleet", type=Path, required=True, help="the program that the pages call backfleet")
    parser.add_argument("--spark", action="store_true", help="run the PySpark blocks too; needs pyspark and Java")
    parser.add_argument("--pages", type=Path, default=PAGES, help="another folder of pages")
    arguments = parser.parse_args()
    program = arguments.backfleet.resolve(strict=True)
    try:
        found = [block for page in sorted(arguments.pages.glob("*.md")) for block in blocks(page)]
    except PageError as error:
        sys.exit(str(error))
    if not found:
        sys.exit(f"no block was found in {arguments.pages}")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        programs = Path(scratch, "bin")
        programs.mkdir()
        (programs / "backfleet").symlink_to(program)
        exports.make(Path(scratch))
        return verdict(Checker(programs, arguments.spark), found)


def verdict(checker: Checker, found: list[Block]) -> int:
    """All of them, even after one that failed; then the proof."""
    try:
        failed = [block for block in found if not checker.is_true(block)]
        spark = checker.spark if checker.has_spark else None
        program = checker.programs / "backfleet"
        unproven = parquet_proof.prove(program, spark) + handoff_proof.prove(program, spark)
    finally:
        checker.spark.stop()
        os.chdir(PAGES)
    print(f"{len(found)} blocks, {len(failed)} failed; {unproven} proofs failed")
    return 1 if failed or unproven else 0


def say(outcome: str, block: Block) -> None:
    print(f"{outcome:7}  {block.page}  {block.id} ({block.runner})", flush=True)


def difference(block: Block, output: str) -> str:
    """What the page says, and what it should say."""
    texts = (block.expected, output)
    # A record is told apart by its fields, however the page wraps it.
    split = [joined(text).replace(",", ",\n") if block.wrapped else trimmed(text) for text in texts]
    lines = [text.splitlines() for text in split]
    return "\n".join(difflib.unified_diff(*lines, "the page", "the program", lineterm=""))


if __name__ == "__main__":
    sys.exit(main())
