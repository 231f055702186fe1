"""What a bot that is played by hand answers over its link."""

from __future__ import annotations

from bot_fakes import summary_of
from cable_fakes import Sdk

from eyeclaw_trio.protocol.bot import StreamChunk, encode_from_bot


async def answer(sdk: Sdk, turn: str, *pieces: str) -> None:
    """A whole answer."""
    for sequence, piece in enumerate(pieces):
        await sdk.say(encode_from_bot(StreamChunk(turn, piece, sequence)))
    await sdk.say({"type": "stream_end", "session_id": turn})
    await sdk.say(encode_from_bot(summary_of(turn, *pieces)))
