"""Try it: the glasses, played against a bot of choice; the raw events beside the answer."""

from __future__ import annotations

from typing import Final

import orjson
from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.answer_stream import WholeAnswer
from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.page import Page
from eyeclaw_trio.admin.view import language_of, render
from eyeclaw_trio.admin.workshop import workshop_of
from eyeclaw_trio.core.routing import choose_default_bot
from eyeclaw_trio.errors import BotOffline, RequestRefused

# Characters of a question that the form takes.
LONGEST_QUESTION: Final = 8_000


@frozen
class Tried:
    """What came of a question: the text, and all that glasses would have got."""

    trace_id: str
    text: str
    raw: str


async def show(request: Request) -> Response:
    """`GET /admin/try?bot=ID&text=TEXT`: the form, filled with what the address says. Never
    waits, so it is never cancelled."""
    query = request.query_params
    return _render(request, query.get("bot", ""), query.get("text", "")[:LONGEST_QUESTION], None)


async def ask(request: Request) -> Response:
    """`POST /admin/try`: ask, and show the whole answer; for browsers without scripts. Raises
    RequestRefused (400, 404, 503). Cancellation ends the turn."""
    form = await read_form(request)
    bot, text = form.get("bot", ""), form.get("text", "")
    turn = workshop_of(request).try_it.ask(read_bot(bot), text, language_of(request))
    view = WholeAnswer(receive=request.receive)
    await turn.relay(view)
    return _render(request, bot, text, Tried(turn.trace_id, _text_of(view.raw), view.raw))


def read_bot(text: str) -> int:
    """A bot's id. Raises RequestRefused (400)."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RequestRefused(400, "Invalid request", {"bot": "must be a bot's id"})
    return int(text)


def _render(request: Request, bot: str, text: str, tried: Tried | None) -> Response:
    office = office_of(request)
    bots = list(office.views.directory.bots.values())
    online = {each.id: office.now.is_online(each.id) for each in bots}
    return render(
        request,
        "try_it.html",
        page="try",
        bots=bots,
        online=online,
        chosen=int(bot) if bot.isdigit() and int(bot) in online else _usual(request, online),
        text=text,
        longest=LONGEST_QUESTION,
        tried=tried,
    )


def _usual(request: Request, online: dict[int, bool]) -> int | None:
    """The default bot, else the first that is there."""
    try:
        return choose_default_bot(office_of(request).views.directory).id
    except BotOffline:
        return next((bot_id for bot_id, is_there in online.items() if is_there), None)


def _text_of(raw: str) -> str:
    """What a wearer would have heard."""
    pieces = []
    for block in raw.split("\n\n"):
        name, _, data = block.partition("\n")
        if name == "event: message":
            message = orjson.loads(data.removeprefix("data: "))
            pieces.append(message.get("answer_stream", ""))
    return "".join(pieces)


PAGE: Final = Page("try", [Route("/admin/try", show), Route("/admin/try", ask, methods=["POST"])])
