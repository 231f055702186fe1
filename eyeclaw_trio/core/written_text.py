"""What was written of an answer, remembered without keeping it.

A summary is compared with what its reader was given; so is a later one with what failed turns
left behind in their bot. A length and a hash are enough for both, whatever the answer's length: to
keep the text of an answer in small pieces costs many times the text itself.
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import Final

from attrs import frozen

# Small pieces are taken in so many at a time: a call for each would cost about as much as all else
# that is done with a piece. So little text can never wait for it (characters of a small one).
_PIECES: Final = 64
_SMALL: Final = 256
_DIGEST_SIZE: Final = 16  # bytes
# Failed turns that are remembered for one bot; a bot that fails more often has them all forgotten
# as soon as it sums up an answer.
_REMEMBERED: Final = 16


@frozen
class Imprint:
    """A text by its length in characters and its hash."""

    characters: int
    digest: bytes

    def is_in(self, text: str, at: int) -> bool:
        """Whether it stands there in the text."""
        end = at + self.characters
        return end <= len(text) and _digest(text[at:end]) == self.digest


class WrittenText:
    """Grows piece by piece, in bounded memory."""

    __slots__ = ("_characters", "_hash", "_pieces", "size_taken")  # one for each answer

    def __init__(self) -> None:
        self.size_taken = 0
        """How long it is, in bytes of UTF-8, its last few small pieces aside."""
        self._characters = 0
        self._hash: blake2b | None = None
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """This was written too."""
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) >= _PIECES or len(piece) > _SMALL:
            self._take_in()

    @property
    def characters(self) -> int:
        """How long it is, in characters."""
        return self._characters + sum(map(len, self._pieces))

    def is_all_of(self, text: str) -> bool:
        """Whether this is what was written so far, neither more nor less."""
        if self._hash is None:  # a short answer: nothing was taken in yet
            return "".join(self._pieces) == text
        imprint = self.imprint()
        return len(text) == imprint.characters and imprint.is_in(text, 0)

    def imprint(self) -> Imprint:
        """What it is so far."""
        self._take_in()
        digest = self._hash.digest() if self._hash is not None else _digest("")
        return Imprint(self._characters, digest)

    def _take_in(self) -> None:
        if not self._pieces:
            return
        text = "".join(self._pieces)
        data = text.encode("utf-8", "surrogatepass")
        self._pieces.clear()
        if self._hash is None:
            self._hash = blake2b(digest_size=_DIGEST_SIZE)
        self._hash.update(data)
        self._characters += len(text)
        self.size_taken += len(data)


class FailedWords:
    """What failed turns of one bot have written, in order, since it last summed up an answer.

    The SDK keeps its buffer after an error: the next summary begins with all of it (PROTOCOL 2,
    "What arrives in the field").
    """

    __slots__ = ("_imprints",)  # one for each bot

    def __init__(self) -> None:
        self._imprints: deque[Imprint] | None = None  # few bots ever need one

    def note(self, imprint: Imprint) -> None:
        """One more has failed."""
        if self._imprints is None:
            self._imprints = deque(maxlen=_REMEMBERED)
        self._imprints.append(imprint)

    def clear(self) -> None:
        """The bot has summed up an answer: it begins anew."""
        self._imprints = None

    def count_in(self, summary: str) -> int:
        """How many characters at the front of this summary repeat them; 0 for none.

        A bot that was started anew knows of the later ones only.
        """
        if self._imprints is None:
            return 0
        for first in range(len(self._imprints)):
            at = 0
            for imprint in list(self._imprints)[first:]:
                if not imprint.is_in(summary, at):
                    break
                at += imprint.characters
            else:
                return at
        return 0


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE).digest()
