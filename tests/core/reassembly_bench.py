"""A reassembly on a bench: what goes in, what comes out, what is acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from eyeclaw_trio.core.reassembly import Ending, Reassembly
from eyeclaw_trio.protocol.bot import StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content

MEBIBYTE = 1_048_576


class Bench:
    """A reassembly with a reader beside it, who notes what came out and what was acknowledged."""

    def __init__(self, *, held_bytes: int = MEBIBYTE) -> None:
        self.reassembly = Reassembly(held_bytes=held_bytes)
        self.text = ""
        self.acknowledged = Counter[int]()

    def note(self, texts: Iterable[str]) -> None:
        self.text += "".join(texts)
        self.acknowledged.update(self.reassembly.settled)
        self.reassembly.settled.clear()

    def add(self, *sequences: int, texts: Sequence[str] = "abcdefghij") -> None:
        for sequence in sequences:
            self.note(self.reassembly.add(sequence, texts[sequence]))

    def add_unnumbered(self, *texts: str) -> None:
        for text in texts:
            self.note(self.reassembly.add(None, text))

    def finish(self, summary: StreamSummary | None = None) -> Ending:
        ending = self.reassembly.finish(summary)
        self.note(ending.texts)
        return ending


def a_summary(
    text: str, chunks: int | None, content_hash: str | None = None, *, hashed: bool = True
) -> StreamSummary:
    if hashed and content_hash is None:
        content_hash = hash_content(text)
    return StreamSummary("s", text, chunks, content_hash)
