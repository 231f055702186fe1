"""Signals in one file: each counts once, whether one process got it or both.

The program in one file is two processes: the first unpacks, waits for the second, which is the
program, and forwards every signal to it. What is sent to both, as Ctrl-C is by a terminal and
SIGTERM by systemd, the second one gets twice. Which of the two it is, only the sender tells.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from types import FrameType
from typing import Final

# Those that say something else the second time. The others may come twice.
_COUNTED: Final = (signal.SIGINT, signal.SIGTERM)
# Wakes the main thread, whatever it waits for.
_WAKE: Final = signal.SIGRTMIN
# The first process forwards as soon as it runs; on a machine that is busy it may take so long
# (seconds).
_TOGETHER_WITHIN: Final = 2.0


class Pairs:
    """Finds what belongs together: one signal that was forwarded and one that was not.

    Two of the kernel's signals may become one on their way, so that nothing is owed for longer
    than `_TOGETHER_WITHIN`.
    """

    def __init__(self) -> None:
        self._alone: dict[int, deque[tuple[bool, float]]] = {}

    def is_news(self, signum: int, *, is_forwarded: bool, now: float) -> bool:
        """Whether this one counts; else it is the other half of one that has counted."""
        alone = self._alone.setdefault(signum, deque())
        while alone and now - alone[0][1] > _TOGETHER_WITHIN:
            alone.popleft()
        if alone and alone[0][0] != is_forwarded:
            alone.popleft()
            return False
        alone.append((is_forwarded, now))
        return True


def count_once() -> None:
    """From now on the handlers of this process hear of each signal once.

    To be called before there are other threads: it takes these signals from all of them, and a
    thread of its own waits for them.
    """
    arrived: deque[int] = deque()

    def hear(_: int, frame: FrameType | None) -> None:
        while arrived:
            signum = arrived.popleft()
            handler = signal.getsignal(signum)
            if callable(handler):
                handler(signum, frame)
            elif handler is signal.SIG_DFL:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
                signal.raise_signal(signum)

    def wait(main: int, first_process: int) -> None:
        pairs = Pairs()
        while True:
            info = signal.sigwaitinfo(_COUNTED)
            is_forwarded = info.si_pid == first_process
            if pairs.is_news(info.si_signo, is_forwarded=is_forwarded, now=time.monotonic()):
                arrived.append(info.si_signo)
                signal.pthread_kill(main, _WAKE)

    signal.signal(_WAKE, hear)
    signal.pthread_sigmask(signal.SIG_BLOCK, _COUNTED)
    threading.Thread(
        target=wait, args=(threading.get_ident(), os.getppid()), name="signals", daemon=True
    ).start()
