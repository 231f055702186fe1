"""Who is known: the frozen snapshot of keys and bots that every request reads.

The store makes a new one after each change (DESIGN, "What requests read"); nobody who holds one
ever waits for a database. Keys and tokens are here as SHA-256 digests only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Set
from typing import Final, Literal

from attrs import field, frozen

from eyeclaw_trio.core.beginnings import Beginning

Origin = Literal["demo", "config", "command"]
# What the owner has said of a wearer.
Standing = Literal["allowed", "blocked"]

KEY_PREFIX: Final = "ak_"
# What a list shows of a key: enough to recognise it, far too little to guess the rest.
SHOWN_PREFIX: Final = 8


def digest(secret: str) -> bytes:
    """SHA-256 of a key or token (32 bytes). They are long and random: no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@frozen
class AccessKey:
    """One access key; `bot_id` is set when it opens that bot only. Times are ISO 8601, UTC."""

    id: int
    name: str
    prefix: str
    digest: bytes = field(repr=False)
    bot_id: int | None
    is_active: bool
    created_at: str
    last_used_at: str | None
    open_until: str | None = None
    """When a key in whose place there is a new one stops to open; it is not active then."""


@frozen
class Bot:
    """One bot; with a `provider` it is embedded, without one it links over `/cable`.

    `origin` says who entered it: `demo` is the stand-in of the first start, which never counts as
    the only bot beside a real one. `is_configured` is false for a bot of an earlier configuration
    file: it stays known, offline.
    """

    id: int
    name: str
    provider: str | None
    origin: Origin
    is_default: bool
    is_configured: bool
    token_digest: bytes | None = field(repr=False)
    rokid_user_id: str | None
    created_at: str


@frozen
class Directory:
    """All keys and bots at one moment, what was said of wearers, by their `user_id`, and which
    conversations have begun anew."""

    keys: tuple[AccessKey, ...] = ()
    bots: Mapping[int, Bot] = field(factory=dict)
    standings: Mapping[str, Standing] = field(factory=dict)
    beginnings: tuple[Beginning, ...] = ()
    active_keys: Set[int] = field(init=False, repr=False, eq=False)
    """The ids of the keys that open something."""
    _keys_by_digest: Mapping[bytes, AccessKey] = field(init=False, repr=False, eq=False)
    _bots_by_user: Mapping[str, Bot] = field(init=False, repr=False, eq=False)
    _bots_by_token: Mapping[bytes, Bot] = field(init=False, repr=False, eq=False)

    @active_keys.default
    def _collect_active(self) -> Set[int]:
        return {key.id for key in self.keys if key.is_active}

    @_keys_by_digest.default
    def _index_keys(self) -> Mapping[bytes, AccessKey]:
        return {key.digest: key for key in self.keys}

    @_bots_by_user.default
    def _index_users(self) -> Mapping[str, Bot]:
        return {bot.rokid_user_id: bot for bot in self.bots.values() if bot.rokid_user_id}

    @_bots_by_token.default
    def _index_tokens(self) -> Mapping[bytes, Bot]:
        return {bot.token_digest: bot for bot in self.bots.values() if bot.token_digest}

    def find_key(self, presented: str) -> AccessKey | None:
        """The active key that was presented, else None. Only digests are ever compared."""
        key = self._find_any_key(presented)
        return key if key is not None and key.is_active else None

    def find_former_key(self, presented: str) -> AccessKey | None:
        """The key that was presented, where it was good once and is no more, else None."""
        key = self._find_any_key(presented)
        return key if key is not None and not key.is_active else None

    def _find_any_key(self, presented: str) -> AccessKey | None:
        wanted = digest(presented)
        key = self._keys_by_digest.get(wanted)
        if key is None or not hmac.compare_digest(key.digest, wanted):
            return None
        return key

    def is_token_of(self, bot_id: int, presented: str) -> bool:
        """Whether this is the token of that bot, compared in constant time."""
        bot = self.bots.get(bot_id)
        known = bot.token_digest if bot is not None else None
        return known is not None and hmac.compare_digest(known, digest(presented))

    def find_bot_by_token(self, presented: str) -> Bot | None:
        """The bot whose token this is, else None. Only digests are ever compared."""
        wanted = digest(presented)
        bot = self._bots_by_token.get(wanted)
        return bot if bot is not None and self.is_token_of(bot.id, presented) else None

    def find_bot_of_user(self, user_id: str) -> Bot | None:
        """The bot that this wearer is bound to, else None."""
        return self._bots_by_user.get(user_id)

    def find_bot_named(self, name: str) -> Bot | None:
        """The bot whose id (in decimal) or name this is, else None; an id comes first."""
        if name.isascii() and name.isdigit() and len(name) < 19:
            bot = self.bots.get(int(name))
            if bot is not None:
                return bot
        return next((bot for bot in self.bots.values() if bot.name == name), None)
