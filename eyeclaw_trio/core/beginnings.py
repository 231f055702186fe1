"""Which conversation of a name it is: each time it begins anew the name gets another number behind
it, and what a model remembers under the old one is left behind (PROTOCOL 2, `openclaw_session_id`).

Somebody has said "new chat", has been silent for long enough, or the owner has had things
forgotten: all of it is a `Beginning`, which holds for a name, for a wearer, for a bot, or for all.
Numbers are milliseconds of the wall clock where that goes forward, and never go back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeVar

from attrs import frozen

_Key = TypeVar("_Key")
Conversation = Literal["shared", "per_user", "per_conversation"]

# Names that have a beginning of their own; beyond that the older half of those of the bot that has
# most becomes one for all of that bot's: no other bot's wearers lose what they said by it.
MOST_NAMES: Final = 10_000


@frozen
class Context:
    """What one question belongs to: its bot, its wearer where that is known, and the name of the
    conversation. `is_shared`: other wearers speak in it, too."""

    bot_id: int
    user_id: str | None
    name: str
    is_shared: bool


def name_context(
    bot_id: int,
    conversation: Conversation,
    *,
    named: str | None,
    user_id: str | None,
    message_id: str | None,
) -> Context:
    """The conversation that a question belongs to. `named` is what its request calls it: whatever
    that is, it stays within this bot's own (RELIABILITY 37). Where the wearer or the conversation
    is not known, it is the shared one."""
    name = f"bot_{bot_id}" if named is None else f"bot_{bot_id}_session_{named}"
    if conversation == "per_user" and user_id:
        return Context(bot_id, user_id, f"{name}_user_{user_id}", is_shared=False)
    if conversation == "per_conversation" and message_id:
        name = f"{name}_conversation_{message_id}"
        return Context(bot_id, user_id or None, name, is_shared=False)
    return Context(bot_id, user_id or None, name, is_shared=True)


@frozen
class Beginning:
    """All conversations for which this holds begin anew: those of a bot, of a wearer, of this name;
    None: of any."""

    number: int
    bot_id: int | None = None
    user_id: str | None = None
    name: str | None = None


class Beginnings:
    """The newest beginning of everything."""

    def __init__(self, beginnings: Iterable[Beginning] = ()) -> None:
        self._newest = 0
        self._of_names: dict[int | None, dict[str, int]] = {}  # by bot
        self._names = 0
        self._of_wearers: dict[tuple[int | None, str | None], int] = {}
        self._of_any_wearer: dict[int | None, int] = {}
        for each in beginnings:
            self.take(each)

    def take(self, beginning: Beginning) -> None:
        """This is so from now on."""
        number, bot_id = beginning.number, beginning.bot_id
        self._newest = max(self._newest, number)
        if beginning.name is not None:
            names = self._of_names.setdefault(bot_id, {})
            self._names += beginning.name not in names
            _raise(names, beginning.name, number)
            if self._names > MOST_NAMES:
                self._join_oldest()
        else:
            _raise(self._of_wearers, (bot_id, beginning.user_id), number)
            _raise(self._of_any_wearer, bot_id, number)

    def number_of(self, context: Context) -> int:
        """Which one it is now; 0 where it has never begun anew."""
        if not self._newest:
            return 0  # nobody has ever begun anew
        number = self._of_names.get(context.bot_id, {}).get(context.name, 0)
        for bot_id in (None, context.bot_id):
            # What one wearer has said in a shared conversation cannot be told from the rest.
            if context.is_shared:
                number = max(number, self._of_any_wearer.get(bot_id, 0))
            for user_id in {None, context.user_id}:
                number = max(number, self._of_wearers.get((bot_id, user_id), 0))
        return number

    def begin_anew(self, context: Context, milliseconds: int) -> Beginning:
        """A new conversation in place of this one; `milliseconds` is the wall clock."""
        number = max(self._newest + 1, milliseconds)
        beginning = Beginning(number, context.bot_id, name=context.name)
        self.take(beginning)
        return beginning

    def name_of(self, context: Context) -> str:
        """What the conversation is called now, for a model that remembers by itself."""
        number = self.number_of(context)
        return context.name if not number else f"{context.name}_since_{number}"

    def _join_oldest(self) -> None:
        bot_id, names = max(self._of_names.items(), key=lambda each: len(each[1]))
        newest = sorted(names.values())[len(names) // 2]
        kept = {name: it for name, it in names.items() if it > newest}
        self._names -= len(names) - len(kept)
        self._of_names[bot_id] = kept
        self.take(Beginning(newest, bot_id))


def _raise(numbers: dict[_Key, int], key: _Key, number: int) -> None:
    numbers[key] = max(numbers.get(key, 0), number)
