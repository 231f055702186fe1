"""Where the binary begins."""

import ctypes
import signal
import sys
import time
from pathlib import Path

from forwarded import count_once
from leftovers import hold, remove_leftovers

from eyeclaw_trio.__main__ import main

_PR_SET_PDEATHSIG = 1  # prctl(2)

unpacked = Path(sys._MEIPASS)
if unpacked.parent != Path(sys.executable).parent:
    # One file: its first process unpacks, waits for this one, and passes signals on. The one that
    # it cannot pass on must not leave this one behind, with the data folder held.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    hold(unpacked)
    remove_leftovers(unpacked, time.time())
    # What takes signals from all its threads hands that on to the programs that it starts, and the
    # first process of such a one would never hear of a signal. Photos' workers need none, they are
    # killed; the programs that the self-test starts do.
    if "selftest" not in sys.argv:
        count_once()

main()
