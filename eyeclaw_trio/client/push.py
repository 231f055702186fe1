"""Asks a gateway to say something to a wearer outside an answer (PROTOCOL 7)."""

from __future__ import annotations

import ssl
from typing import Final

import httpx2
import orjson
from attrs import field, frozen

from eyeclaw_trio.client.ask import DIRECT
from eyeclaw_trio.client.hints import with_hint
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import PUSH_PATH, Endpoint
from eyeclaw_trio.protocol.harmless import harmless_line
from eyeclaw_trio.providers.response_body import ResponseBody
from eyeclaw_trio.trust import trusted_context
from eyeclaw_trio.wire.connect import explain_refusal
from eyeclaw_trio.wire.connect_failures import describe_failure

_TIMEOUT: Final = httpx2.Timeout(30.0, connect=10.0)
_ANSWER_LIMIT: Final = 64 * 1024  # bytes


@frozen
class WantedPush:
    """What the gateway at `endpoint` is to say, to this wearer or to the only one."""

    endpoint: Endpoint
    key: str = field(repr=False)
    text: str
    user_id: str | None = None
    title: str | None = None

    def encode(self) -> bytes:
        """The body of the request."""
        given = {"text": self.text, "user_id": self.user_id, "title": self.title}
        return orjson.dumps({name: value for name, value in given.items() if value is not None})


async def push(wanted: WantedPush, *, context: ssl.SSLContext | None = None) -> dict[str, object]:
    """Ask for it; returns what the gateway has said: the id of the trace, where the rest is told.

    Over TLS with `context`, else with whom we trust. Raises EyeclawError, one line for the user,
    when the gateway cannot be reached or refuses. Cancelled, it is not known whether it was taken.
    """
    endpoint = wanted.endpoint
    if endpoint.is_secure and context is None:
        context = trusted_context()
    client = httpx2.AsyncClient(
        verify=context if context is not None else False,
        timeout=_TIMEOUT,
        mounts=dict.fromkeys(DIRECT, None),
    )
    try:
        async with client:
            return await _post(client, wanted)
    except httpx2.ConnectError as error:
        raise EyeclawError(describe_failure(error, endpoint)) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        kind = type(error).__name__  # its own words can hold a header, and so the key
        raise EyeclawError(f"the connection to {endpoint.url} broke off ({kind})") from error


async def _post(client: httpx2.AsyncClient, wanted: WantedPush) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {wanted.key}", "Content-Type": "application/json"}
    url = f"{wanted.endpoint.url}{PUSH_PATH}"
    async with client.stream("POST", url, content=wanted.encode(), headers=headers) as response:
        body = ResponseBody(response)
        try:
            said = await body.read_all(_ANSWER_LIMIT)
        finally:
            await body.release(whole=True)
    if response.status_code != 202:
        why = await explain_refusal(wanted.endpoint, response.status_code, said)
        raise EyeclawError(with_hint(harmless_line(why), response.status_code))
    try:
        answer = orjson.loads(said)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise EyeclawError(f"{url} does not speak as a gateway does")
    return answer
