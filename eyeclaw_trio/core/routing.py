"""Which bot answers a question (CLI, "Which bot answers"), or which provider (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import AccessKey, Bot, Directory
from eyeclaw_trio.errors import BotOffline, NotBound, ProviderRefused, RequestRefused, WearerRefused


@frozen
class Asker:
    """Who asks, as far as the choice of a bot needs to know."""

    key: AccessKey
    agent_id: str
    user_id: str | None = None
    bot_id: int | None = None


@frozen
class WearerRules:
    """Which wearers may ask: `allowed_users` and whom the owner has allowed beside them, everybody
    where it is empty; never who was blocked. With `requires_binding` each needs a bot of his own,
    but for questions that name a `bot_id`."""

    allowed_users: frozenset[str] = frozenset()
    requires_binding: bool = False

    def lets_ask(self, directory: Directory, user_id: str | None) -> bool:
        """Whether this wearer may."""
        standing = directory.standings.get(user_id or "")
        is_named = standing == "allowed" or user_id in self.allowed_users
        return standing != "blocked" and (is_named or not self.allowed_users)

    def check(self, directory: Directory, user_id: str | None) -> None:
        """Raises WearerRefused for a wearer who may not."""
        if not self.lets_ask(directory, user_id):
            raise WearerRefused


def choose_bot(directory: Directory, asker: Asker, rules: WearerRules | None = None) -> Bot:
    """The bot that answers this asker.

    Raises RequestRefused: 403 where the key is made for another bot, 404 where `bot_id` names
    none. Raises BotOffline where no rule leads to a bot: the wearer must hear something, and can
    do nothing about it. Raises WearerRefused and NotBound as `rules` say.
    """
    rules = rules or WearerRules()
    rules.check(directory, asker.user_id)
    bot = _find_bot(directory, asker, is_bound=rules.requires_binding)
    if asker.key.bot_id is not None and bot.id != asker.key.bot_id:
        raise RequestRefused(403, "This key is not valid for this bot")
    return bot


def choose_default_bot(directory: Directory) -> Bot:
    """The bot that answers whoever asks for none: the one marked so, else the only one.

    Raises BotOffline where there is no such bot.
    """
    # A bot that was taken out of the configuration stays known, but nobody means it any more.
    bots = [bot for bot in directory.bots.values() if bot.is_configured]
    marked = [bot for bot in bots if bot.is_default]
    if len(marked) == 1:
        return marked[0]
    # The stand-in of the first start steps aside as soon as there is a real bot.
    real = [bot for bot in bots if bot.origin != "demo"] or bots
    if len(real) == 1:
        return real[0]
    raise BotOffline("none of several bots is the default" if real else "there is no bot")


@frozen
class ChatChoice:
    """Which providers chat clients may name, and which one answers where none is named; None
    stands for the default bot."""

    providers: Collection[str] = ()
    default: str | None = None


def choose_for_chat(
    directory: Directory, key: AccessKey, wanted: str | None, choice: ChatChoice
) -> Bot | str:
    """Who answers a chat client: a bot, or a provider by its name. `wanted` is the provider that
    was named, if one was.

    A key made for one bot opens that bot only, also where it is called by its provider's name,
    and learns of no other: whether there is one of that name is not said.
    Raises ProviderRefused, and RequestRefused and BotOffline as `choose_bot`.
    """
    if key.bot_id is not None:
        bot = choose_bot(directory, Asker(key, agent_id="", bot_id=key.bot_id))
        if wanted not in (None, bot.provider):
            raise ProviderRefused
        return bot
    if wanted is not None and wanted not in choice.providers:
        raise ProviderRefused(tuple(choice.providers))
    named = wanted if wanted is not None else choice.default
    return named if named is not None else choose_bot(directory, Asker(key, agent_id=""))


# What stands for whoever answers by default, and what clients made for OpenClaw say where nothing
# was chosen: Even G2 always says both of the latter.
DEFAULT_MODEL: Final = "eyeclaw"
_OPENCLAW_MODEL: Final = "openclaw"
_OPENCLAW_AGENT: Final = "main"


@frozen
class CompletionAsker:
    """An OpenAI client: its key, the `model` it names, the agent that a header names (empty: none),
    the wearer, and the providers that may be named."""

    key: AccessKey
    model: str
    agent: str = ""
    user_id: str | None = None
    providers: Collection[str] = ()


def choose_for_completion(directory: Directory, asker: CompletionAsker) -> Bot | str:
    """Who answers an OpenAI client: a bot, or a provider by its name (PROTOCOL 6).

    Raises RequestRefused: 404 for a name that nobody has, 403 for a bot or provider that the key
    does not open. Raises BotOffline as `choose_bot`, and WearerRefused for a user whom the owner
    has blocked.
    """
    WearerRules().check(directory, asker.user_id)
    for name, stand_in in ((asker.agent, _OPENCLAW_AGENT), (asker.model, _OPENCLAW_MODEL)):
        chosen = _find_model(directory, asker, name)
        if chosen is not None:
            return chosen
        if name not in ("", stand_in, DEFAULT_MODEL):
            known = list_models(directory, asker.key, asker.providers)
            raise RequestRefused(
                404, "No such model", {"model": f"must be one of {', '.join(known)}"}
            )
    return choose_bot(directory, Asker(asker.key, agent_id="", user_id=asker.user_id))


def list_models(
    directory: Directory, key: AccessKey, providers: Collection[str]
) -> dict[str, Bot | None]:
    """The models that this key may name, each with its bot, where it is one's name."""
    bots = [bot for bot in directory.bots.values() if bot.is_configured]
    if key.bot_id is not None:
        return {bot.name: bot for bot in bots if bot.id == key.bot_id} | {DEFAULT_MODEL: None}
    named: dict[str, Bot | None] = dict.fromkeys([DEFAULT_MODEL, *providers])
    return named | {bot.name: bot for bot in bots}


def _find_model(directory: Directory, asker: CompletionAsker, name: str) -> Bot | str | None:
    bot, own = directory.find_bot_named(name), asker.key.bot_id
    if bot is not None:
        return choose_bot(directory, Asker(asker.key, agent_id="", bot_id=bot.id))
    if name not in asker.providers:
        return None
    if own is None:
        return name
    bot = choose_bot(directory, Asker(asker.key, agent_id="", bot_id=own))
    if bot.provider != name:
        raise RequestRefused(403, "This key is not valid for this model")
    return bot


def _find_bot(directory: Directory, asker: Asker, *, is_bound: bool) -> Bot:
    if asker.bot_id is not None:
        bot = directory.bots.get(asker.bot_id)
        if bot is None:
            raise RequestRefused(404, "Bot not found")
        return bot
    if asker.user_id:
        bot = directory.find_bot_of_user(asker.user_id)
        if bot is not None:
            return bot
    if is_bound:
        raise NotBound
    bot = directory.find_bot_named(asker.agent_id)
    if bot is not None:
        return bot
    if asker.key.bot_id is not None and asker.key.bot_id in directory.bots:
        return directory.bots[asker.key.bot_id]
    return choose_default_bot(directory)
