"""The order of an answer: what may be written now, what waits, what is missing, what heals it.

One `Reassembly` belongs to one turn. Chunks go in as they arrive; their texts come out in the order
of the answer, each character once (PROTOCOL 2, "Ordering and healing"). Until `finish` all that
came out is a prefix of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from attrs import define, frozen

from eyeclaw_trio.core.patience import HELD_CHUNKS
from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.core.written_text import Imprint, WrittenText
from eyeclaw_trio.protocol.bot import StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content


class Anomaly(Enum):
    """What was not as it should have been; the value is the word in traces and logs."""

    HEALED = "healed"  # chunks were missing and the summary gave their text
    LOST = "lost"  # chunks were missing and nothing gave their text
    CONTRADICTION = "contradictory_summary"  # the summary does not fit the chunks
    WRONG_HASH = "wrong_hash"  # the summary's hash is not that of its own text
    DROPPED = "dropped"  # early chunks that did not fit what may be held
    FOREIGN = "foreign_session"  # another bot spoke of this turn
    NO_END = "no_end"  # a summary and all its chunks, but never an end


@frozen
class Ending:
    """How an answer ended: the last texts, and what is missing as ranges [first, last]."""

    texts: tuple[str, ...]
    missing: tuple[tuple[int, int], ...]
    anomalies: tuple[Anomaly, ...]


@define
class _Held:
    """An early chunk, and how often it has come."""

    content: str
    copies: int = 1


class Reassembly:
    """Puts the chunks of one answer in order, in bounded memory.

    At most HELD_CHUNKS early chunks of together `held_bytes` bytes wait for an earlier one
    (RELIABILITY 12), as far as `room`, which many share, has some for them. Of the written text as
    much is remembered as its comparison with a summary needs, which does not grow with it.
    """

    __slots__ = (  # one for each answer
        "_beyond",
        "_held",
        "_held_bytes",
        "_held_limit",
        "_next",
        "_room",
        "_unnumbered",
        "_written",
        "dropped",
        "duplicates",
        "received",
        "settled",
    )

    def __init__(self, *, held_bytes: int, room: Portion | None = None) -> None:
        self.duplicates = 0
        self.dropped = 0
        self.received = 0
        """Distinct chunks, the unnumbered ones too."""
        self.settled: list[int] = []
        """The chunks that count as written once all is that came out, with one entry for each
        received copy, so that a duplicate is acknowledged too; for whoever wrote, to be taken."""
        self._unnumbered = 0
        self._next = 0
        self._beyond = 0  # one more than the highest number seen, the dropped ones too
        self._held: dict[int, _Held] = {}
        self._held_bytes = 0
        self._held_limit = held_bytes
        self._room = room
        self._written = WrittenText()

    @property
    def has_gap(self) -> bool:
        """Whether a chunk is missing that a later one has shown to exist."""
        return self._next < self._beyond

    @property
    def written_characters(self) -> int:
        """How much text has come out, in characters."""
        return self._written.characters

    @property
    def written_size(self) -> int:
        """The same in bytes of UTF-8, the last few small pieces aside."""
        return self._written.size_taken

    def imprint(self) -> Imprint:
        """The text that has come out."""
        return self._written.imprint()

    def add(self, sequence: int | None, content: str) -> Sequence[str]:
        """Take one chunk; returns the texts that may be written now, in order."""
        if sequence is None:
            self.received += 1
            self._unnumbered += 1
            self._written.add(content)
            return (content,)
        if sequence == self._next:
            self.received += 1
            self._next += 1
            self._written.add(content)
            self.settled.append(sequence)
            return (content, *self._release()) if self._held else (content,)
        if sequence < self._next:
            self.duplicates += 1
            self.settled.append(sequence)
            return ()
        self._hold(sequence, content)
        return ()

    def finish(self, summary: StreamSummary | None, *, earlier: int = 0) -> Ending:
        """The answer is over: say what is missing, and heal it where the summary can.

        `earlier` is how many characters at the summary's front probably belong to earlier turns.
        Without a cure, what is held goes out in order and the loss is recorded; with a summary
        that contradicts what was written, nothing of its text is used (RELIABILITY 13, 14).
        """
        total = summary.total_chunks if summary is not None else None
        missing = tuple(self._missing(total))
        anomalies = [Anomaly.DROPPED] if self.dropped else []
        if summary is not None and _has_wrong_hash(summary):
            anomalies.append(Anomaly.WRONG_HASH)
        # What is stripped is known to be old, and so is tried first; but an answer may also begin
        # with the very words of one that failed.
        texts = _candidates(summary, earlier)
        is_short = total is not None and self._unnumbered > 0 and self.received < total
        if not missing and not is_short and not (total is None and self._lacks_tail(texts)):
            if summary is not None and not self._agrees(summary, texts):
                anomalies.append(Anomaly.CONTRADICTION)
            return Ending((), (), tuple(anomalies))
        cure = next((cure for text in texts if (cure := self._cure(text)) is not None), None)
        if cure is not None:
            self.settled += self.give_up()
            self._written.add(cure)
            anomalies.append(Anomaly.HEALED)
            return Ending((cure,), missing, tuple(anomalies))
        if texts:
            anomalies.append(Anomaly.CONTRADICTION)
        anomalies.append(Anomaly.LOST)
        return Ending(tuple(self._release_all()), missing, tuple(anomalies))

    def give_up(self) -> list[int]:
        """The turn is over without these: the chunks that are held, one entry for each copy."""
        sequences = [number for number, held in self._held.items() for _ in range(held.copies)]
        self._held.clear()
        self._held_bytes = 0
        if self._room is not None:
            self._room.release()
        return sequences

    # ---- inside ---------------------------------------------------------------------------------

    def _hold(self, sequence: int, content: str) -> None:
        self._beyond = max(self._beyond, sequence + 1)
        held = self._held.get(sequence)
        if held is not None:
            self.duplicates += 1
            # One acknowledgement for each copy, but a bot that repeats itself for ever does not
            # fill our memory: the count is all that is kept.
            held.copies = min(held.copies + 1, HELD_CHUNKS)
            return
        size = len(content.encode())
        if len(self._held) >= HELD_CHUNKS or self._held_bytes + size > self._held_limit:
            self.dropped += 1
            return
        if self._room is not None and not self._room.take(size):
            self.dropped += 1
            return
        self.received += 1
        self._held[sequence] = _Held(content)
        self._held_bytes += size

    def _release(self) -> Iterator[str]:
        while self._next in self._held:
            yield self._take(self._next)
            self._next += 1

    def _release_all(self) -> Iterator[str]:
        for sequence in sorted(self._held):
            yield self._take(sequence)
            self._next = sequence + 1

    def _take(self, sequence: int) -> str:
        held = self._held.pop(sequence)
        size = len(held.content.encode())
        self._held_bytes -= size
        if self._room is not None:
            self._room.give_back(size)
        self._written.add(held.content)
        self.settled += [sequence] * held.copies
        return held.content

    def _missing(self, total: int | None) -> Iterator[tuple[int, int]]:
        """The ranges of numbers that never came, up to the highest that is known to exist."""
        first = self._next
        for sequence in sorted(self._held):
            if sequence > first:
                yield first, sequence - 1
            first = sequence + 1
        # In an answer without numbers nothing can be named; `finish` goes by the count.
        last = self._beyond if total is None or self._unnumbered else max(total, self._beyond)
        if last > first:
            yield first, last - 1

    def _lacks_tail(self, texts: Sequence[str]) -> bool:
        """A summary that does not count the chunks can still show that the text goes on."""
        written = self._written.imprint()
        if any(len(text) == written.characters and written.is_in(text, 0) for text in texts):
            return False
        return any(written.is_in(text, 0) for text in texts)

    def _agrees(self, summary: StreamSummary, texts: Sequence[str]) -> bool:
        if summary.total_chunks is not None and summary.total_chunks != self.received:
            return False
        if not summary.total_content and summary.content_hash is None:
            return True  # it only counts
        return any(map(self._written.is_all_of, texts or ("",)))

    def _cure(self, text: str) -> str | None:
        """The part of the summary's text that is still to be written, if it can be trusted."""
        written = self._written.imprint()
        if not written.is_in(text, 0):
            return None
        rest = text[written.characters :]
        at = 0
        for sequence in sorted(self._held):
            # What did arrive must be in there, or the summary would take text away.
            content = self._held[sequence].content
            at = rest.find(content, at)
            if at < 0:
                return None
            at += len(content)
        return rest


def _candidates(summary: StreamSummary | None, earlier: int) -> Sequence[str]:
    """What the summary may say of this answer, the likelier first."""
    if summary is None or not summary.total_content:
        return ()
    text = summary.total_content
    if not earlier:
        return (text,)
    rest = text[earlier:]
    # An answer that had chunks has text: where nothing but old words would be left, they are new.
    return (rest, text) if rest or not summary.total_chunks else (text, rest)


def _has_wrong_hash(summary: StreamSummary) -> bool:
    return summary.content_hash is not None and summary.content_hash.lower() != hash_content(
        summary.total_content
    )
