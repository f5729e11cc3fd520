"""Owns the start of measured processes, in a process of its own that stays small.

What a new process weighs at most is counted from its parent's size on: started by a driver of 25 MiB, everything smaller would seem
as large. So this script imports next to nothing. It reads one JSON request a line, `{"argv", "cpus", "stderr"}`, runs that to its
end, and answers with a line of JSON; `measure.py` is the one that asks.
"""

import os
import sys
import time
from json import dumps, loads

QUIET = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def run(argv: list[str], cpus: int | None, stderr: str) -> dict[str, float]:
    """One command on the first so many CPUs or on all of them; what it says goes to a file."""
    allowed = os.sched_getaffinity(0) if cpus else set()
    if cpus:
        os.sched_setaffinity(0, sorted(allowed)[:cpus])
    said = (os.POSIX_SPAWN_OPEN, 2, stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    began = time.monotonic()
    process = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[*QUIET, said])
    _, status, usage = os.wait4(process, 0)
    wall = time.monotonic() - began
    if cpus:
        os.sched_setaffinity(0, allowed)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "wall_seconds": wall,
        "maxrss": usage.ru_maxrss,
    }


def main() -> None:
    """Until nobody asks any more."""
    for line in sys.stdin:
        print(dumps(run(**loads(line))), flush=True)


if __name__ == "__main__":
    main()
