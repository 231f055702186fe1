"""The guard that photos come in through, with its bounds from the settings."""

from __future__ import annotations

from eyeclaw_trio.photos.guard import PhotoGuard
from eyeclaw_trio.settings import Settings


def make_photo_guard(settings: Settings) -> PhotoGuard:
    """The same rules for the gateway and for a connector. Raises ConfigurationError as
    `trusted_context`."""
    return PhotoGuard.of(
        settings.limits.image,
        settings.patience.request_timeout,
        allows_private=settings.wearer.allow_private_images,
    )
