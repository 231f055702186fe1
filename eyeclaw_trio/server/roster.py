"""Who is here and what goes on, for whoever has to tell all of them something, or to end one."""

from __future__ import annotations

from attrs import field, frozen

from eyeclaw_trio.server.cable_door import LiveLink
from eyeclaw_trio.server.chat import ChatSession
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.reception import OpenAnswers
from eyeclaw_trio.server.stream_channel import WorkerLink


@frozen
class Roster:
    """All that lives on the connections of one gateway now."""

    answers: OpenAnswers = field(factory=OpenAnswers)
    links: LiveSet[LiveLink] = field(factory=LiveSet)
    chats: LiveSet[ChatSession] = field(factory=LiveSet)
    workers: LiveSet[WorkerLink] = field(factory=LiveSet)
