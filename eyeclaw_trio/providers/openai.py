"""Any OpenAI-compatible endpoint, OpenClaw among them (PROTOCOL 5)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

import httpx2
import structlog
import trio

from eyeclaw_trio.core.action_words import describe_blocks, describe_functions
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.core.system_text import join_system_text
from eyeclaw_trio.errors import ProviderFailed
from eyeclaw_trio.protocol.completions import ChatMessage, Closing, CompletionRequest
from eyeclaw_trio.providers.client import open_client
from eyeclaw_trio.providers.departure import Departure
from eyeclaw_trio.providers.failures import Blame
from eyeclaw_trio.providers.kind import ProviderKind
from eyeclaw_trio.providers.pieces import WHOLE_LIMIT, Pieces
from eyeclaw_trio.providers.provider import Note, Piece, ProviderQuestion, ignore
from eyeclaw_trio.providers.response_body import ResponseBody
from eyeclaw_trio.providers.settings import ProviderSettings

log: Final = structlog.get_logger()

# Seconds for a warm-up. OpenClaw's first answer takes 4 to 6 s, on small machines much longer.
WARM_UP: Final = 60.0
WARM_UP_USER: Final = "eyeclaw-warm-up"

# Bytes and seconds for the body of a refusal, of which one line is kept anyway.
_REFUSAL_LIMIT: Final = 64 * 1024
_REFUSAL_PATIENCE: Final = 2.0


class OpenAIProvider:
    """One endpoint and one model. Connections are kept and used again."""

    def __init__(self, settings: ProviderSettings, note: Note = ignore) -> None:
        self._settings = settings
        self._note = note
        self._is_openclaw = settings.is_openclaw
        self._blame = Blame(settings.api_key, self._is_openclaw)
        self._client = open_client(settings)

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def conversation(self) -> Conversation:
        return self._settings.conversation

    def answer(
        self, question: ProviderQuestion
    ) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        """See `Provider.answer`. Entering waits for the response's head.

        OpenClaw remembers a conversation by its name: sent along as well, the history would be in
        its context twice.
        """
        settings, wishes = self._settings, question.wishes
        remembered = self._is_openclaw and question.conversation
        functions = describe_functions(question.offer) if settings.has_tools else []
        blocks = "" if settings.has_tools else describe_blocks(question.offer)
        prompt = join_system_text(settings.system_prompt, blocks, question.system_text)
        first = tuple(ChatMessage("system", each) for each in (*wishes.system, prompt) if each)
        history = () if remembered else question.history
        request = CompletionRequest(
            settings.model,
            (*first, *history, ChatMessage("user", question.text, question.images)),
            user=name_for_openclaw(question.conversation) if remembered else None,
            max_tokens=_at_most(wishes.max_tokens, settings.max_tokens),
            temperature=(
                settings.temperature if wishes.temperature is None else wishes.temperature
            ),
            top_p=settings.top_p,
            extra=settings.extra,
            tools=functions,
            behind=question.behind,
        )
        return self._ask(request, self._report, question.on_closing)

    @asynccontextmanager
    async def _ask(
        self,
        request: CompletionRequest,
        report: Note,
        on_closing: Callable[[Closing], None] = lambda _: None,
    ) -> AsyncIterator[AsyncIterator[Piece]]:
        """`report` gets what became of it, unless it is left before its end; `on_closing` what
        was said of a whole answer."""
        departures = [self._departure(trio.current_time())]
        try:
            body = await self._send(request, departures)
            pieces = Pieces(body, self._settings, self._blame, departures[-1])
            try:
                if not body.response.is_success:
                    raise await self._refusal(body)
                yield pieces
            finally:
                await body.release(whole=pieces.whole)
        except ProviderFailed as failure:
            report(departures[-1].describe(self.name, failure.reason))
            raise
        if pieces.whole:
            report(departures[-1].describe(self.name))
            on_closing(pieces.closing)

    def _departure(self, started_at: float) -> Departure:
        settings = self._settings
        return Departure(settings.first_token_timeout, settings.connect_timeout, started_at)

    async def _send(self, request: CompletionRequest, departures: list[Departure]) -> ResponseBody:
        """Send it over the last of the departures; each further try adds one."""
        while True:
            departure = departures[-1]
            upstream = self._client.build_request(
                "POST",
                "chat/completions",
                content=request.encode(),
                headers={"Content-Type": "application/json", "Accept": "text/event-stream"},
                extensions={"trace": departure.observe},
            )
            try:
                with departure.scope:
                    return ResponseBody(await self._client.send(upstream, stream=True))
            except httpx2.HTTPError as error:
                # Nothing of an answer has come.
                # A server may hang up on an idle connection just while we send on it; each round
                # uses up one old connection.
                if departure.connected_anew:
                    timeout = self._settings.connect_timeout
                    raise self._blame.unreachable(error, timeout) from error
                departures.append(self._departure(departure.started_at))
            else:
                if not departure.http_version:
                    waited = trio.current_time() - departure.started_at
                    raise self._blame.held_up(round(waited, 1))
                raise self._blame.no_text(self._settings.first_token_timeout)

    def _report(self, answer: ProviderAnswer) -> None:
        is_met = self._settings.targets.of(answer).is_met(answer.segments)
        if answer.reason is None:
            log.info(
                "provider.answered",
                provider=self.name,
                connection="cold" if answer.is_cold else "warm",
                http=answer.http_version,
                targets="met" if is_met else "missed",
                **{f"{name}_ms": at for name, at in answer.segments.in_ms().items()},
            )
        self._note(answer)

    async def _refusal(self, body: ResponseBody) -> ProviderFailed:
        said = b""
        # Without the body the status alone says enough.
        with trio.move_on_after(_REFUSAL_PATIENCE), suppress(httpx2.HTTPError):
            said = await body.read_all(_REFUSAL_LIMIT)
        return self._blame.status(body.response, said)

    async def warm_up(self) -> None:
        """See `Provider.warm_up`: opens a connection; an OpenClaw is asked a short question too.

        That question has a conversation of its own. Never raises; takes at most WARM_UP seconds.
        Cancelled, it closes the connection that it was using.
        """
        with trio.move_on_after(WARM_UP) as scope:
            try:
                await self._open_connection()
                if self._is_openclaw:
                    await self._ask_something()
            except (httpx2.HTTPError, ProviderFailed) as error:
                problem = self._blame.excerpt(str(error) or type(error).__name__)
                log.info("provider.warm_up_failed", provider=self.name, problem=problem)
        if scope.cancelled_caught:
            log.info("provider.warm_up_failed", provider=self.name, problem="took too long")

    async def keep_warm(self) -> None:
        """See `Provider.keep_warm`: uses a connection, without a question to the model. Cancelled,
        it closes that connection."""
        with trio.move_on_after(WARM_UP):
            try:
                await self._open_connection()
            except httpx2.HTTPError as error:
                problem = self._blame.excerpt(str(error) or type(error).__name__)
                log.debug("provider.keep_warm_failed", provider=self.name, problem=problem)

    async def _open_connection(self) -> None:
        # Whatever the status: the connection is what was wanted.
        departure = Departure(WARM_UP, self._settings.connect_timeout)
        request = self._client.build_request(
            "GET", "models", extensions={"trace": departure.observe}
        )
        body = ResponseBody(await self._client.send(request, stream=True))
        whole = False
        try:
            await body.read_all(WHOLE_LIMIT)
            whole = True
        finally:
            await body.release(whole=whole)

    async def _ask_something(self) -> None:
        greeting = (ChatMessage("user", "ping"),)
        request = CompletionRequest(self._settings.model, greeting, WARM_UP_USER, max_tokens=16)
        async with self._ask(request, ignore) as pieces:
            async for _ in pieces:
                pass

    async def aclose(self) -> None:
        """Close all connections, which waits for no peer. Cancelled, some may be left to the
        garbage collector."""
        await self._client.aclose()


OPENAI: Final = ProviderKind(
    "openai",
    OpenAIProvider,
    keys=frozenset(
        {
            "tools",
            *("base_url", "api_key", "api_key_env", "api_key_file", "model"),
            *("system_prompt", "temperature", "top_p", "max_tokens", "extra"),
            *("connect_timeout", "first_token_timeout", "token_timeout", "region"),
            *("target_first_token", "target_total"),
            *("target_cold_first_token", "target_cold_total"),
        }
    ),
    needed=("base_url", "model"),
)


def name_for_openclaw(conversation: str) -> str:
    """The conversation's name in OpenClaw, which tells no capitals from small letters: two wearers
    whose ids differ in that only must not have one memory."""
    small = conversation.lower()
    if small == conversation:
        return conversation
    return f"{small}_{hashlib.sha256(conversation.encode()).hexdigest()[:16]}"


def _at_most(wanted: int | None, limit: int | None) -> int | None:
    """What was wanted, within the owner's own limit."""
    given = [each for each in (wanted, limit) if each is not None]
    return min(given, default=None)
