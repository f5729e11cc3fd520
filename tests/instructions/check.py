"""Owns the guard of the conversion's speed: how many instructions its hot loops take, which no busy machine can blur.

`check.py` builds the converter's example, runs every case under callgrind on one core, and holds each count against
baseline.json: it ends with 1 if one differs by more than 3 %, for better or worse, or if the same items take more than
twice as many when they are read from Ion. `check.py --accept` writes the baseline
anew. Counts belong to one architecture and one compiler; the baseline names both, and nothing is held against another.
"""

import argparse
import gzip
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
ION = ("stream", "none")
ION_TIMES_MAX = 2
CASES = (("stream", "gzip"), ("stream", "none"), ("plain", "none"), ("lambda-event", "zstd"), ("parquet", "zstd"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the converter's instruction counts against the baseline.")
    parser.add_argument("--accept", action="store_true", help="write the counts to the baseline")
    accept = parser.parse_args().accept
    counts, of_ion = measure()
    found = {"machine": platform.machine(), "rustc": rustc(), "instructions": counts}
    if accept:
        BASELINE.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    times = of_ion / counts[" ".join(ION)]
    print(f"{' '.join(ION)}, read from Ion: {of_ion:,} instructions, {times:.2f} times those of JSON")
    return int(compare(json.loads(BASELINE.read_text()), found) or times > ION_TIMES_MAX)


def rustc() -> str:
    return output("rustc", "--version").split()[1]


def measure() -> tuple[dict[str, int], int]:
    """Instructions of each case, the example's start and end included; and of the same items in Ion."""
    output("cargo", "build", "--release", "--quiet", "-p", "backfleet-convert", "--example", "throughput")
    (target,) = re.findall(r'"target_directory":"([^"]+)"', output("cargo", "metadata", "--no-deps", "--format-version=1"))
    example = Path(target) / "release" / "examples" / "throughput"
    file = Path(target) / "instructions" / "telemetry.json.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    output(example, "make", file, str(ITEMS))
    counts = {f"{form} {compression}": instructions(example, file, form, compression) for form, compression in CASES}
    in_ion = file.with_name("telemetry.ion.gz")
    lines = [f"$ion_1_0 {ion(json.loads(line))}\n" for line in gzip.open(file, "rt")]
    in_ion.write_bytes(gzip.compress("".join(lines).encode(), 6))
    return counts, instructions(example, in_ion, *ION)


def ion(fields: dict) -> str:
    """The fields of a map, whose values have types, or of the line around the item, whose value has none."""
    values = (f"{name}:{value(typed) if name != 'Item' else ion(typed)}" for name, typed in fields.items())
    return f"{{{','.join(values)}}}"


def value(typed: dict) -> str:
    """As DynamoDB writes the values that the example makes; a number without a point gets one, as a decimal has."""
    match typed:
        case {"S": text}:
            return json.dumps(text, ensure_ascii=False)
        case {"N": number}:
            return number if "." in number else f"{number}."
        case {"BOOL": truth}:
            return str(truth).lower()
        case {"NULL": _}:
            return "null"
        case {"B": base64}:
            return f"{{{{{base64}}}}}"
        case {"SS": texts}:
            return f"$dynamodb_SS::{json.dumps(texts, ensure_ascii=False)}"
        case {"L": values}:
            return f"[{','.join(map(value, values))}]"
        case {"M": fields}:
            return ion(fields)
        case other:
            raise ValueError(f"the example makes no {other}")


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
