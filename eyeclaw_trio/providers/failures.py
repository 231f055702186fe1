"""What went wrong with a model, as a ProviderFailed: one reason, one line without secrets."""

from __future__ import annotations

import math
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
from attrs import field, frozen

from eyeclaw_trio.causes import causes, root_words
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.protocol.completions import Failure, decode_error
from eyeclaw_trio.protocol.harmless import harmless_line

# Characters of a model's own words that are kept: a line of a log.
EXCERPT_LENGTH: Final = 200

_ENDPOINT_OFF: Final = (
    "OpenClaw's chat endpoint is off: set gateway.http.endpoints.chatCompletions.enabled to true"
)


@frozen
class Blame:
    """Makes the failures of one provider. The API key never gets into any of them."""

    api_key: str | None = field(default=None, repr=False)
    is_openclaw: bool = False

    def failure(self, failure: Failure) -> ProviderFailed:
        """What the model said itself, in the middle of a good response."""
        words = self.excerpt(failure.words) or "no words for it"
        return ProviderFailed(failure.reason, f"error within the answer: {words}")

    def status(self, response: httpx2.Response, body: bytes) -> ProviderFailed:
        """A response that is no answer: `body` is as much of it as came."""
        status = response.status_code
        failure = decode_error(status, body)
        detail = f"HTTP {status}"
        if 300 <= status < 400:
            detail += ": redirects are not followed; set base_url to the address it names"
        elif words := self.excerpt(failure.words):
            detail += f": {words}"
        if status == 404 and not _is_json(response):
            detail = _ENDPOINT_OFF if self.is_openclaw else f"{detail} (is base_url right?)"
        wish = response.headers.get("retry-after")
        retry_after = None if wish is None else parse_retry_after(wish, datetime.now(UTC))
        if retry_after is not None:
            detail += f"; asks to wait {retry_after:.0f} s"
        return ProviderFailed(failure.reason, detail, retry_after=retry_after)

    def unreachable(self, error: httpx2.HTTPError, connect_timeout: float) -> ProviderFailed:
        """No response at all: nobody there, no way there, no trust, or it hung up at once."""

        what = f"{type(error).__name__}: {self.excerpt(root_words(error))}".removesuffix(": ")
        if isinstance(error, httpx2.ConnectTimeout):
            return ProviderFailed(
                Reason.MODEL_UNREACHABLE, f"no connection within {connect_timeout:g} s ({what})"
            )
        for cause in causes(error):
            match cause:
                case ssl.SSLCertVerificationError(verify_message=why):
                    why = f"its certificate is not trusted: {self.excerpt(why)}"
                    return ProviderFailed(Reason.MODEL_TLS, why)
                case ssl.SSLError():
                    return ProviderFailed(Reason.MODEL_TLS, f"no TLS with it ({what})")
                case socket.gaierror():
                    why = f"nobody has that name: is base_url right? ({what})"
                    return ProviderFailed(Reason.MODEL_UNREACHABLE, why)
                case ConnectionRefusedError():
                    why = f"nobody listens there: is it running? ({what})"
                    return ProviderFailed(Reason.MODEL_UNREACHABLE, why)
        return ProviderFailed(Reason.MODEL_UNREACHABLE, what)

    def held_up(self, seconds: float) -> ProviderFailed:
        """The request could not even be sent in time."""
        return ProviderFailed(Reason.MODEL_TIMEOUT, f"not sent within {seconds:g} s")

    def no_text(self, seconds: float) -> ProviderFailed:
        """The first token did not come in time."""
        return ProviderFailed(Reason.MODEL_TIMEOUT, f"no text within {seconds:g} s")

    def cut(self, error: httpx2.HTTPError | None) -> ProviderFailed:
        """The response ended too early: broken by `error`, or tidily in the middle."""
        if error is None:
            return ProviderFailed(Reason.CUT_ANSWER, "neither finish_reason nor [DONE]")
        return ProviderFailed(
            Reason.CUT_ANSWER, f"{type(error).__name__}: {self.excerpt(root_words(error))}"
        )

    def excerpt(self, words: str) -> str:
        """One printable line of at most EXCERPT_LENGTH characters, without the key."""
        # First the key, then the cut, or the beginning of a key could be left at the end.
        if self.api_key:
            words = words.replace(self.api_key, "***")
        return harmless_line(words, EXCERPT_LENGTH)


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Seconds from `now` (aware) that `Retry-After` asks for: a number or an HTTP date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _is_json(response: httpx2.Response) -> bool:
    return "json" in response.headers.get("content-type", "")
