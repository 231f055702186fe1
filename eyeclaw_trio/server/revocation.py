"""What a change of keys and bots ends: answers and links that hang on what is gone (row 30).

Called with each new directory; nothing here waits.
"""

from __future__ import annotations

import structlog
from attrs import frozen

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.protocol.frames import POLICY
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.server.roster import Roster

log = structlog.get_logger(__name__)


@frozen
class Revocation:
    """Ends what may not go on."""

    switchboard: Switchboard
    roster: Roster

    def enforce(self, directory: Directory) -> None:
        """End answers whose key is revoked or whose bot is removed, links whose token is not
        their bot's any more, and chats and workers whose key is revoked."""
        active = {key.id for key in directory.keys if key.is_active}
        for answer in self.roster.answers:
            is_bot_gone = answer.bot_id is not None and answer.bot_id not in directory.bots
            is_key_gone = answer.asked_by is not None and answer.asked_by not in active
            if is_key_gone or is_bot_gone:
                log.info("turn.revoked", session_id=answer.session_id, bot_id=answer.bot_id)
                self.switchboard.revoke_turn(answer.session_id)
        for worker in self.roster.workers:
            worker.enforce(directory)
        for link in self.roster.links:
            bot = directory.bots.get(link.bot_id)
            if bot is None or bot.token_digest != link.token_digest:
                log.info("bot.revoked", bot_id=link.bot_id)
                say_disconnect(link.socket, "unauthorized", reconnect=False)
        for chat in self.roster.chats:
            if chat.key_id not in active:
                log.info("chat.revoked", key_id=chat.key_id)
                chat.leave(POLICY, "the access key was revoked")
