"""Stations that a contract can be held to, with links that are played by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import trio
from attrs import define, field

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.protocol.to_bot import (
    Cancel,
    CommandMetadata,
    CommandParams,
    ExecuteCommand,
    ToBot,
)
from eyeclaw_trio.relay.seam import LinkSide, TurnSide
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.relay.turns import OpenTurn

IDLE: Final = 60.0
GRACE: Final = 20.0


@define(eq=False)
class FakeClock:
    """Monotonic seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@define
class Meeting:
    """Where the links and the turns of two bots meet; `other` is the second one's."""

    links: LinkSide
    turns: TurnSide
    other: LinkSide
    clock: FakeClock

    def is_online(self) -> bool:
        return self.links.is_online

    def is_quiet(self) -> bool:
        return self.links.is_quiet


@define(eq=False)
class ALink:
    """A link that remembers what it was told."""

    capacity: int = 1
    can_cancel: bool = False
    can_resume: bool = False
    is_alive: bool = True
    told: list[ToBot] = field(factory=list)
    acknowledged: list[tuple[str, int]] = field(factory=list)
    replacements: int = 0

    def send(self, message: ToBot) -> None:
        self.told.append(message)

    def acknowledge(self, session_id: str, sequences: Sequence[int]) -> None:
        self.acknowledged += [(session_id, sequence) for sequence in sequences]

    def replace(self) -> None:
        self.replacements += 1

    @property
    def commands(self) -> list[str]:
        return [each.session_id for each in self.told if isinstance(each, ExecuteCommand)]

    @property
    def cancelled(self) -> list[str]:
        return [each.session_id for each in self.told if isinstance(each, Cancel)]


def make_station() -> Meeting:
    clock = FakeClock()
    patience = Patience(idle_timeout=IDLE, resume_grace=GRACE)
    switchboard = Switchboard(patience, Limits(queued_turns=2, answer_buffer=1_000), clock)
    station = switchboard.station(1)
    return Meeting(station, station, switchboard.station(2), clock)


MEETINGS: Final[dict[str, Callable[[], Meeting]]] = {"station": make_station}


def command(session_id: str) -> ExecuteCommand:
    metadata = CommandMetadata(
        agent_id="1", session_id=session_id, openclaw_session_id="bot_1", trace_id="trace_1"
    )
    return ExecuteCommand(CommandParams("你好"), metadata, "2026-01-01T00:00:00Z")


@contextmanager
def opened(at: Meeting, *names: str, sends: bool = True) -> Iterator[list[OpenTurn]]:
    """These turns, each of which sends its command when it has its place."""
    with ExitStack() as stack:
        turns = []
        for name in names:
            opening = at.turns.open(command(name), overflow=trio.CancelScope())
            turns.append(stack.enter_context(opening))
            if sends:
                heed(at, turns[-1])
        yield turns


def heed(at: Meeting, turn: OpenTurn) -> list[TurnMessage]:
    """What the turn's own task does: take its messages, and send the command when it may."""
    messages = turn.inbox.receive_nowait()
    if PlaceGranted() in messages:
        at.turns.send_command(turn)
    return messages
