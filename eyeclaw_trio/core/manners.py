"""How each bot is asked on behalf of wearers: what the settings say of it, and of its provider."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.wearer import WearerSettings


@frozen
class BotManners:
    """Of one bot. `needs_history`: its model keeps none of what was said, so it is told again."""

    conversation: Conversation = "shared"
    needs_history: bool = False
    wearer: WearerSettings = field(factory=WearerSettings)


@frozen
class Manners:
    """Of all bots: by the name that the settings have, else by the provider that answers for them,
    else as usual."""

    usual: BotManners = field(factory=BotManners)
    of_bots: Mapping[str, BotManners] = field(factory=dict)
    of_providers: Mapping[str, BotManners] = field(factory=dict)

    def of(self, bot: Bot) -> BotManners:
        """Those of this bot."""
        known = self.of_bots.get(bot.name)
        if known is not None:
            return known
        return self.of_providers.get(bot.provider or "", self.usual)
