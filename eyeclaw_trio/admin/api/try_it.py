"""A question to a bot, as glasses ask it."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from starlette.requests import Request
from starlette.routing import Route

from eyeclaw_trio.admin.answer_stream import AnswerStream
from eyeclaw_trio.admin.api.resource import Resource
from eyeclaw_trio.admin.forms import read_json
from eyeclaw_trio.admin.view import language_of
from eyeclaw_trio.admin.workshop import workshop_of

# Bytes of a question with its photo; what a photo may have is the gateway's own limit.
LONGEST_BODY: Final = 33_554_432


@frozen
class TrialQuestion:
    """What is asked of which bot, and the photo that it is about, as a `data:` URL."""

    bot: int
    text: str
    photo: str | None = None


async def ask(request: Request) -> AnswerStream:
    """`POST /admin/api/try`: the raw answer as it comes. Raises RequestRefused (400, 404, 503);
    cancelled, nothing was asked."""
    wanted = await read_json(request, TrialQuestion, LONGEST_BODY)
    door, language = workshop_of(request).try_it, language_of(request)
    return AnswerStream(door.ask(wanted.bot, wanted.text, language, wanted.photo))


RESOURCE: Final = Resource("try_it", [Route("/admin/api/try", ask, methods=["POST"])])
