"""How far a turn came: question, bot, first text, last text, end. Pure."""

from __future__ import annotations

from typing import Final, Literal

from attrs import frozen

from eyeclaw_trio.core.trace import Happening, Outcome, Trace

StageName = Literal["question", "bot", "first_text", "last_text", "end"]
StageState = Literal["done", "failed", "running", "never"]

STAGES: Final[tuple[StageName, ...]] = ("question", "bot", "first_text", "last_text", "end")


@frozen
class TurnStage:
    """One stage; `seconds` since the one before it, where it was reached."""

    name: StageName
    state: StageState
    seconds: float | None


def has_spoken(stages: tuple[TurnStage, ...]) -> tuple[TurnStage, ...]:
    """The same of a turn that runs, where the bot is known to speak: the store is told of a turn
    when it is over, so that nobody knows yet since when."""
    known = {each.name: each for each in stages}
    for name in ("bot", "first_text"):
        if known[name].state != "done":
            known[name] = TurnStage(name, "done", None)
    if known["last_text"].state == "never":
        known["last_text"] = TurnStage("last_text", "running", None)
    return tuple(known[name] for name in STAGES)


def stages_of(trace: Trace, outcome: str | None) -> tuple[TurnStage, ...]:
    """The stages of this turn, whose times are as `store` keeps them; without an outcome it runs.

    The first that was not reached is where it failed, or what it waits for.
    """
    is_good = outcome in (Outcome.ANSWERED.value, Outcome.LATE.value)
    reached = _reached(trace, has_ended=outcome is not None, is_good=is_good)
    stages: list[TurnStage] = []
    before = trace.started_at
    stopped: StageState = "running" if outcome is None else "failed"
    for name in STAGES:
        at = reached.get(name)
        if at is None:
            stages.append(TurnStage(name, stopped, None))
            stopped = "never"
            continue
        stages.append(TurnStage(name, "done", round(max(0.0, at - before), 3)))
        before = max(before, at)
    return tuple(stages)


def _reached(trace: Trace, *, has_ended: bool, is_good: bool) -> dict[StageName, float]:
    first = {event.kind: event.at for event in reversed(trace.events)}
    reached: dict[StageName, float] = {"question": trace.started_at}
    sent = first.get(Happening.COMMAND_BROADCAST)
    if trace.chunk_times:
        # A triggered turn begins at its bot: nobody sends it a question.
        reached["bot"] = trace.chunk_times[0] if sent is None else sent
        reached["first_text"] = trace.chunk_times[0]
        if has_ended:
            reached["last_text"] = trace.chunk_times[-1]
    elif sent is not None:
        reached["bot"] = sent
    if not is_good:
        return reached
    end = first.get(Happening.STREAM_END, first.get(Happening.FINISHED))
    if end is not None:
        # An answer without text, or all of it from the summary, has no chunks to wait for.
        for name in STAGES[1:-1]:
            reached.setdefault(name, end)
        reached["end"] = end
    return reached
