"""A turn told as lines, in the time of whoever reads it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from eyeclaw_trio.core.time_line import (
    describe_turn,
    draw_events,
    draw_time_line,
    local_time,
)
from eyeclaw_trio.core.time_line_words import HAPPENINGS, OUTCOMES
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.core.trace_analysis import TraceRecord, analyse

SHANGHAI = timezone(timedelta(hours=8))


def in_shanghai(moment: datetime) -> datetime:
    return moment.astimezone(SHANGHAI)


def test_a_time_is_shown_in_the_zone_that_is_handed_in() -> None:
    assert local_time("2026-01-31T20:30:00.250Z", in_shanghai) == "2026-02-01 04:30:00"


def test_the_head_of_a_turn_says_when_it_began_and_why_it_was_refused() -> None:
    trace = Trace("trace_1", "s", 7, 0.0, message_id="1021", agent_id="1")
    trace.end(Outcome.REJECTED, reason="bot_busy")
    record = analyse(trace, datetime.fromisoformat("2026-01-31T20:30:00Z"))
    told = dict(describe_turn(record, in_shanghai))
    assert told["began"] == "2026-02-01 04:30:00 (bot 7, rokid)"
    assert "bot_busy" in told["outcome"]


def lossy_turn() -> TraceRecord:
    trace = Trace("trace_1", "s", 7, 0.0, message_id="1021", agent_id="1")
    trace.note(Happening.REQUEST_RECEIVED, 0.0)
    trace.note(Happening.COMMAND_BROADCAST, 0.001)
    trace.note_chunk(0.5, 1, "b")
    trace.note_chunk(0.51, 0, "a")
    trace.note_written(0.52, 0.5, ["a", "b"])
    trace.note(Happening.STREAM_ERROR, 0.6, reason="model_busy")
    trace.end(Outcome.BOT_ERROR, reason="model_busy")
    trace.note(Happening.FINISHED, 0.6)
    return analyse(trace, datetime.fromisoformat("2026-01-31T20:30:00Z"))


def test_a_turn_is_told_in_english() -> None:
    told = dict(describe_turn(lossy_turn(), in_shanghai))
    assert told["chunks"] == "0 of ? received, 2 written"
    assert told["delays"].startswith("first after ")
    assert [each.words for each in draw_time_line(lossy_turn())] == [
        "question received",
        "question sent to the bot",
        "… nothing for 499 ms",
        "2 chunks 0–1, out of order; 2 written, within 20.0 ms",
        "the bot says: error (reason model_busy)",
        "turn over",
    ]


def test_a_turn_is_told_in_chinese_too() -> None:
    record = lossy_turn()
    told = dict(describe_turn(record, in_shanghai, "zh"))
    assert told["开始"] == "2026-02-01 04:30:00（Bot 7，rokid）"
    assert told["结果"] == "bot_error（Bot 或它的模型出错，已告知佩戴者）（model_busy）"
    assert told["分段"] == "应有 ?，收到 0，写出 2"
    assert [each.words for each in draw_events(record.events, record.created_at, "zh")] == [
        "收到问题",
        "问题已发给 Bot",
        "…… 静默 499 ms",
        "2 个分段 0–1，次序错乱；写出 2 个，最慢 20.0 ms",
        "Bot：出错（原因 model_busy）",
        "问答结束",
    ]


def test_a_text_of_which_only_the_beginning_was_kept_is_said_to_be_cut() -> None:
    began = "2026-01-31T20:30:00Z"
    data = {"question": "天气", "question_length": 5_000}
    event = {"type": "request_received", "data": data, "timestamp": began}
    [english] = draw_events([event], began)
    cut = "… [cut: the first 2 of 5000 characters]"
    assert english.words == f"question received (question 天气{cut})"
    [chinese] = draw_events([event], began, "zh")
    cut = "……［已截断：共 5000 个字符，只保留了前 2 个］"
    assert chinese.words == f"收到问题（问题 天气{cut}）"


def test_every_happening_and_every_bad_end_has_its_words() -> None:
    assert HAPPENINGS.keys() == {each.value for each in Happening}
    assert OUTCOMES.keys() == {each.value for each in Outcome} - {"answered"}
