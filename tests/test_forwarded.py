"""What counts of the signals that come to one process, to the other, or to both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from forwarded import Pairs

HALVES = [True, False]


def news(*arrived: tuple[float, bool], signum: int = signal.SIGINT) -> int:
    pairs = Pairs()
    return sum(pairs.is_news(signum, is_forwarded=how, now=now) for now, how in arrived)


@pytest.mark.parametrize("first", HALVES)
def test_one_that_came_to_both_counts_once_whichever_half_is_first(first: bool) -> None:
    assert news((0.0, first), (1.9, not first)) == 1


@pytest.mark.parametrize("half", HALVES)
def test_one_that_came_to_one_process_alone_counts_each_time(half: bool) -> None:
    assert news((0.0, half), (0.01, half), (0.02, half)) == 3


@pytest.mark.parametrize("order", ["fttf", "ftft", "tftf", "ttff", "tfft"])
def test_twice_is_twice_in_every_order_of_the_halves(order: str) -> None:
    assert news(*((0.1 * i, half == "f") for i, half in enumerate(order))) == 2


@pytest.mark.parametrize("first", HALVES)
def test_halves_that_became_one_on_their_way_owe_nothing_later(first: bool) -> None:
    assert news((0.0, first), (2.1, not first)) == 2


def test_signals_of_another_number_are_no_halves() -> None:
    pairs = Pairs()
    assert pairs.is_news(signal.SIGINT, is_forwarded=False, now=0.0)
    assert pairs.is_news(signal.SIGTERM, is_forwarded=True, now=0.0)


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run this after `count_once()`; the process that starts it is the one that forwards."""
    return subprocess.run(
        [sys.executable, "-c", "from forwarded import count_once\n" + textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "packaging")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_handler_hears_of_it_though_the_main_thread_waits_in_a_system_call() -> None:
    done = run(
        """
        import os, signal, threading, time
        signal.signal(signal.SIGTERM, lambda signum, frame: print(signum, frame is not None))
        count_once()
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
        time.sleep(0.5)
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            os.read(os.pipe()[0], 1)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "15 True\ninterrupted\n", "")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_without_a_handler_it_ends_the_process_as_ever(signum: int) -> None:
    done = run(
        f"""
        import os, signal, time
        signal.signal({int(signum)}, signal.SIG_DFL)
        count_once()
        os.kill(os.getpid(), {int(signum)})
        time.sleep(10)
        """
    )
    assert (done.returncode, done.stderr) == (-signum, "")


def test_what_is_ignored_stays_ignored() -> None:
    done = run(
        """
        import os, signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        count_once()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        print("here")
        """
    )
    assert (done.returncode, done.stdout) == (0, "here\n")
