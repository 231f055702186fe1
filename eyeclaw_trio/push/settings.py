"""The table `[push]` of the settings."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

PLATFORM_URL: Final = "https://rcs.rokid.com/metis/callback/message"


@frozen
class PushSettings:
    """Where pushes go, and the key of the owner's account there; without one there are none."""

    account_key: str | None = field(default=None, repr=False)
    url: str = PLATFORM_URL
