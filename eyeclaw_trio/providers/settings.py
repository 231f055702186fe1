"""What one provider needs to know: the table `[providers.NAME]` of the settings (CLI)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.provider_timing import Region, Targets, resolve_targets


@frozen
class ProviderSettings:
    """One provider, by the name that bots and clients call it. Time-outs are in seconds.

    `api_key` is the key itself, already read from wherever the settings found it. What is None is
    left out of the request; `extra` goes into its body as it is. `fallback` names the providers
    that are asked instead, in this order, as long as no text has come. `region` says which targets
    hold, `target_…` (seconds) change them.
    """

    name: str
    kind: str = "openai"
    base_url: str = ""
    api_key: str | None = field(default=None, repr=False)
    model: str = ""
    system_prompt: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    extra: Mapping[str, Any] = field(factory=dict)
    connect_timeout: float = 5.0
    first_token_timeout: float = 60.0
    token_timeout: float = 60.0
    fallback: tuple[str, ...] = ()
    conversation: Conversation = "shared"
    region: Region = "home"
    target_first_token: float | None = None
    target_total: float | None = None
    target_cold_first_token: float | None = None
    target_cold_total: float | None = None
    tools: bool | None = None

    @property
    def is_openclaw(self) -> bool:
        """Whether its model is one of OpenClaw's agents."""
        return self.model == "openclaw" or self.model.startswith(("openclaw/", "openclaw:"))

    @property
    def has_tools(self) -> bool:
        """Whether device actions are functions for it; OpenClaw lets nobody bring any."""
        return not self.is_openclaw if self.tools is None else self.tools

    @property
    def targets(self) -> Targets:
        """How fast its answers are meant to be."""
        return resolve_targets(
            self.region,
            first_token=self.target_first_token,
            total=self.target_total,
            cold_first_token=self.target_cold_first_token,
            cold_total=self.target_cold_total,
        )
