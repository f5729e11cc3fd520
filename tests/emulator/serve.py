"""Runs the emulator for as long as whoever started it holds the other end of our standard input.

A test process that is killed cannot clean up, but the kernel closes its pipes.
"""

import os
import sys
import threading


def exit_with_our_starter():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=exit_with_our_starter, daemon=True).start()
sys.argv = ["ministack"]

from ministack.app import main  # noqa: E402  (it takes half a second; watching begins before)

main()
