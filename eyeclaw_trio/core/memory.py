"""What the gateway remembers of wearers: which conversation a question belongs to, what was said in
it before, and when it begins anew.

The history is a wearer's own, also where a bot's conversation is shared: nobody finds what somebody
else has said. Nothing here waits or keeps anything on disk; what is to be kept is returned. Times
are monotonic seconds, `milliseconds` the wall clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.core.beginnings import Beginning, Beginnings, Context
from eyeclaw_trio.core.conversation import Bounds, Conversations, Exchange, OpenExchange

# Of one wearer's conversation: what is spoken in an hour or so, some 4,000 tokens.
WEARER: Final = Bounds(turns=20, size=16_384, seconds=float("inf"))
# Conversations whose last word is remembered, to know how long it has been silent.
MOST_HEARD: Final = 10_000


@frozen
class Thread:
    """One wearer's part in one conversation of that name; a name is never used again."""

    bot_id: int
    user_id: str | None
    name: str


@frozen
class Recalled:
    """What a question belongs to. `beginning` is there where it begins a new conversation."""

    thread: Thread
    beginning: Beginning | None = None


@define(eq=False)
class Memory:
    """All that is remembered of wearers."""

    beginnings: Beginnings = field(factory=Beginnings)
    _said: Conversations[Thread] = field(
        factory=lambda: Conversations(WEARER, attrgetter("bot_id"), attrgetter("user_id"))
    )
    _contexts: dict[Thread, Context] = field(factory=dict)
    _heard: OrderedDict[str, float] = field(factory=OrderedDict)

    def recall(
        self, context: Context, forget_after: float, now: float, milliseconds: int
    ) -> Recalled:
        """What this question belongs to: a new conversation behind `forget_after` seconds of
        silence (0: never). What it was silent for before this process began is not known."""
        heard_at = self._heard.get(context.name)
        beginning = None
        if forget_after > 0 and heard_at is not None and now - heard_at > forget_after:
            beginning = self.begin_anew(context, milliseconds)
        self._hear(context, now)
        return Recalled(self._thread(context), beginning)

    def history(self, thread: Thread, now: float) -> tuple[Exchange, ...]:
        """What was said in it before, oldest first, and what is being answered just now."""
        return self._said.history(thread, now)

    def begin_anew(self, context: Context, milliseconds: int) -> Beginning:
        """A new conversation from now on."""
        beginning = self.beginnings.begin_anew(context, milliseconds)
        for thread, it in list(self._contexts.items()):  # not all are named anew to find these
            if it.name == context.name:
                self._drop(thread)
        return beginning

    def ask(self, context: Context, thread: Thread, question: str) -> OpenExchange:
        """Remember that this is asked; `answered` must follow."""
        self._contexts[thread] = context
        return self._said.begin(thread, question)

    def answered(
        self, context: Context, thread: Thread, exchange: OpenExchange, now: float
    ) -> Exchange | None:
        """The answer is over. Returns what is remembered of it, if that is anything."""
        self._hear(context, now)
        said = self._said.finish(thread, exchange, now)
        self._forget_contexts()
        return said

    def restore(self, context: Context, thread: Thread, exchange: Exchange, now: float) -> None:
        """What was kept on disk, oldest first; nothing of a conversation that is left behind."""
        if self._thread(context) == thread:
            self._contexts[thread] = context
            self._said.remember(thread, exchange, now)

    def take(self, beginnings: Iterable[Beginning]) -> None:
        """This much has begun anew, as another process has said."""
        for each in beginnings:
            self.beginnings.take(each)
        self._drop_left()

    def _thread(self, context: Context) -> Thread:
        return Thread(context.bot_id, context.user_id, self.beginnings.name_of(context))

    def _hear(self, context: Context, now: float) -> None:
        self._heard[context.name] = now
        self._heard.move_to_end(context.name)
        if len(self._heard) > MOST_HEARD:
            self._heard.popitem(last=False)

    def _drop_left(self) -> None:
        """Forget what was said in conversations that are left behind."""
        for thread, context in list(self._contexts.items()):
            if self._thread(context) != thread:
                self._drop(thread)

    def _drop(self, thread: Thread) -> None:
        self._said.forget(thread)
        del self._contexts[thread]

    def _forget_contexts(self) -> None:
        kept = self._said.keys()
        if len(self._contexts) > 2 * len(kept) + 100:
            self._contexts = {each: it for each, it in self._contexts.items() if each in kept}
