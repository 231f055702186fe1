"""What of an answer reaches its reader beside and instead of its bare text: how it is said, what
its glasses are to do, what may be asked next (PROTOCOL 1, 5)."""

from __future__ import annotations

from attrs import field, frozen

from eyeclaw_trio.core.actions import PER_TURN, read_action, read_follow_ups
from eyeclaw_trio.core.asides import NO_COMPANY, Company
from eyeclaw_trio.core.reply_events import FollowUps, ReplyEvent
from eyeclaw_trio.core.spoken import Speech
from eyeclaw_trio.core.trace import Happening, SpeechCount, Trace
from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import StreamFollowUp, StreamToolCall
from eyeclaw_trio.protocol.harmless import harmless_line


@frozen
class Manner:
    """How one bot's answers reach their readers: how they are said, which `actions` may be asked
    of glasses, how many `follow_ups` there may be, and what is said until there is an answer."""

    speech: Speech = field(factory=Speech)
    actions: tuple[str, ...] = ()
    follow_ups: int = 0
    company: Company = NO_COMPANY


AS_IT_COMES = Manner()


class Voice:
    """One answer on its way to its reader, behind the order of its chunks."""

    __slots__ = ("_actions", "_follow_ups", "_manner", "_trace", "has_text", "spoken")

    def __init__(self, manner: Manner, trace: Trace) -> None:
        self.spoken = manner.speech.begin()
        """What its text goes through, None where it passes as it comes; see `say`."""
        self.has_text = False
        self._manner = manner
        self._trace = trace
        self._actions = 0
        self._follow_ups: tuple[str, ...] = ()
        if self.spoken is not None:
            trace.speech = SpeechCount()

    @property
    def has_said(self) -> bool:
        """Whether its reader has got anything of it."""
        return self.has_text or self._actions > 0

    def say(self, text: str, events: list[ReplyEvent]) -> None:
        """The next text of the answer."""
        count = self._trace.speech
        if self.spoken is not None and count is not None:
            text = self.spoken.feed(text)
            count.let_through += len(text)
        if text:
            events.append(text)
            if not self.has_text:
                self.has_text = not text.isspace()

    def ask(self, call: StreamToolCall, now: float, events: list[ReplyEvent]) -> None:
        """The bot wants something of the glasses. It goes out at once, before any further text;
        what cannot be obeyed stands in the trace, and nobody hears of it."""
        try:
            action = read_action(call.tool_call, self._manner.actions)
            if self._actions == PER_TURN:
                raise BadMessage({"tool_call": f"there may be {PER_TURN} in a turn"})
        except BadMessage as refused:
            command = call.tool_call.get("command")
            name = harmless_line(command) if isinstance(command, str) else None
            self._trace.note(Happening.ACTION_REFUSED, now, command=name, why=str(refused))
            return
        self._actions += 1
        self._trace.note(Happening.ACTION_SENT, now, command=action.command)
        events.append(action)

    def offer(self, offered: StreamFollowUp) -> None:
        """What might be asked next, for behind the text; the last word counts."""
        self._follow_ups = read_follow_ups(offered.follow_up, self._manner.follow_ups)

    def end(self, now: float, events: list[ReplyEvent], *, is_whole: bool) -> None:
        """There is no more text: what is still held is said, and behind a whole answer what might
        be asked next."""
        count = self._trace.speech
        if self.spoken is not None and count is not None:
            rest = self.spoken.finish()
            count.let_through += len(rest)
            if rest:
                events.append(rest)
                self.has_text = self.has_text or not rest.isspace()
        if is_whole and self._follow_ups and self.has_said:
            self._trace.note(Happening.FOLLOW_UPS_SENT, now, count=len(self._follow_ups))
            events.append(FollowUps(self._follow_ups))
