"""What is counted elsewhere and shown among the metrics."""

from __future__ import annotations

from pathlib import Path

from fakes import Gateway

from eyeclaw_trio.app.observer import Observer
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.store.store import open_store


async def test_what_bots_say_of_turns_that_are_not_theirs_or_over_is_among_the_metrics(
    tmp_path: Path,
) -> None:
    gateway = Gateway()
    bot, other = gateway.bot(), gateway.bot(2)
    async with open_store(tmp_path) as store:
        observer = Observer(store, gateway.switchboard, {}, lambda: False)
        observer.show_counts(lambda: 0)
        with bot.station.attached(bot), other.station.attached(other):
            async with gateway.glasses() as glasses:
                await glasses.send()
                [command] = await bot.wait_for_commands()
                other.say(StreamChunk(command.session_id, "x", 0))
            await bot.wait_for_cancel()
            bot.say(StreamChunk(command.session_id, "y", 0), StreamChunk("nobody", "z", 1))
    shown = observer.metrics.render().decode()
    assert "eyeclaw_foreign_messages_total 1.0" in shown
    assert "eyeclaw_late_messages_total 2.0" in shown
