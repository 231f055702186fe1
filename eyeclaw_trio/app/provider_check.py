"""Asks a provider one real question, without a gateway, and watches how long what takes."""

from __future__ import annotations

from typing import Final

import trio
from attrs import frozen

from eyeclaw_trio.core.provider_timing import ProviderAnswer, Segments
from eyeclaw_trio.errors import ProviderFailed
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.provider import ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

QUESTION: Final = "用一句话介绍你自己。"


@frozen
class Checked:
    """What came of it: the text as far as it came, its time line, and what went wrong."""

    text: str
    answer: ProviderAnswer
    is_met: bool
    failure: ProviderFailed | None = None


async def check_provider(settings: ProviderSettings, question: str, *, warm: bool) -> Checked:
    """Ask this provider, and nobody else in its place.

    With `warm` it is warmed up before, as a running gateway does it. Bounded by the provider's
    time-outs. Raises ConfigurationError for settings that cannot work. Cancelled, it lets go of
    the provider, which takes at most a second, and returns nothing.
    """
    answers: list[ProviderAnswer] = []
    provider = open_provider(settings, note=answers.append)
    said: list[str] = []
    times: list[float] = []
    failure: ProviderFailed | None = None
    try:
        if warm:
            await provider.warm_up()
        started_at = trio.current_time()
        try:
            async with provider.answer(ProviderQuestion(question)) as pieces:
                async for piece in pieces:
                    said += [piece] if isinstance(piece, str) else []
                    times.append(trio.current_time() - started_at)
        except ProviderFailed as error:
            failure = error
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
            await provider.aclose()
    if not answers:  # one without connections, such as the echo
        segments = Segments(
            first_token=min(times, default=None), last_token=max(times, default=None)
        )
        reason = failure.reason if failure is not None else None
        answers.append(ProviderAnswer(settings.name, segments, is_cold=False, reason=reason))
    is_met = failure is None and settings.targets.of(answers[-1]).is_met(answers[-1].segments)
    return Checked("".join(said), answers[-1], is_met, failure)
