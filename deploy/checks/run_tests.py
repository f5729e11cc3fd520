"""Runs the unit tests of the checks and says in one line how many there were."""

import pathlib
import sys
import unittest


def main():
    """Fails when a test fails, and when there is none."""
    tests = unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).resolve().parent))
    result = unittest.TextTestRunner(verbosity=0).run(tests)
    if not result.wasSuccessful() or not result.testsRun:
        return 1
    sys.stderr.flush()
    print(f"{result.testsRun} tests of the proof, the template's reader, the page of rights and the examples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
