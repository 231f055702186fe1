"""Where numbers stand in a drawing, and the round ones that its axis names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10
from typing import Final

from attrs import frozen

# Units of a drawing from its left to its right end; how large they are shown is its reader's.
WIDTH: Final = 1000.0


@frozen
class Window:
    """A span of time, in milliseconds; `until` is behind `since`."""

    since: float
    until: float

    @property
    def length(self) -> float:
        """How long it is."""
        return self.until - self.since

    def x(self, at: float) -> float:
        """Where this moment stands from left to right: 0 to WIDTH inside of the window."""
        return round((at - self.since) * WIDTH / self.length, 2)

    def zoomed(self, factor: float, whole: Window) -> Window:
        """As much of `whole` around the same middle as this and `factor` say."""
        length = min(self.length * factor, whole.length)
        return Window.starting(self.since + (self.length - length) / 2, length, whole)

    def moved(self, share: float, whole: Window) -> Window:
        """The same length, this share of it further on, inside of `whole`."""
        length = min(self.length, whole.length)
        return Window.starting(self.since + length * share, length, whole)

    @classmethod
    def starting(cls, since: float, length: float, whole: Window) -> Window:
        """So long, from there on, but inside of `whole`."""
        since = max(whole.since, min(since, whole.until - length))
        return cls(since, since + length)


def round_numbers(low: float, high: float, most: int) -> Iterator[float]:
    """1, 2 or 5 of some power of ten apart, between these two, and at most `most` of them."""
    span = high - low
    if span <= 0 or most < 1:
        return
    power = 10.0 ** floor(log10(span / most))
    step = next(power * each for each in (1, 2, 5, 10, 20) if span / (power * each) < most)
    number = ceil(low / step)
    while number * step <= high:
        yield round(number * step, 9)
        number += 1
