"""Where two texts differ, for showing them side by side. Pure, and with an end: whatever a bot may
have said, comparing takes some ten milliseconds at most."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

# Words in which two texts may differ before the rest counts as one difference. The work grows with
# its square, and beyond that nobody reads them one by one.
MOST_EDITS: Final = 192
# Words between the first difference and the last; beyond that all of it is one difference.
LONGEST_MIDDLE: Final = 4_000

# A word of letters and digits, one sign, or a run of spaces: Chinese has no spaces, so each of its
# characters counts as a word.
_WORD: Final = re.compile(r"[^\W\u2e80-\u9fff\uf900-\ufaff\uac00-\ud7af]+|\s+|.", re.DOTALL)


@frozen
class Stretch:
    """A piece of both texts. The same in both, or what stands only on this side and on that; one
    of them may be empty."""

    left: str
    right: str

    @property
    def is_same(self) -> bool:
        """Whether both sides have it."""
        return self.left == self.right


def compare_texts(left: str, right: str) -> tuple[Stretch, ...]:
    """The two texts as stretches that are the same and stretches that differ, in turns.

    Put together, each side is its text again, whole.
    """
    before, behind = _words(left), _words(right)
    start = _common_start(before, behind)
    end = _common_start(before[start:][::-1], behind[start:][::-1])
    first = "".join(before[:start])
    last = "".join(before[len(before) - end :])
    middle = _compare(before[start : len(before) - end], behind[start : len(behind) - end])
    stretches = [Stretch(first, first), *middle, Stretch(last, last)]
    return tuple(_joined(each for each in stretches if each.left or each.right))


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _common_start(one: Sequence[str], other: Sequence[str]) -> int:
    for number, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return number
    return min(len(one), len(other))


def _compare(left: Sequence[str], right: Sequence[str]) -> Iterator[Stretch]:
    """Word by word as they are to be edited, or as one where that would take too long."""
    trail = None if max(len(left), len(right)) > LONGEST_MIDDLE else _walk(left, right)
    if trail is None:
        yield Stretch("".join(left), "".join(right))
        return
    for is_left, is_right, word in reversed(list(_trace_back(left, right, trail))):
        yield Stretch(word if is_left else "", word if is_right else "")


def _walk(left: Sequence[str], right: Sequence[str]) -> list[dict[int, int]] | None:
    """How far each diagonal reaches after 0, 1, 2… edits (Myers, "An O(ND) Difference Algorithm",
    1986), until both ends are reached; None where MOST_EDITS are not enough."""
    reached = {1: 0}
    trail = []
    for edits in range(MOST_EDITS + 1):
        trail.append(dict(reached))
        for diagonal in range(-edits, edits + 1, 2):
            x = _step(reached, diagonal, edits)
            y = x - diagonal
            while x < len(left) and y < len(right) and left[x] == right[y]:
                x, y = x + 1, y + 1
            reached[diagonal] = x
            if x >= len(left) and y >= len(right):
                return trail
    return None


def _step(reached: dict[int, int], diagonal: int, edits: int) -> int:
    is_insertion = diagonal == -edits or (
        diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1]
    )
    return reached[diagonal + 1] if is_insertion else reached[diagonal - 1] + 1


def _trace_back(
    left: Sequence[str], right: Sequence[str], trail: list[dict[int, int]]
) -> Iterator[tuple[bool, bool, str]]:
    """From the end to the beginning: a word, and on which sides it stands."""
    x, y = len(left), len(right)
    for edits in range(len(trail) - 1, -1, -1):
        reached = trail[edits]
        diagonal = x - y
        if edits == 0:
            came_x, came_y = 0, 0
        else:
            is_insertion = diagonal == -edits or (
                diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1]
            )
            from_diagonal = diagonal + 1 if is_insertion else diagonal - 1
            came_x = reached[from_diagonal]
            came_y = came_x - from_diagonal
        while x > came_x and y > came_y:
            x, y = x - 1, y - 1
            yield True, True, left[x]
        if x > came_x:
            x -= 1
            yield True, False, left[x]
        elif y > came_y:
            y -= 1
            yield False, True, right[y]


def _joined(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """With neighbours of one kind as one."""
    left: list[str] = []
    right: list[str] = []
    was_same = True
    for each in stretches:
        if (left or right) and each.is_same is not was_same:
            yield Stretch("".join(left), "".join(right))
            left, right = [], []
        was_same = each.is_same
        left.append(each.left)
        right.append(each.right)
    if left or right:
        yield Stretch("".join(left), "".join(right))
