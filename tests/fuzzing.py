"""How long and from which seed the fuzzers of these tests run: a round after the other, each with
dice of its own, so that a failing round can be had again by itself.

`FUZZ_SECONDS` (for each fuzzer) and `FUZZ_SEED` in the environment say otherwise; `make fuzz
SECONDS=600 SEED=1` sets them. A fuzzer is a test marked `fuzz`:

    @pytest.mark.fuzz
    def test_a_parser_takes_anything() -> None:
        for dice in fuzz_rounds("a parser"):
            parse(dice.randbytes(dice.randrange(100)))
"""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Iterator
from typing import Final

# Seconds that each fuzzer takes in `make test`; its last round may take a moment longer.
USUAL_SECONDS: Final = 6.0


def fuzz_rounds(name: str, *, share: float = 1.0) -> Iterator[random.Random]:
    """Dice for one round after the other, at least one, until the time is over.

    `share` of the time is meant where one fuzzer has several parts. The seed is printed, which
    pytest shows with a failure, and a round that fails says its number; the same seed gives the
    same rounds in the same order. Time is the wall clock's, also under a mock clock.
    """
    seconds = float(os.environ.get("FUZZ_SECONDS") or USUAL_SECONDS) * share
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(10**9))
    print(f"fuzzing {name} for {seconds:g} s: FUZZ_SEED={seed}")
    gc.collect()
    gc.freeze()  # what other tests have left is looked through in no step of these
    end = time.monotonic() + seconds
    rounds = 0
    try:
        while not rounds or time.monotonic() < end:
            yield random.Random(f"{seed} {name} {rounds}")
            rounds += 1
    finally:
        gc.unfreeze()
        print(f"fuzzing {name}: {rounds} rounds were good")
