"""What was said in conversations: bounded in turns, bytes, age and number.

Of a chat client a conversation belongs to an access key and a session id together: another key with
the same session id has another one (RELIABILITY 24). Of wearers see `core/memory`. Times are
monotonic seconds, sizes in bytes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from attrs import define, field, frozen

from eyeclaw_trio.core.greediest import find_oldest_of_greediest

Key = TypeVar("Key", bound=Hashable)

# Questions with their answers that a model is shown again, and how large they may be together.
KEPT_TURNS: Final = 50
KEPT_BYTES: Final = 65_536
# Of one exchange so much at most: a long answer must not push out all that was said before it.
KEPT_OF_ONE: Final = KEPT_BYTES // 4
# A conversation that nobody has gone on with for so long is over (seconds).
KEPT_SECONDS: Final = 12 * 3600.0
# Conversations kept at once, of all; of the owner who has most the one that rested longest goes
# first.
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


@define(eq=False)
class OpenExchange:
    """A question whose answer is still being written, and what its reader has of it."""

    question: str
    has_acted: bool = False
    """Whether the glasses were told to do something: then it counts without a word, too."""
    _said: list[str] = field(factory=list)
    _size: int = 0

    def add(self, text: str) -> None:
        """This much more was written; of a very long answer the beginning is kept."""
        if self._size <= KEPT_OF_ONE:
            self._said.append(text)
            self._size += len(text)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether anything came of the question: one that failed without a word would be answered
        together with the next."""
        return self.has_acted or any(not text.isspace() for text in self._said)

    def so_far(self) -> Exchange:
        """What of it there is."""
        return Exchange(self.question, "".join(self._said))


@frozen
class Bounds:
    """How much is kept of one conversation, and for how long (seconds)."""

    turns: int = KEPT_TURNS
    size: int = KEPT_BYTES
    seconds: float = KEPT_SECONDS


@define
class _Conversation:
    exchanges: deque[Exchange] = field(factory=deque)
    size: int = 0
    used_at: float = 0.0


class Conversations(Generic[Key]):
    """All conversations that are remembered, each by its key; `owners_of` say whose that is, and
    whose within that."""

    def __init__(
        self,
        bounds: Bounds | None = None,
        *owners_of: Callable[[Key], Hashable],
    ) -> None:
        self._owners_of = owners_of
        self._bounds = bounds or Bounds()
        self._kept: OrderedDict[Key, _Conversation] = OrderedDict()  # longest at rest first
        self._open: dict[Key, list[OpenExchange]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def history(self, speaker: Key, now: float) -> tuple[Exchange, ...]:
        """What was said before, oldest first; nothing where that is too long ago. Behind it stands
        what is being answered just now, as far as that is."""
        self._forget(now)
        conversation = self._kept.get(speaker)
        kept = tuple(conversation.exchanges) if conversation is not None else ()
        return kept + tuple(each.so_far() for each in self._open.get(speaker, ()))

    def begin(self, speaker: Key, question: str) -> OpenExchange:
        """Something is asked; `finish` must follow. Whoever asks meanwhile finds it in the
        history."""
        exchange = OpenExchange(question)
        self._open.setdefault(speaker, []).append(exchange)
        return exchange

    def finish(self, speaker: Key, exchange: OpenExchange, now: float) -> Exchange | None:
        """Its answer is over, whole or not: returns what is remembered of it, if that is anything.
        Nothing where all was forgotten meanwhile."""
        still_open = self._open.get(speaker, [])
        if exchange not in still_open:
            return None
        still_open.remove(exchange)
        if not still_open:
            del self._open[speaker]
        if not exchange.is_worth_keeping:
            return None
        said = exchange.so_far().shortened()
        self.remember(speaker, said, now)
        return said

    def forget(self, speaker: Key) -> None:
        """Forget what was said in this conversation, also what is being answered."""
        self._kept.pop(speaker, None)
        self._open.pop(speaker, None)

    def keys(self) -> set[Key]:
        """All of whom something is remembered."""
        return self._kept.keys() | self._open.keys()

    def remember(self, speaker: Key, exchange: Exchange, now: float) -> None:
        """Something more was said. The oldest is forgotten until all is within the bounds; of
        what is long by itself the beginning is remembered."""
        self._forget(now)
        exchange = exchange.shortened()
        conversation = self._kept.setdefault(speaker, _Conversation())
        self._kept.move_to_end(speaker)
        conversation.used_at = now
        conversation.exchanges.append(exchange)
        conversation.size += exchange.size
        bounds = self._bounds
        while len(conversation.exchanges) > bounds.turns or conversation.size > bounds.size:
            conversation.size -= conversation.exchanges.popleft().size
        if len(self._kept) > KEPT_CONVERSATIONS:
            del self._kept[find_oldest_of_greediest(self._kept, *self._owners_of)]

    def _forget(self, now: float) -> None:
        while self._kept:
            speaker, oldest = next(iter(self._kept.items()))
            if oldest.used_at + self._bounds.seconds > now:
                return
            del self._kept[speaker]


def _beginning(text: str, size: int) -> str:
    """At most `size` bytes of it, and no half characters."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")
