"""Owns the guard of the conversion's speed: how many instructions its hot loops take, which no busy machine can blur.

`check.py` builds the converter's example, runs every case under callgrind on one core, and holds each count against
baseline.json: it ends with 1 if one differs by more than 3 %, for better or worse. `check.py --accept` writes the baseline
anew. Counts belong to one architecture and one compiler; the baseline names both, and nothing is held against another.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BASELINE = HERE / "baseline.json"

ITEMS = 2_000
TOLERANCE = 0.03
# Format and compression, as the example takes them.
CASES = (("stream", "gzip"), ("stream", "none"), ("plain", "none"), ("lambda-event", "zstd"), ("parquet", "zstd"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the converter's instruction counts against the baseline.")
    parser.add_argument("--accept", action="store_true", help="write the counts to the baseline")
    accept = parser.parse_args().accept
    found = {"machine": platform.machine(), "rustc": rustc(), "instructions": measure()}
    if accept:
        BASELINE.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    return compare(json.loads(BASELINE.read_text()), found)


def rustc() -> str:
    return output("rustc", "--version").split()[1]


def measure() -> dict[str, int]:
    """Instructions of each case, the example's start and end included."""
    output("cargo", "build", "--release", "--quiet", "-p", "backfleet-convert", "--example", "throughput")
    (target,) = re.findall(r'"target_directory":"([^"]+)"', output("cargo", "metadata", "--no-deps", "--format-version=1"))
    example = Path(target) / "release" / "examples" / "throughput"
    file = Path(target) / "instructions" / "telemetry.json.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    output(example, "make", file, str(ITEMS))
    return {f"{form} {compression}": instructions(example, file, form, compression) for form, compression in CASES}


def instructions(example: Path, file: Path, form: str, compression: str) -> int:
    """On one core there is no crew, so that nothing depends on who was faster."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    core = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "--cpu-list", core, *valgrind, example, file, form, compression, "1"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stderr
    (count,) = re.findall(r"Collected : (\d+)", said)
    return int(count)


def compare(baseline: dict, found: dict) -> int:
    """Prints a line a case."""
    for what in ("machine", "rustc"):
        if baseline[what] != found[what]:
            print(f"nothing is compared: the baseline is of {what} {baseline[what]}, this is {found[what]}")
            return 0
    differ = False
    for case, count in found["instructions"].items():
        change = count / baseline["instructions"][case] - 1
        differs = abs(change) > TOLERANCE
        differ |= differs
        print(f"{case}: {count:,} instructions, {change:+.2%}{' - MORE THAN 3 %' if differs else ''}")
    if differ:
        print("if that is meant: tests/instructions/check.py --accept, and say why in the commit")
    return int(differ)


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


if __name__ == "__main__":
    sys.exit(main())
