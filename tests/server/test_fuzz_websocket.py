"""WebSocket frames by a grammar that breaks every rule now and then, on every door, with the frame
shortcut and without: no traceback, no long step, nothing left behind (RELIABILITY 35)."""

from __future__ import annotations

import logging
import random
import time

import pytest
import structlog
import trio
from attrs import define
from cable_fakes import CableGateway
from chat_fakes import ChatGateway
from fakes import KEY, TOKEN, Gateway
from fuzzing import fuzz_rounds

# Processor seconds that one step of one task may take; two are promised to be far less.
LONGEST_STEP = 0.2
IDENTIFIER = '{\\"channel\\":\\"BotChannel\\",\\"bot_id\\":1}'
TARGETS = {
    "nobody": "/cable",
    "stranger": "/cable?sdk_token=bt_wrong",
    "bot": f"/cable?sdk_token={TOKEN}",
    "chat": f"/ws/stream/s?access_key={KEY}",
}
TEXTS = (
    b"",
    b"{}",
    b"[",
    b'{"type":"ping"}',
    b'{"type":"pong"}',
    b'{"message":"q"}',
    b'{"type":"cancel"}',
    f'{{"command":"subscribe","identifier":"{IDENTIFIER}"}}'.encode(),
    f'{{"command":"unsubscribe","identifier":"{IDENTIFIER}"}}'.encode(),
    f'{{"command":"message","identifier":"{IDENTIFIER}","data":"{{}}"}}'.encode(),
    b'{"command":"message","identifier":"i","data":"{\\"type\\":\\"ping\\"}"}',
    b'{"command":"subscribe","identifier":"' + b"i" * 5_000 + b'"}',
    "满😀".encode() * 300,
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"x" * 70_000,
)


@define(eq=False)
class Steps(trio.abc.Instrument):
    """How long the longest step took (processor seconds)."""

    longest: float = 0.0
    _began: float = 0.0

    def before_task_step(self, _: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, _: trio.lowlevel.Task) -> None:
        self.longest = max(self.longest, time.thread_time() - self._began)


def make_frame(dice: random.Random) -> bytes:
    """One frame, nearly always good for something."""
    payload = dice.choice(TEXTS)
    opcode = dice.choices((1, 2, 0, 8, 9, 10, dice.randrange(16)), (60, 6, 10, 1, 8, 5, 1))[0]
    if opcode >= 8:
        payload = dice.randbytes(dice.choice((0, 0, 2, 5, 125, 126)))
    if opcode == 8 and payload:
        payload = dice.choice((1000, 1014, 1005, 3000, 65_535)).to_bytes(2, "big") + payload[2:]
    claimed = len(payload) if dice.random() < 0.99 else dice.choice((0, 125, 126, 2**20, 2**63))
    fin, rsv = dice.random() < 0.85, 0 if dice.random() < 0.99 else dice.randrange(8)
    masked, key = dice.random() < 0.99, dice.randbytes(4)
    first, mask = fin << 7 | rsv << 4 | opcode, 0x80 if masked else 0
    if claimed < 126:
        head = bytes([first, mask | claimed])
    elif claimed < 65_536:
        head = bytes([first, mask | 126]) + claimed.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + claimed.to_bytes(8, "big")
    if not masked:
        return head + payload
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))


def make_script(dice: random.Random) -> list[bytes]:
    """What a peer sends, in the pieces in which it arrives."""
    frames = [make_frame(dice) * dice.choice((1, 1, 1, 3, 200)) for _ in range(dice.randrange(30))]
    data = b"".join(frames)[: dice.choice((100, 5_000, 300_000))]
    pieces = []
    while data:
        size = dice.choice((1, 7, 1_000, 20_000, len(data)))
        pieces.append(data[:size])
        data = data[size:]
    return pieces[:300]


async def converse(gateway: Gateway, who: str, pieces: list[bytes], *, early: bool) -> None:
    """Send all of it, read what comes, and hang up."""
    head = (
        f"GET {TARGETS[who]} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()
    if early:
        head, pieces = head + b"".join(pieces[:3]), pieces[3:]
    async with (
        gateway.services_running(),
        gateway.glasses() as peer,
        trio.open_nursery() as nursery,
    ):

        async def receive() -> None:
            while await peer.stream.receive_some():
                pass

        nursery.start_soon(receive)
        for piece in [head, *pieces]:
            try:
                with trio.fail_after(20):
                    await peer.stream.send_all(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                break
            await trio.lowlevel.checkpoint()
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


@pytest.mark.fuzz
@pytest.mark.parametrize("shortcut", [True, False], ids=["shortcut", "library"])
def test_no_frames_of_any_peer_are_a_traceback_a_long_step_or_left_behind(
    shortcut: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for dice in fuzz_rounds(f"WebSocket frames {shortcut}", share=0.5):
        who = dice.choice(list(TARGETS))
        kind = ChatGateway if who == "chat" else CableGateway
        steps, pieces, early = Steps(), make_script(dice), dice.random() < 0.2

        async def one_round(
            who: str = who,
            kind: type[CableGateway | ChatGateway] = kind,
            pieces: list[bytes] = pieces,
            early: bool = early,
        ) -> Gateway:
            gateway = kind(has_shortcut=shortcut)
            await converse(gateway, who, pieces, early=early)
            return gateway

        with structlog.testing.capture_logs() as logs:
            gateway = trio.run(one_round, instruments=[steps])
        assert not [line for line in logs if "exc_info" in line or line["log_level"] == "error"]
        assert not [line for line in caplog.records if line.exc_info]
        assert steps.longest < LONGEST_STEP
        assert gateway.front_door.open_connections == 0
        assert gateway.services.unfinished.total == 0
        assert gateway.switchboard.open_turns == 0
