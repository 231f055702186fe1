"""Where `eyeclaw chat` goes: one session at a gateway."""

from __future__ import annotations

from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.protocol.endpoint import read_endpoint

KEY = "ak_a-key-that-nobody-must-see"


def test_a_session_is_named_in_the_path_and_the_key_in_a_header() -> None:
    target = ChatTarget(read_endpoint("wss://host.example:444/eye/"), "a b/你", KEY)
    assert target.upgrade.resource == "/ws/stream/a%20b%2F%E4%BD%A0?format=json"
    assert (b"Authorization", f"Bearer {KEY}".encode()) in target.upgrade.headers
    assert KEY not in repr(target)
    assert KEY not in repr(target.upgrade)
