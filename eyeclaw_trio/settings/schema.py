"""Which settings there are (CLI, "Settings"): the schema of `eyeclaw.toml`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

import attrs
from attrs import frozen

from eyeclaw_trio.core.actions import COMMANDS
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.wearer_context import PARTS
from eyeclaw_trio.protocol.bot import MOST_FOLLOW_UPS
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.settings.kinds import (
    ADDRESS,
    COUNT,
    EXTRA,
    HOSTS,
    NAMES,
    ORIGINS,
    PATH,
    PHRASE,
    SECONDS,
    SILENCE,
    SWITCH,
    TEXT,
    URL,
    WORDS,
    Kind,
    amount,
    number,
    one_of,
    some_of,
)
from eyeclaw_trio.settings.lines import KeyPath
from eyeclaw_trio.store.retention import TraceSettings


@frozen
class Named:
    """A table of tables whose names are free: `[providers.NAME]`."""

    inner: Mapping[str, Kind]


@frozen
class Listed:
    """An array of tables: `[[bots]]`."""

    inner: Mapping[str, Kind | Mapping[str, Kind]]


LATE: Final = one_of("end", "push")

Schema = Kind | Named | Listed | Mapping[str, Kind]


# Ways to give one and the same secret: whoever has the last word says which.
KEY_WAYS: Final = ("api_key", "api_key_env", "api_key_file")
ACCOUNT_KEY_WAYS: Final = ("account_key", "account_key_env", "account_key_file")

# What the gateway adds for whoever wears the glasses; each bot may have its own.
WEARER: Final[Mapping[str, Kind]] = {
    "context": some_of(*PARTS),
    "style": WORDS,
    "filler_after": SILENCE,
    "filler": PHRASE,
    "status_words": SWITCH,
    "photo_question": TEXT,
    "keep_history": SWITCH,
    "forget_after": SILENCE,
    "actions": some_of(*COMMANDS),
    "follow_ups": amount(MOST_FOLLOW_UPS),
    "longest": amount(1_000_000),
    "emoji": SWITCH,
}

SCHEMA: Final[Mapping[str, Schema]] = {
    "listen": ADDRESS,
    "admin_listen": ADDRESS,
    "data": PATH,
    "binding": one_of("off", "required"),
    "tls_certificate": PATH,
    "tls_key": PATH,
    "allowed_origins": ORIGINS,
    "chat_provider": TEXT,
    "sse_error_event": SWITCH,
    "keepalive_message": SWITCH,
    "refuse_aloud": SWITCH,
    "incident_code": SWITCH,
    "allowed_users": NAMES,
    "frame_shortcut": SWITCH,
    "wearer": {**WEARER, "allow_private_images": SWITCH},
    "patience": {each.name: SECONDS for each in attrs.fields(Patience)}
    | {"late_after": number(0.0, 999_999_999.0)},
    "limits": {each.name: COUNT for each in attrs.fields(Limits)},
    "traces": {
        each.name: SWITCH if each.name == "keep_content" else COUNT
        for each in attrs.fields(TraceSettings)
    },
    "admin": {"allowed_hosts": HOSTS, "session_hours": COUNT},
    "push": {
        "account_key": TEXT,
        "account_key_env": TEXT,
        "account_key_file": PATH,
        "url": URL,
    },
    "providers": Named(
        {
            "kind": one_of(*KINDS),
            "base_url": URL,
            "api_key": TEXT,
            "api_key_env": TEXT,
            "api_key_file": PATH,
            "model": TEXT,
            "system_prompt": TEXT,
            "temperature": number(0.0, 2.0),
            "top_p": number(0.0, 1.0),
            "max_tokens": COUNT,
            "extra": EXTRA,
            "connect_timeout": SECONDS,
            "first_token_timeout": SECONDS,
            "token_timeout": SECONDS,
            "fallback": NAMES,
            "conversation": one_of(*get_args(Conversation)),
            "region": one_of("home", "abroad"),
            "target_first_token": SECONDS,
            "target_total": SECONDS,
            "target_cold_first_token": SECONDS,
            "target_cold_total": SECONDS,
            "tools": SWITCH,
        }
    ),
    "bots": Listed(
        {
            "name": TEXT,
            "provider": TEXT,
            "default": SWITCH,
            "conversation": one_of(*get_args(Conversation)),
            "speech": one_of("as_is", "clean"),
            "late": LATE,
            "wearer": WEARER,
        }
    ),
}

# What the contract names and no part of the program obeys yet; `*` is any name or number. To be
# refused with a word of its own: accepted without effect it would be a lie, and unknown it is not.
PLANNED: Final[frozenset[tuple[str, ...]]] = frozenset(
    {
        ("cluster",),
    }
)


def is_planned(path: KeyPath) -> bool:
    """Whether this setting, or a table that it is in, will come with a later version."""
    return any(
        len(path) >= len(planned)
        and all(name in ("*", part) for name, part in zip(planned, path, strict=False))
        for planned in PLANNED
    )
