"""The platform that brings pushes to the glasses: one POST each, tried again where it may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import httpx2
import trio

from eyeclaw_trio.errors import PushFailed
from eyeclaw_trio.protocol.push import PushMessage, check_verdict
from eyeclaw_trio.providers.client import open_client
from eyeclaw_trio.providers.response_body import ResponseBody
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.push.settings import PushSettings

# Seconds for one attempt, and between a failed one and the next (PROTOCOL 7).
ATTEMPT: Final = 10.0
PAUSES: Final = (1.0, 5.0)
_CONNECT: Final = 5.0
# Bytes that are read of what it says.
_VERDICT_LIMIT: Final = 65_536


class Platform:
    """Takes pushes, any number side by side. Connections are kept and used again.

    `attempt` is how long one may take (seconds); `sleep` waits between two.
    """

    def __init__(
        self,
        settings: PushSettings,
        *,
        attempt: float = ATTEMPT,
        sleep: Callable[[float], Awaitable[None]] = trio.sleep,
    ) -> None:
        self._url = settings.url
        self._attempt_within = attempt
        self._sleep = sleep
        # The client is that of any address with a key: proxies, trust and pool are the same.
        self._client = open_client(
            ProviderSettings(
                "push",
                base_url=settings.url,
                api_key=settings.account_key,
                connect_timeout=_CONNECT,
            )
        )

    async def send(
        self,
        message: PushMessage,
        note: Callable[[PushFailed | None], None],
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """Bring this to the glasses; returns when the platform has taken it.

        `note` is told of each attempt, with what was wrong or None. Nothing is sent once more
        after a success, nor when `may_go_on` says no. Raises PushFailed of the last attempt.
        Cancelled, it is not known whether the platform has taken it.
        """
        for pause in (*PAUSES, None):
            try:
                await self._attempt(message)
            except PushFailed as failed:
                note(failed)
                if pause is None or failed.is_final or not may_go_on():
                    raise
                await self._sleep(pause)
                if not may_go_on():
                    raise
            else:
                note(None)
                return

    async def _attempt(self, message: PushMessage) -> None:
        with trio.move_on_after(self._attempt_within):
            try:
                return await self._post(message)
            except httpx2.HTTPError as error:
                kind = type(error).__name__  # its own words may hold what was sent
                raise PushFailed("push_unreachable", kind) from None
        raise PushFailed("push_timeout", f"nothing for {self._attempt_within:g} s")

    async def _post(self, message: PushMessage) -> None:
        headers = {"Content-Type": "application/json"}
        request = self._client.build_request(
            "POST", self._url, content=message.encode(), headers=headers
        )
        body = ResponseBody(await self._client.send(request, stream=True))
        whole = False
        try:
            said = await body.read_all(_VERDICT_LIMIT)
            whole = True
            check_verdict(body.response.status_code, said)
        finally:
            await body.release(whole=whole)

    async def aclose(self) -> None:
        """Close all connections, which waits for no peer. Cancelled, some may be left to the
        garbage collector."""
        await self._client.aclose()
