"""What a change of keys and bots ends: answers and links that hang on what is gone (row 30).

Called with each new directory.
"""

from __future__ import annotations

from collections import Counter

import structlog
from attrs import frozen

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.protocol.frames import POLICY
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.server.pace import Pace, alone
from eyeclaw_trio.server.roster import Roster

log = structlog.get_logger(__name__)


@frozen
class Revocation:
    """Ends what may not go on, some at a time: of one key or bot there may be thousands."""

    switchboard: Switchboard
    roster: Roster
    pace: Pace = alone

    async def enforce(self, directory: Directory) -> None:
        """End answers whose key is revoked or whose bot is removed, links whose token is not
        their bot's any more, and chats and workers whose key is revoked; of those that are there
        when it is called. Cancelled, some of them have been ended.
        """
        active = directory.active_keys
        roster = self.roster
        answers, workers = tuple(roster.answers), tuple(roster.workers)
        links, chats = tuple(roster.links), tuple(roster.chats)
        ended: Counter[str] = Counter()
        for answer in answers:
            is_bot_gone = answer.bot_id is not None and answer.bot_id not in directory.bots
            is_key_gone = answer.asked_by is not None and answer.asked_by not in active
            if is_key_gone or is_bot_gone:
                await self.pace(answer.asked_by)
                self.switchboard.revoke_turn(answer.session_id)
                ended["answers"] += 1
        for worker in workers:
            if worker.enforce(directory):
                ended["workers"] += 1
                await self.pace(None)
        for link in links:
            bot = directory.bots.get(link.bot_id)
            if bot is None or bot.token_digest != link.token_digest:
                await self.pace(None)
                say_disconnect(link.socket, "unauthorized", reconnect=False)
                ended["links"] += 1
        for chat in chats:
            if chat.key_id not in active:
                await self.pace(chat.key_id)
                chat.leave(POLICY, "the access key was revoked")
                ended["chats"] += 1
        if ended:
            log.info("access.revoked", **ended)
