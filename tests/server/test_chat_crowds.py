"""Chat clients that ask in one instant: their questions are taken some at a time."""

from __future__ import annotations

import json

import trio.testing
from asking_gate import AskingGate
from chat_exchange import exchange
from chat_fakes import CANCELLED, ChatGateway


async def test_a_question_waits_for_others_of_those_who_have_shown_a_key_and_can_be_cancelled() -> (
    None
):
    gateway = ChatGateway()
    model = gateway.provider()
    gateway.front_door.newcomers.asking = gate = AskingGate()
    async with gateway.client() as client:
        with model.station.attached(model):
            await client.ask("never mind")
            await client.send({"type": "cancel"})
            await trio.testing.wait_all_tasks_blocked()
            assert (gate.asked, model.commands) == (1, [])
            gate.opened.set()
            assert json.loads(await client.frame()) == CANCELLED
            assert model.commands == []  # nobody waits for its answer any more
            await exchange(client, model, "q", "a")
    assert gate.asked == 2
