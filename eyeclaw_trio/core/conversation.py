"""What was said in the sessions of chat clients: bounded in turns, bytes, age and number.

A conversation belongs to an access key and a session id together: another key with the same
session id has another one (RELIABILITY 24). Times are monotonic seconds, sizes in bytes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from typing import Final

from attrs import define, field, frozen

# Questions with their answers that a model is shown again, and how large they may be together.
KEPT_TURNS: Final = 50
KEPT_BYTES: Final = 65_536
# Of one exchange so much at most: a long answer must not push out all that was said before it.
KEPT_OF_ONE: Final = KEPT_BYTES // 4
# A conversation that nobody has gone on with for so long is over (seconds).
KEPT_SECONDS: Final = 12 * 3600.0
# Conversations kept at once, of all keys; the one that rested longest goes first.
KEPT_CONVERSATIONS: Final = 1_000


@frozen
class Speaker:
    """Whose conversation it is: the access key's id, and the session that its client named."""

    key_id: int
    session_id: str

    @property
    def name(self) -> str:
        """What a model that remembers by itself calls the conversation.

        A digest: OpenClaw folds upper and lower case, and no two of these may become one.
        """
        named = f"{self.key_id}\0{self.session_id}".encode("utf-8", "surrogatepass")
        return f"chat_{hashlib.sha256(named).hexdigest()[:32]}"


@frozen
class Exchange:
    """A question, and as much of its answer as its reader got."""

    question: str
    answer: str

    @property
    def size(self) -> int:
        """Its bytes as UTF-8."""
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in self.texts)

    @property
    def texts(self) -> tuple[str, str]:
        """Both, in order."""
        return self.question, self.answer

    def shortened(self) -> Exchange:
        """As much of it as is kept: the beginning of the question, then of its answer."""
        if self.size <= KEPT_OF_ONE:
            return self
        question = _beginning(self.question, KEPT_OF_ONE)
        rest = KEPT_OF_ONE - Exchange(question, "").size
        return Exchange(question, _beginning(self.answer, rest))


@define
class _Conversation:
    exchanges: deque[Exchange] = field(factory=deque)
    size: int = 0
    used_at: float = 0.0


class Conversations:
    """All conversations that are remembered."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Speaker, _Conversation] = OrderedDict()  # longest at rest first

    def __len__(self) -> int:
        return len(self._kept)

    def history(self, speaker: Speaker, now: float) -> tuple[Exchange, ...]:
        """What was said before, oldest first; nothing where that is too long ago."""
        self._forget(now)
        conversation = self._kept.get(speaker)
        return tuple(conversation.exchanges) if conversation is not None else ()

    def remember(self, speaker: Speaker, exchange: Exchange, now: float) -> None:
        """Something more was said. The oldest is forgotten until all is within the bounds; of
        what is long by itself the beginning is remembered."""
        self._forget(now)
        exchange = exchange.shortened()
        conversation = self._kept.setdefault(speaker, _Conversation())
        self._kept.move_to_end(speaker)
        conversation.used_at = now
        conversation.exchanges.append(exchange)
        conversation.size += exchange.size
        while len(conversation.exchanges) > KEPT_TURNS or conversation.size > KEPT_BYTES:
            conversation.size -= conversation.exchanges.popleft().size
        if len(self._kept) > KEPT_CONVERSATIONS:
            self._kept.popitem(last=False)

    def _forget(self, now: float) -> None:
        while self._kept:
            speaker, oldest = next(iter(self._kept.items()))
            if oldest.used_at + KEPT_SECONDS > now:
                return
            del self._kept[speaker]


def _beginning(text: str, size: int) -> str:
    """At most `size` bytes of it, and no half characters."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
