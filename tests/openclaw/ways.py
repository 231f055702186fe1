"""The two ways to ask: OpenClaw alone, and glasses in front of one of our gateways.

Each check asks what it needs, compares what came with what has to come, and says what it saw.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

import httpx2
import trio
from asking import ChatClient, Completion, Glasses, GlassesAnswer, Heard, expect
from attrs import frozen
from stand_in_model import ANSWER, ENDLESS, WORDS, StandInModel, asking_for

ABORT_TIMEOUT: Final = 1.0  # seconds from the wearer's hang-up to the end of the model's request
FAILED: Final = "Bot 处理出错"
TIMED_OUT: Final = "请求超时"


@frozen
class Direct:
    """OpenClaw's own endpoint."""

    client: ChatClient
    model: StandInModel

    async def warm_up(self) -> str:
        answer = await self.client.ask(asking_for(WORDS), user="warm-up")
        check_completion(answer)
        return f"first words after {answer.first:.2f} s"

    async def ask(self, question: str) -> Completion:
        answer = await self.client.ask(question, user="Alone")
        check_completion(answer)
        return answer

    async def check_answer(self) -> str:
        before = len(self.model.questions)
        for name in ("openclaw/main", "openclaw:main"):
            answer = await self.client.ask(asking_for(WORDS), user="Alone", model=name)
            check_completion(answer)
        sessions = self.model.sessions(before)
        expect(sessions == {"agent:main:openai-user:alone"}, f"the sessions were {sessions}")
        return f"{len(answer.pieces)} pieces, complete, one [DONE], session kept"

    async def check_token(self) -> str:
        stranger = ChatClient(self.client.http, self.client.base_url, "wrong")
        answer = await stranger.ask("你好", user="Alone")
        expect(answer.status == httpx2.codes.UNAUTHORIZED, f"status {answer.status}")
        return "401"

    async def check_hang_up(self) -> str:
        asked = self.client.ask(asking_for(ENDLESS), user="Alone", hang_up_after=3)
        return await check_abort(self.model, asked)

    async def check_failure(self, script: str) -> str:
        before = len(self.model.questions)
        answer = await self.client.ask(asking_for(script), user=f"Alone-{script}")
        expect(answer.status == httpx2.codes.OK, f"status {answer.status}")
        expect(len(answer.errors) == 1, f"{len(answer.errors)} errors")
        expect(answer.done == 1, f"{answer.done} times [DONE]")
        expect(not answer.pieces, f"text before it: {answer.text!r}")
        asked = len(self.model.questions) - before
        return f"200, {answer.errors[0]} after {answer.ended:.1f} s, the model asked {asked}x"

    async def check_endpoint_off(self) -> str:
        answer = await self.client.ask("你好", user="Alone")
        expect(answer.status == httpx2.codes.NOT_FOUND, f"status {answer.status}")
        expect(answer.content_type.startswith("text/plain"), answer.content_type)
        return f"404 {answer.content_type} {answer.body!r}"


@frozen
class Worn:
    """Glasses in front of one of our gateways."""

    glasses: Glasses
    model: StandInModel

    async def ask(self, question: str) -> GlassesAnswer:
        answer = await self.glasses.ask(question)
        answer.check_framing()
        expect(answer.failure is None, f"the wearer was told {answer.failure!r}")
        expect(answer.text == ANSWER, f"the text was {answer.text!r}")
        expect(answer.done == 1, f"{answer.done} times done")
        return answer

    async def check_answer(self) -> str:
        before = len(self.model.questions)
        for _ in range(2):
            answer = await self.ask(asking_for(WORDS))
        sessions = self.model.sessions(before)
        expect(len(sessions) == 1, f"two questions, sessions {sessions}")
        return f"{len(answer.pieces)} pieces, complete, one done, session {sessions.pop()}"

    async def check_hang_up(self) -> str:
        asked = self.glasses.ask(asking_for(ENDLESS), hang_up_after=3)
        detail = await check_abort(self.model, asked)
        after = await self.ask(asking_for(WORDS))
        return f"{detail}; the next answer began after {after.first:.2f} s"

    async def check_failure(self, script: str) -> str:
        """With FAILING, OpenClaw asks again and again, in silence, for more than a minute."""
        before = len(self.model.questions)
        answer = await self.glasses.ask(asking_for(script))
        detail = check_told(answer)
        return f"{detail}, the model asked {len(self.model.questions) - before}x"


def check_completion(answer: Completion) -> None:
    expect(answer.status == httpx2.codes.OK, f"status {answer.status}: {answer.body}")
    expect(not answer.errors, f"errors {answer.errors}")
    expect(answer.text == ANSWER, f"the text was {answer.text!r}")
    expect(answer.finish_reasons == ["stop"], f"finish reasons {answer.finish_reasons}")
    expect(answer.done == 1, f"{answer.done} times [DONE]")


def check_told(answer: GlassesAnswer) -> str:
    """The wearer heard of a failure, in our words, and of nothing else."""
    answer.check_framing()
    told = answer.failure or ""
    expect(told.startswith((FAILED, TIMED_OUT)), f"the wearer was told {told!r}")
    expect(answer.done == 1, f"{answer.done} times done")
    expect(not answer.pieces, f"text before it: {answer.text!r}")
    return f"{told!r} after {answer.ended:.2f} s"


async def check_abort(model: StandInModel, hanging_up: Awaitable[Heard]) -> str:
    """The one request that the model got for this answer was given up soon after the hang-up."""
    asked, aborted = len(model.questions), model.aborted
    answer = await hanging_up
    await model.wait_until(lambda: model.aborted > aborted, seconds=ABORT_TIMEOUT)
    late = trio.current_time() - answer.hung_up
    expect(len(model.questions) == asked + 1, "the model was asked more than once")
    return f"the model's request ended {late * 1000:.0f} ms later"
