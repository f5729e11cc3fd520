"""Owns the check that the tutorial is true: docs/tutorial.md is followed from top to bottom, and must print what it says.

`tutorial.py --backfleet PROGRAM` follows it in a folder of its own, with `shop` as the page makes it. It ends with 1 at the
first block that printed something else: what follows would make no sense.
"""

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

from check import difference, say
from pages import blocks
from readers import run_sh

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
SHOP = ROOT / "examples" / "shop" / "shop.py"


def main() -> int:
    parser = argparse.ArgumentParser(description="Follow docs/tutorial.md and hold it to what it says.")
    parser.add_argument("--backfleet", type=Path, required=True, help="the program that the page calls backfleet")
    program = parser.parse_args().backfleet.resolve(strict=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        programs = Path(scratch, "bin")
        programs.mkdir()
        (programs / "backfleet").symlink_to(program)
        shop = programs / "shop"
        shop.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(SHOP))} \"$@\"\n")
        shop.chmod(0o755)
        try:
            return follow(programs)
        finally:
            if Path("shop/pids").exists():
                run_sh("shop close", programs)
            os.chdir(ROOT)


def follow(programs: Path) -> int:
    for block in blocks(PAGE):
        output = run_sh(block.code, programs)
        true = block.agrees_with(output)
        say("ok" if true else "FAILED", block)
        if not true:
            print(difference(block, output))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
