"""Which bot answers a question (CLI, "Which bot answers")."""

from __future__ import annotations

from attrs import frozen

from eyeclaw_trio.core.directory import AccessKey, Bot, Directory
from eyeclaw_trio.errors import BotOffline, RequestRefused


@frozen
class Asker:
    """Who asks, as far as the choice of a bot needs to know."""

    key: AccessKey
    agent_id: str
    user_id: str | None = None
    bot_id: int | None = None


def choose_bot(directory: Directory, asker: Asker) -> Bot:
    """The bot that answers this asker.

    Raises RequestRefused: 403 where the key is made for another bot, 404 where `bot_id` names
    none. Raises BotOffline where no rule leads to a bot: the wearer must hear something, and can
    do nothing about it.
    """
    bot = _find_bot(directory, asker)
    if asker.key.bot_id is not None and bot.id != asker.key.bot_id:
        raise RequestRefused(403, "This key is not valid for this bot")
    return bot


def _find_bot(directory: Directory, asker: Asker) -> Bot:
    if asker.bot_id is not None:
        bot = directory.bots.get(asker.bot_id)
        if bot is None:
            raise RequestRefused(404, "Bot not found")
        return bot
    if asker.user_id:
        bot = directory.find_bot_of_user(asker.user_id)
        if bot is not None:
            return bot
    bot = directory.find_bot_named(asker.agent_id)
    if bot is not None:
        return bot
    if asker.key.bot_id is not None and asker.key.bot_id in directory.bots:
        return directory.bots[asker.key.bot_id]
    return _default_bot(directory)


def _default_bot(directory: Directory) -> Bot:
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
