"""The only provider that the real OpenClaw gets here: the scripted model of the tests.

It runs in the process of the check itself, so that the check sees what was asked and what was
given up. The question names the script, as everywhere; but OpenClaw puts messages of its own
after the question, so here the latest message that names one decides.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import trio
from attrs import define

sys.path.append(str(Path(__file__).resolve().parents[1]))  # this folder is run, not collected

from model_scripts import DONE, ENDING, End, Head, Script, Wait, event, piece, script_named
from scripted_model import ScriptedModel, Seen

WORDS: Final = "words"  # a whole answer by a fast model
REFUSED: Final = "400"  # which OpenClaw passes on at once
REFUSED_IN_BAND: Final = "refused-in-band"
FAILING: Final = "500"  # after which OpenClaw asks again: 8 times, for up to 90 s
ENDLESS: Final = "pieces:1200:0.05"  # one minute, longer than any check waits

PIECES: Final = (*(f"第{number}句话说完了，" for number in range(1, 25)), "再见。")
ANSWER: Final = "".join(PIECES)
PAUSE: Final = 0.01  # seconds between two pieces

_NAMED: Final = re.compile(r"script:([\w.:-]+)")
_SESSION: Final = re.compile(r"\bsession=(\S+)")  # in the prompt's line on OpenClaw's runtime


def asking_for(script: str, question: str = "你好") -> str:
    return f"{question} script:{script}"


@define
class StandInModel(ScriptedModel):
    """Serves on a port of its own from `start` until its nursery is cancelled."""

    async def start(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self.serve, listeners)

    def script_for(self, seen: Seen) -> Script:
        match _latest(_NAMED, seen) or WORDS:
            case "words":
                return Head(), *_WORDS, *ENDING
            case "refused-in-band":
                return Head(), event(_REFUSAL), DONE, End()
            case name:
                return script_named(name)

    @property
    def questions(self) -> list[Seen]:
        """The requests that name a script; a gateway's own warm-up does not."""
        return [seen for seen in self.completions if _latest(_NAMED, seen)]

    def sessions(self, since: int) -> set[str]:
        """The sessions of all questions since the first `since` of them."""
        return {_latest(_SESSION, seen) for seen in self.questions[since:]}


def _latest(pattern: re.Pattern[str], seen: Seen) -> str:
    """What the latest message that has it says, or nothing."""
    for message in reversed(seen.body["messages"]):
        if found := pattern.findall(str(message.get("content"))):
            return str(found[-1])
    return ""


_WORDS: Final[Script] = tuple(step for text in PIECES for step in (piece(text), Wait(PAUSE)))
_REFUSAL: Final = {"error": {"message": "scripted failure", "type": "invalid_request_error"}}
