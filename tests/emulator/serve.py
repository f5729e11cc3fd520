"""Runs the emulator for as long as whoever started it holds the other end of our standard input.

A test process that is killed cannot clean up, but the kernel closes its pipes. BACKFLEET_EMULATOR_CALLS names a file that
gets a line for every request of the fleet's programs.
"""

import os
import sys
import threading


def exit_with_our_starter():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=exit_with_our_starter, daemon=True).start()
sys.argv = ["ministack"]

import ministack.app  # noqa: E402  (it takes half a second; watching begins before)

if "BACKFLEET_EMULATOR_CALLS" in os.environ:
    from recording import Recording

    ministack.app.app = Recording(ministack.app.app, os.environ["BACKFLEET_EMULATOR_CALLS"])

ministack.app.main()
