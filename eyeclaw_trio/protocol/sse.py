"""Server-sent events as the glasses read them: messages to bytes (PROTOCOL 1).

The keys of each event are exactly those of the platform's examples, in their order: clients parse
strictly. A newline inside JSON is `\\n`, so no value can break the framing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.protocol.decoding import encode

HEADERS: Final = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
"""What a response of events says of itself: also a proxy in between is to pass each on."""
CONNECTED: Final = b": connected\n\n"
KEEP_ALIVE: Final = b": keep-alive\n\n"


@frozen
class AnswerFraming:
    """Frames the events of one answer: the ids are those of its question, echoed as they came.

    All but the text is the same in each event of a turn, so what stands behind it is encoded once.
    """

    message_id: str
    agent_id: str | int | float
    _text_tail: bytes = field(init=False, repr=False)

    @_text_tail.default
    def _encode_tail(self) -> bytes:
        return b"," + self._encode_ids() + b',"is_finish":false}\n\n'

    def text(self, text: str) -> bytes:
        """One piece of the answer."""
        return _TEXT_HEAD + encode(text) + self._text_tail

    def tool_call(self, command: str, fields: Mapping[str, object]) -> bytes:
        """Something that the glasses are to do. All but its own fields is the same in each."""
        call = {"handling_required": True, "command": command, **fields, "is_recall": True}
        return _TOOL_CALL_HEAD + encode(call) + self._text_tail

    def follow_up(self, texts: Sequence[str]) -> bytes:
        """What the wearer might ask next."""
        return _FOLLOW_UP_HEAD + encode(list(texts)) + self._text_tail

    def last_text(self, text: str) -> bytes:
        """A text that finishes the answer: empty after a whole one, else an apology."""
        return _TEXT_HEAD + encode(text) + b"," + self._encode_ids() + b',"is_finish":true}\n\n'

    def done(self) -> bytes:
        """The very last event: never with a text, or clients that show both show it twice."""
        return _DONE_HEAD + self._encode_ids() + b',"is_finish":true}\n\n'

    @staticmethod
    def error(text: str) -> bytes:
        """What the edge worker's clients know; the platform itself ignores it."""
        return b'event: error\ndata: {"message":' + encode(text) + b"}\n\n"

    def _encode_ids(self) -> bytes:
        return b'"message_id":' + encode(self.message_id) + b',"agent_id":' + encode(self.agent_id)


_TEXT_HEAD: Final = b'event: message\ndata: {"role":"agent","type":"answer","answer_stream":'
_TOOL_CALL_HEAD: Final = b'event: message\ndata: {"role":"agent","type":"tool_call","tool_call":'
_FOLLOW_UP_HEAD: Final = b'event: message\ndata: {"role":"agent","type":"follow_up","follow_up":'
_DONE_HEAD: Final = b'event: done\ndata: {"role":"agent","type":"answer",'
