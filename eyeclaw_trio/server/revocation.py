"""What a change of keys and bots ends: answers and links that hang on what is gone (row 30).

Called with each new directory; nothing here waits.
"""

from __future__ import annotations

import structlog
from attrs import frozen

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.cable_channels import LinkedBots
from eyeclaw_trio.server.rokid import OpenAnswers

log = structlog.get_logger(__name__)


@frozen
class Revocation:
    """Ends what may not go on."""

    switchboard: Switchboard
    answers: OpenAnswers
    links: LinkedBots

    def enforce(self, directory: Directory) -> None:
        """End answers whose key is revoked or whose bot is removed, and links whose token is
        not their bot's any more."""
        active = {key.id for key in directory.keys if key.is_active}
        for answer in self.answers:
            if answer.key_id not in active or answer.bot_id not in directory.bots:
                log.info("turn.revoked", session_id=answer.session_id, bot_id=answer.bot_id)
                self.switchboard.revoke_turn(answer.session_id)
        for link in self.links:
            bot = directory.bots.get(link.bot_id)
            if bot is None or bot.token_digest != link.token_digest:
                log.info("bot.revoked", bot_id=link.bot_id)
                link.socket.disconnect("unauthorized", reconnect=False)
