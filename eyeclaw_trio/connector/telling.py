"""What one answer of a model becomes on its way to the gateway: chunks, device actions, follow-ups,
and what is summed up of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from io import StringIO
from typing import Any, Final, TypeAlias

from attrs import frozen

from eyeclaw_trio.core.action_fence import ActionFence, Cut, FencedBlock
from eyeclaw_trio.core.action_words import Offer, describe_fault
from eyeclaw_trio.core.actions import read_action
from eyeclaw_trio.core.tool_calls import ToolCall, ToolUse
from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import (
    MOST_FOLLOW_UPS,
    StreamChunk,
    StreamFollowUp,
    StreamMessage,
    StreamStatus,
    StreamSummary,
    StreamToolCall,
)
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.decoding import encode, read_json
from eyeclaw_trio.providers.provider import Piece

# Takes one message of the answer; it may wait while too much is unacknowledged, and raises
# BotFailed when that has lasted too long.
Say: TypeAlias = Callable[[StreamMessage], Awaitable[None]]

# Characters of one chunk. A model's pieces are words; a gateway closes the link over a message of
# 1 MiB, and JSON within JSON can make seven bytes of one character.
LONGEST_CHUNK: Final = 16_384
# Bytes that the whole text may take in a summary, as JSON within JSON. A longer answer is summed
# up without its text: it was acknowledged chunk by chunk, and the summary is a cure for bots that
# were not.
LARGEST_SUMMARY: Final = 524_288


@frozen
class _Refused:
    """A call that cannot be obeyed, and why."""

    call: ToolCall
    why: str


class Telling:
    """Tells one answer, in order. Where nothing is offered, no block is looked for."""

    def __init__(self, session_id: str, offer: Offer, say: Say) -> None:
        self.told = Told()
        self._session_id = session_id
        self._offer = offer
        self._say = say
        self._fence = ActionFence() if offer.actions or offer.follow_ups else None
        self._refused: list[_Refused] = []
        self._has_acted = False

    @property
    def has_said(self) -> bool:
        """Whether anything of it may have reached a wearer."""
        return self.told.chunks > 0 or self._has_acted

    async def tell(self, piece: Piece) -> None:
        """The model goes on. Raises as `say` does; cancelled, the rest of the piece is not said."""
        if isinstance(piece, ToolCall):
            await self._call(piece)
        elif isinstance(piece, ToolUse):
            await self._say(StreamStatus(self._session_id, piece.name))
        elif self._fence is None:
            await self._say_text(piece)
        else:
            await self._say_cut(self._fence.feed(piece))

    async def end(self) -> None:
        """The model has ended: say what is left. Raises as `say` does; cancelled, some of it may
        not be said."""
        if self._fence is not None:
            await self._say_cut(self._fence.finish())
            self._fence = ActionFence()

    def explain(self) -> tuple[Mapping[str, Any], ...]:
        """What the model is to be told: the calls that it has made for nothing, and why nothing
        came of them. Empty where there were none, or another was right."""
        if self._has_acted or not self._refused:
            return ()
        calls = [
            {
                "id": each.call.id,
                "type": "function",
                "function": {"name": each.call.name, "arguments": each.call.arguments},
            }
            for each in self._refused
        ]
        results = [
            {"role": "tool", "tool_call_id": each.call.id, "content": each.why}
            for each in self._refused
        ]
        said = self.told.text or ""
        return ({"role": "assistant", "content": said, "tool_calls": calls}, *results)

    async def _say_cut(self, cut: Cut) -> None:
        for part in cut:
            if isinstance(part, FencedBlock):
                await self._take_block(part)
            else:
                await self._say_text(part)

    async def _say_text(self, text: str) -> None:
        for part in split_piece(text):
            sequence = self.told.chunks
            self.told.add(part)
            await self._say(StreamChunk(self._session_id, part, sequence))

    async def _call(self, call: ToolCall) -> None:
        wanted: dict[str, Any] = {"command": call.name}
        try:
            wanted = call.as_action()
            read_action(wanted, self._offer.actions)
            self._has_acted = True
        except BadMessage as bad:
            self._refused.append(_Refused(call, describe_fault(bad.faults)))
        # The gateway is told in any case: what it refuses stands in its trace.
        await self._say(StreamToolCall(self._session_id, wanted))

    async def _take_block(self, block: FencedBlock) -> None:
        try:
            said = read_json(block.text)
        except BadMessage:
            said = None
        said = said if isinstance(said, dict) else {"tool_call": {}}
        wanted = said if "command" in said else said.get("tool_call")
        if wanted is not None:
            wanted = wanted if isinstance(wanted, dict) else {}
            self._note_block(wanted)
            await self._say(StreamToolCall(self._session_id, wanted))
        texts = said.get("follow_up")
        if isinstance(texts, list):
            fit = tuple(text for text in texts[:MOST_FOLLOW_UPS] if isinstance(text, str))
            await self._say(StreamFollowUp(self._session_id, fit))

    def _note_block(self, wanted: object) -> None:
        try:
            read_action(wanted, self._offer.actions)
        except BadMessage:
            return
        self._has_acted = True


def split_piece(piece: str) -> Iterator[str]:
    """A model's piece in parts that fit a chunk each; none for an empty piece.

    Half a surrogate pair, which no JSON can carry, becomes a question mark: it would end the link
    with all other answers on it.
    """
    if not piece.isascii():
        piece = piece.encode("utf-8", "replace").decode()
    for start in range(0, len(piece), LONGEST_CHUNK):
        yield piece[start : start + LONGEST_CHUNK]


class Told:
    """What has been told of one answer, for its summary: as text for as long as it may fit into
    one, and as a count for ever. A model that never ends fills no memory."""

    def __init__(self) -> None:
        self.chunks = 0
        self._text: StringIO | None = StringIO()

    def add(self, part: str) -> None:
        """One chunk more."""
        self.chunks += 1
        if self._text is not None:
            self._text.write(part)
            if self._text.tell() > LARGEST_SUMMARY:
                self._text = None

    @property
    def text(self) -> str | None:
        """All of it; None where it was too much to remember."""
        return None if self._text is None else self._text.getvalue()

    def summarise(self, session_id: str) -> StreamSummary:
        """The summary of the whole answer; without text and hash where they would be too large."""
        text = self.text
        if text is None or len(encode(encode(text).decode())) > LARGEST_SUMMARY:
            return StreamSummary(session_id, total_chunks=self.chunks)
        return StreamSummary(session_id, text, self.chunks, hash_content(text))
