"""A data folder as it is after some days of use: turns over the hours of each day, some of them
with losses, failures, two bots of which one had an outage, models now fast and now slow.

Nothing of it is drawn: every turn goes through the code that answers real ones, and is written by
the functions of the store. The same folder comes out each time, up to now.
"""

from __future__ import annotations

import random
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.incident import code_of
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.presence import BROKEN, OFFLINE, ONLINE
from eyeclaw_trio.core.provider_timing import ProviderAnswer, Segments
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.core.turn_counts import TurnCounts
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.errors import Reason
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamSummary
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import Database, open_database, transaction
from eyeclaw_trio.store.keys import create_key
from eyeclaw_trio.store.presence_history import write_presence
from eyeclaw_trio.store.provider_answers import write_provider_answer
from eyeclaw_trio.store.traces import write_trace
from eyeclaw_trio.store.turn_statistics import write_turn_counts

SETTINGS: Final = """
allowed_origins = ["https://chat.example.org"]
[traces]
keep_content = true
[providers.zhipu]
api_key = "not-a-real-key"
[providers.hunyuan]
api_key = "not-a-real-key"
"""
HOME: Final = "客厅助手"
LINKED: Final = "OpenClaw"
_DAYS: Final = 3
# Questions in each hour of a day, from midnight on, at the busiest.
_BY_HOUR: Final = (0, 0, 0, 0, 0, 0, 1, 4, 7, 5, 4, 5, 8, 6, 3, 3, 4, 6, 9, 8, 7, 5, 3, 1)
_WEARERS: Final = ("u_8f3a2c91", "u_8f3a2c91", "u_8f3a2c91", "u_41d07be2", "u_c95e6604")
# Minutes before now between which the linked bot was away, and when its link broke for a moment.
_AWAY: Final = range(540, 638)
_HICCUPS: Final = frozenset({131, 132, 1_605, 2_890})

_TALK: Final = (
    (
        "今天天气怎么样？",
        "今天杭州多云转晴，气温十八到二十五度，东南风二级。早晚有点凉，出门带件薄外套就好；"
        "下午四点以后阳光不错，适合去西湖边走走。",
    ),
    (
        "附近有什么好吃的？",
        "往前走两百米，右手边有一家做片儿川的老面馆，评分四点七，现在排队大约十分钟。"
        "再过一个路口还有一家本帮菜，糖醋排骨和油焖春笋点得最多。",
    ),
    (
        "帮我翻译一下这块牌子。",
        "牌子上写的是“前方施工，请绕行”。旁边的小字是：施工时间为每晚十点到次日早上六点，"
        "行人请走对面人行道。",
    ),
    (
        "What is this building?",
        "That is the former customs house, built in 1927 and restored in 2014. The clock tower is "
        "open to visitors until six this evening; the entrance is around the corner on the left.",
    ),
    (
        "明天上午有什么安排？",
        "明天上午九点半有一个产品评审会，地点是三楼会议室；十一点和李工通电话，讨论固件升级。"
        "中午之前没有别的安排。要不要我提前十五分钟提醒你？",
    ),
    (
        "记一下：周五之前把合同寄出去。",
        "记下了：周五之前寄出合同。我会在周四下午三点提醒你。",
    ),
    (
        "How do I get to the station?",
        "Take the second street on the right and go straight for about four hundred metres. The "
        "station is behind the park; the next train to Shanghai leaves in twenty-three minutes.",
    ),
)


@frozen
class LivedIn:
    """What the folder has: the bot that links, with its token, and a key to it alone."""

    key: str
    linked: dict[str, Any]


def live_in(folder: Path) -> LivedIn:
    """Make the folder."""
    now, chance = datetime.now(UTC), random.Random(2026)
    began = now - timedelta(days=_DAYS)
    with closing(open_database(folder)) as db:
        home, _ = add_bot(db, HOME, "zhipu", is_default=True, now=began)
        linked, token = add_bot(db, LINKED, now=began)
        create_key(db, "Rokid 平台", now=began)
        _, key = create_key(db, "书房的眼镜", linked.id, now=began)
        with transaction(db):
            _write_presence(db, now, home.id, linked.id)
            _write_providers(db, now, chance)
            for moment in _moments(now, chance):
                is_away = int((now - moment).total_seconds()) // 60 in _AWAY
                bot_id = linked.id if chance.random() < 0.55 else home.id
                turn = _make_turn(bot_id, chance, is_away=is_away and bot_id == linked.id)
                write_trace(db, turn, moment, 0.0)
                counts = TurnCounts()
                counts.add_turn(turn)
                write_turn_counts(db, counts, int(moment.timestamp()))
    return LivedIn(key, {"id": linked.id, "token": token})


