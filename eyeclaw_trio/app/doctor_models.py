"""Whether a model can be asked: its address, its key, its endpoint and its name, without a question
that costs anything; or with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
import orjson
from attrs import field, frozen

from eyeclaw_trio.app.provider_check import check_provider
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.failures import Blame
from eyeclaw_trio.providers.openclaw import NAME as OPENCLAW
from eyeclaw_trio.providers.response_body import ResponseBody
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.trust import trusted_context

# Of each of the two looks, in seconds, and how much of a refusal is read, in bytes.
_WITHIN: Final = 10.0
_REFUSAL_LIMIT: Final = 64 * 1024
# Tiny, and answered with few words.
_QUESTION: Final = "Say OK."
_OPEN_ENDPOINT: Final = (
    "`openclaw config set gateway.http.endpoints.chatCompletions.enabled true`, and restart it"
)
_FIXES: Final[Mapping[Reason, str]] = {
    Reason.MODEL_KEY_REFUSED: "Set the right key, where the gateway is started",
    Reason.MODEL_NO_CREDIT: "Top the account up",
    Reason.MODEL_NOT_FOUND: "Set the right `model` or `base_url` in `[providers.{name}]`",
    Reason.MODEL_UNREACHABLE: "Does it run at {base_url}? Start it, or set the right `base_url`",
    Reason.MODEL_TLS: "`SSL_CERT_FILE` can name a certificate to trust",
}
# It said no to a question without a word in it, and so would say yes to a real one.
_WELL: Final = frozenset({Reason.MODEL_REQUEST_REFUSED})
_PASSING: Final = frozenset({Reason.MODEL_BUSY, Reason.MODEL_ERROR, Reason.MODEL_TIMEOUT})


@frozen
class ExaminedProvider:
    """What was found, and what its clock says (unix seconds), where it says so."""

    diagnosis: Diagnosis
    clocks: Sequence[float] = field(default=())


async def examine_provider(settings: ProviderSettings, *, asks: bool) -> ExaminedProvider:
    """Look whether it can be asked; with `asks` ask it. Takes 20 s at most, or what its settings
    allow for an answer. Cancelled, it closes its connection."""
    clocks: list[float] = []
    failure = await _knock(settings, clocks)
    if failure is None and asks:
        checked = await check_provider(settings, _QUESTION, warm=False)
        failure = checked.failure
    return ExaminedProvider(_judge(settings, failure, asks=asks), clocks)


def _judge(settings: ProviderSettings, failure: ProviderFailed | None, *, asks: bool) -> Diagnosis:
    check, name = "providers", settings.name
    if failure is None:
        how = "answers" if asks else "can be asked"
        return Diagnosis(check, "ok", f"{name} {how} ({settings.model} at {settings.base_url}).")
    text = f"{name}: {failure.detail}."
    fix = _FIXES.get(failure.reason, "`eyeclaw providers check {name}` asks it a real question")
    if settings.name == OPENCLAW and "chat endpoint is off" in failure.detail:
        fix = _OPEN_ENDPOINT
    state = "warn" if failure.reason in _PASSING else "fail"
    fix = fix.format(name=name, base_url=settings.base_url)
    return Diagnosis(check, "fail" if state == "fail" else "warn", text, fix)


async def _knock(settings: ProviderSettings, clocks: list[float]) -> ProviderFailed | None:
    """Ask nothing, and read from the refusal what would become of a question."""
    blame = Blame(settings.api_key, is_openclaw=settings.name == OPENCLAW)
    headers = {"Content-Type": "application/json"}
    if settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    is_secure = settings.base_url.startswith("https:")
    try:
        async with httpx2.AsyncClient(
            base_url=settings.base_url,
            headers=headers,
            timeout=_WITHIN,
            verify=trusted_context() if is_secure else False,
        ) as client:
            body = orjson.dumps({"model": settings.model, "messages": []})
            async with client.stream("POST", "chat/completions", content=body) as response:
                if (stamp := _read_date(response)) is not None:
                    clocks.append(stamp)
                failure = await _read_refusal(response, blame)
            if failure is not None:
                return failure
            return _look_for_model(settings, await client.get("models"))
    except httpx2.HTTPError as error:
        return blame.unreachable(error, settings.connect_timeout)


async def _read_refusal(response: httpx2.Response, blame: Blame) -> ProviderFailed | None:
    """Why a real question would be refused as well."""
    if response.is_success:
        if "html" not in response.headers.get("content-type", ""):
            return None
        return ProviderFailed(Reason.MODEL_NOT_FOUND, "a web page came in place of an answer")
    said = await ResponseBody(response).read_all(_REFUSAL_LIMIT)
    failure = blame.status(response, said)
    return None if failure.reason in _WELL else failure


def _look_for_model(settings: ProviderSettings, response: httpx2.Response) -> ProviderFailed | None:
    """Whether it has the model, as far as it lists what it has."""
    try:
        listed: Any = response.json() if response.is_success else None
    except ValueError:
        return None
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        return None
    names = [each.get("id") for each in entries if isinstance(each, dict)]
    if not names or settings.model in names or settings.name == OPENCLAW:
        return None
    shown = ", ".join(map(str, names[:5]))
    return ProviderFailed(
        Reason.MODEL_NOT_FOUND, f"it has no model {settings.model!r}, but {shown}"
    )


def _read_date(response: httpx2.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
