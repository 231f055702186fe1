"""What one provider needs to know: the table `[providers.NAME]` of the settings (CLI)."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

Kind = Literal["openai", "echo"]
Conversation = Literal["shared", "per_user", "per_conversation"]


@frozen
class ProviderSettings:
    """One provider, by the name that bots and clients call it. Time-outs are in seconds.

    `api_key` is the key itself, already read from wherever the settings found it.
    """

    name: str
    kind: Kind = "openai"
    base_url: str = ""
    api_key: str | None = field(default=None, repr=False)
    model: str = ""
    connect_timeout: float = 5.0
    first_token_timeout: float = 60.0
    token_timeout: float = 60.0
    conversation: Conversation = "shared"
