"""From the settings to how each bot is asked."""

from __future__ import annotations

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.settings import Settings


def make_manners(settings: Settings) -> Manners:
    """What the settings say of each bot."""

    def manners(
        provider: str | None,
        conversation: Conversation | None = None,
        wearer: WearerSettings | None = None,
        speech: str | None = None,
    ) -> BotManners:
        # One that is not in the settings answers nobody.
        known = settings.providers.get(provider or "")
        is_model = known is not None and KINDS[known.kind].is_model
        return BotManners(
            conversation or (known.conversation if known is not None else "shared"),
            is_model and known is not None and not known.is_openclaw,
            wearer or settings.wearer,
            is_model if speech is None else speech == "clean",
        )

    return Manners(
        manners(None),
        {
            bot.name: manners(bot.provider, bot.conversation, bot.wearer, bot.speech)
            for bot in settings.bots
        },
        {name: manners(name) for name in settings.providers},
    )
