"""Python's collector of cycles, in pauses that nobody notices.

Its own thresholds collect so often that ten thousand links, which are hardly garbage, cost most of
the processor in pauses of up to a second. Cycles are rare here. And it counts what is made less
what is freed: where thousands of connections keep new things in place of old ones it counts nothing
for long, and then looks through all of it at once, which was a pause of 55 ms.
"""

from __future__ import annotations

import gc
from typing import Final

import trio

# Seconds between two looks through what is new: some thousand objects, where much happens.
EVERY: Final = 0.1
# New objects for which nobody waits that long; and after so many looks, once in ten minutes at the
# most, the older ones are looked through too: that takes a tenth of a second for every three
# hundred thousand, which are five thousand connections.
THRESHOLDS: Final = (10_000, 6_000, 100)


async def collect_often() -> None:
    """Look through what is new, some at a time, until cancelled."""
    gc.set_threshold(*THRESHOLDS)
    while True:
        await trio.sleep(EVERY)
        gc.collect(0)
