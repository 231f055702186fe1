"""The providers of a running gateway, as their page sees and checks them."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from eyeclaw_trio.admin.workshop import ProviderCheck, ProviderState
from eyeclaw_trio.app.provider_check import QUESTION, check_provider
from eyeclaw_trio.app.provider_list import describe_provider
from eyeclaw_trio.errors import RequestRefused, TryLater
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.provider_answers import list_provider_answers
from eyeclaw_trio.store.store import Store

# Checks at once: each is a real question, which costs money.
AT_ONCE: Final = 4
# Characters of an answer that are kept of a check.
_LONGEST: Final = 4_000


@define(eq=False)
class ProviderDesk:
    """An `admin.workshop.Providers`."""

    settings: Settings
    store: Store
    _checks: dict[str, ProviderCheck] = field(factory=dict, init=False)
    _checking: set[str] = field(factory=set, init=False)

    async def list(self) -> list[ProviderState]:
        """All of them. Raises StoreError. Cancelled, nothing has happened."""
        kept = await self.store.read(list_provider_answers)
        states = []
        for provider in self.settings.providers.values():
            answers = [each for each in kept if each.answer.provider == provider.name]
            states.append(
                ProviderState(
                    provider.name,
                    describe_provider(self.settings, provider, answers),
                    KINDS[provider.kind].is_model,
                    provider.targets,
                    answers,
                    self._checks.get(provider.name),
                    provider.name in self._checking,
                )
            )
        return states

    async def check(self, name: str) -> ProviderCheck:
        """Ask one real question. Raises RequestRefused (404, 409, 503) and ConfigurationError.
        Cancelled, the question is withdrawn."""
        provider = self.settings.providers.get(name)
        if provider is None:
            raise RequestRefused(404, "There is no such provider")
        if name in self._checking:
            raise RequestRefused(409, "It is being checked already")
        if len(self._checking) >= AT_ONCE:
            raise TryLater("Too many are being checked")
        self._checking.add(name)
        try:
            checked = await check_provider(provider, QUESTION, warm=False)
        finally:
            self._checking.discard(name)
        failure = checked.failure
        done = ProviderCheck(
            to_stamp(read_clock()),
            checked.text[:_LONGEST],
            checked.answer,
            provider.targets.of(checked.answer),
            checked.is_met,
            None if failure is None else failure.reason.value,
            None if failure is None else str(failure.detail),
        )
        self._checks[name] = done
        return done
