"""Every kind of reply takes every kind of event apart: shown, or left out on purpose."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final, cast, get_args

import trio
from attrs import define, field

from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.reply_events import Aside, DeviceAction, FollowUps, KeepAlive, ReplyEvent
from eyeclaw_trio.protocol.chat import ChatFraming
from eyeclaw_trio.protocol.sse import AnswerFraming
from eyeclaw_trio.relay.turn_log import TurnLogs
from eyeclaw_trio.server.chat_reply import ChatReply
from eyeclaw_trio.server.sse_reply import SseReply
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.websocket import ServerSocket

EVENTS: Final[list[ReplyEvent]] = [
    "湖光",
    Aside("嗯，"),
    KeepAlive(),
    KeepAlive(is_early=True),
    DeviceAction("take_navigation", {"action": "open", "poi_name": "西湖", "navi_type": "1"}),
    FollowUps(["几点？", "多远？"]),
    "秋月",
]


def test_there_is_one_event_of_each_kind() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(ReplyEvent))


def test_glasses_get_each_event_as_the_platform_reads_it() -> None:
    written: list[bytes] = []

    def write_nowait(data: bytes) -> bool:
        written.append(data)
        return True

    connection = SimpleNamespace(writer=SimpleNamespace(write_nowait=write_nowait))
    reply = SseReply(cast(HttpConnection, connection), AnswerFraming("1021", "1"), Wording("zh"))
    assert reply.send_nowait(EVENTS)
    tail = '"message_id":"1021","agent_id":"1","is_finish":false}\n\n'
    answer = 'event: message\ndata: {"role":"agent","type":"answer","answer_stream":'
    assert b"".join(written).decode() == (
        f'{answer}"湖光",{tail}{answer}"嗯，",{tail}'
        ": keep-alive\n\n"
        f': keep-alive\n\n{answer}"",{tail}'
        'event: message\ndata: {"role":"agent","type":"tool_call","tool_call":'
        '{"handling_required":true,"command":"take_navigation","action":"open",'
        f'"poi_name":"西湖","navi_type":"1","is_recall":true}},{tail}'
        'event: message\ndata: {"role":"agent","type":"follow_up",'
        f'"follow_up":["几点？","多远？"],{tail}'
        f'{answer}"秋月",{tail}'
    )
    assert len(written) == 1  # one write for all


@define
class Socket:
    """What a chat client was sent."""

    sent: list[bytes] = field(factory=list)

    def send_nowait(self, frames: list[bytes]) -> None:
        self.sent += frames

    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_chat_client_gets_the_texts_only() -> None:
    socket = Socket()
    reply = ChatReply(cast(ServerSocket, socket), ChatFraming(is_json=False), Wording("zh"))
    assert reply.send_nowait([event for event in EVENTS if not isinstance(event, str)])
    assert not reply.send_nowait(EVENTS)
    await reply.drain()
    assert [bytes(frame).decode() for frame in socket.sent] == ["湖光", "秋月"]
    assert reply.said == "湖光秋月"


async def test_a_log_keeps_the_texts_and_words_of_ours_only() -> None:
    log = TurnLogs().make_log(Wording("zh"), 1)
    assert log.send_nowait(EVENTS)
    assert [getattr(entry, "content", None) for entry in log.after(0)] == [
        "湖光",
        "嗯，",  # a worker hands on to glasses what it reads
        "秋月",
    ]
    with trio.fail_after(1):
        await log.finish()