def _moments(now: datetime, chance: random.Random) -> list[datetime]:
    """When something was asked, the oldest first, by the hours of this machine."""
    found = []
    for hour in range(_DAYS * 24):
        begin = now - timedelta(hours=hour + 1)
        number = chance.randint(0, _BY_HOUR[begin.astimezone().hour] + (hour < 6) * 2)
        found += [begin + timedelta(seconds=chance.uniform(0, 3_500)) for _ in range(number)]
    return sorted(found)


def _write_presence(db: Database, now: datetime, home: int, linked: int) -> None:
    last = int(now.timestamp()) // 60 - 1
    for ago in range(_DAYS * 1_440, -1, -1):
        letter = ONLINE
        if ago in _AWAY:
            letter = BROKEN if ago in (_AWAY[0], _AWAY[-1]) else OFFLINE
        elif ago in _HICCUPS:
            letter = BROKEN
        write_presence(db, [last - ago], {home: ONLINE, linked: letter})


def _write_providers(db: Database, now: datetime, chance: random.Random) -> None:
    for provider, speed, number in (("zhipu", 0.42, 60), ("hunyuan", 0.9, 24)):
        for each in range(number, 0, -1):
            is_cold = chance.random() < 0.15
            first = speed * chance.lognormvariate(0, 0.35) + 0.12 * is_cold
            has_failed = chance.random() < 0.04
            segments = Segments(
                connect=0.021 if is_cold else None,
                tls=0.058 if is_cold else None,
                request_sent=0.059 if is_cold else 0.001,
                headers=first * 0.6,
                first_token=None if has_failed else first,
                last_token=None if has_failed else first + chance.uniform(0.7, 1.9),
            )
            reason = Reason.MODEL_BUSY if has_failed else None
            answer = ProviderAnswer(provider, segments, is_cold, "HTTP/1.1", reason)
            write_provider_answer(db, answer, to_stamp(now - timedelta(minutes=37 * each)))


def _make_turn(bot_id: int, chance: random.Random, *, is_away: bool) -> Trace:
    question, text = chance.choice(_TALK)
    started_at = 1_000.0
    trace = Trace(
        f"trace_{chance.getrandbits(96):024x}",
        f"{chance.getrandbits(128):032x}",
        bot_id,
        started_at,
        message_id=str(chance.randrange(10**17, 10**18)),
        agent_id="rokid-agent-7f3a",
        user_id=chance.choice(_WEARERS),
        source=chance.choice(("rokid",) * 9 + ("chat", "openai")),
        keeps_content=True,
    )
    trace.note(Happening.REQUEST_RECEIVED, started_at, question=question)
    answer = Answer(Patience(), Limits(), trace, started_at)
    kind = chance.random()
    if is_away:
        return _fail(trace, Outcome.OFFLINE, "offline", started_at + 0.004)
    answer.step([PlaceGranted()], started_at + 0.002)
    if kind < 0.02:
        return _fail(trace, Outcome.TIMEOUT, "silent", started_at + 60.0)
    if kind < 0.03:
        return _fail(trace, Outcome.BOT_ERROR, Reason.MODEL_BUSY.value, started_at + 1.2)
    return _speak(trace, answer, text, chance, loses=kind < 0.09)


def _fail(trace: Trace, outcome: Outcome, reason: str, now: float) -> Trace:
    trace.code = code_of(trace.session_id)
    trace.end(outcome, reason=reason)
    trace.note(Happening.FINISHED, now)
    return trace


def _speak(trace: Trace, answer: Answer, text: str, chance: random.Random, *, loses: bool) -> Trace:
    """An answer as a model speaks: a first word after a while, then piece by piece; some of them
    lost on the way where it `loses`, and healed from the summary."""
    pieces, place = [], 0
    while place < len(text):
        size = chance.randint(1, 3) if not text.isascii() else chance.randint(3, 9)
        pieces.append(text[place : place + size])
        place += size
    lost: set[int] = set()
    if loses:
        first = chance.choice((0, len(pieces) // 2, len(pieces) - 2))
        lost = {first, first + 1} if chance.random() < 0.6 else {first, len(pieces) // 3}
    now = trace.started_at + chance.lognormvariate(-0.6, 0.45)
    session = trace.session_id
    for number, piece in enumerate(pieces):
        now += chance.lognormvariate(-3.4, 0.5)
        if number not in lost:
            _step(answer, trace, [StreamChunk(session, piece, number)], now, chance)
    now += 0.02
    summary = StreamSummary(session, text, len(pieces))
    _step(answer, trace, [StreamEnd(session), summary], now, chance)
    while not answer.complete:
        now = max(now, answer.deadline())
        _step(answer, trace, [], now, chance)
    trace.end(Outcome.ANSWERED)
    trace.note(Happening.FINISHED, now + 0.001)
    return trace


def _step(
    answer: Answer,
    trace: Trace,
    messages: list[TurnMessage],
    now: float,
    chance: random.Random,
) -> None:
    texts = [event for event in answer.step(messages, now) if isinstance(event, str)]
    if texts:
        trace.note_written(now + chance.lognormvariate(-8.2, 0.6), now, texts)
    answer.written()
