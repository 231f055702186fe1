"""From settings to a provider."""

from __future__ import annotations

from eyeclaw_trio.providers.echo import EchoProvider
from eyeclaw_trio.providers.openai import OpenAIProvider
from eyeclaw_trio.providers.provider import Provider
from eyeclaw_trio.providers.settings import ProviderSettings


def open_provider(settings: ProviderSettings) -> Provider:
    """Make the provider that the settings describe; nothing is connected yet.

    Raises ConfigurationError for an address or a key that cannot work. The caller closes it.
    """
    match settings.kind:
        case "echo":
            return EchoProvider(settings.name, settings.conversation)
        case "openai":
            return OpenAIProvider(settings)
