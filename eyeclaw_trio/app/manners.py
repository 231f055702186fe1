"""From the settings to how each bot is asked."""

from __future__ import annotations

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.providers.openai import is_openclaw
from eyeclaw_trio.settings import Settings


def make_manners(settings: Settings) -> Manners:
    """What the settings say of each bot."""

    def manners(
        provider: str | None, conversation: Conversation | None, wearer: WearerSettings | None
    ) -> BotManners:
        # One that is not in the settings answers nobody.
        known = settings.providers.get(provider or "")
        return BotManners(
            conversation or (known.conversation if known is not None else "shared"),
            known is not None and KINDS[known.kind].is_model and not is_openclaw(known.model),
            wearer or settings.wearer,
        )

    return Manners(
        manners(None, None, None),
        {bot.name: manners(bot.provider, bot.conversation, bot.wearer) for bot in settings.bots},
        {name: manners(name, None, None) for name in settings.providers},
    )
