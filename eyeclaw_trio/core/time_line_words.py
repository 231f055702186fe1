"""What the lines of a turn say, in English and in Chinese. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eyeclaw_trio.core.texts import Language

# Names of the head and of what an event tells beside its time; one that is not here is said as it
# is, so that something new is never hidden.
NAMES: Final[Mapping[str, str]] = {
    "trace": "追踪记录",
    "began": "开始",
    "message": "消息",
    "outcome": "结果",
    "code": "短码",
    "bot said": "Bot 说明",
    "chunks": "分段",
    "delays": "延迟",
    "anomalies": "异常",
    "missing": "缺失",
    "anomaly": "异常",
    "attempt": "第几次",
    "characters": "字符",
    "command": "操作",
    "count": "数量",
    "detail": "详情",
    "events left out": "略去的事件",
    "held by": "正被占用",
    "question": "问题",
    "reason": "原因",
    "result": "结果",
    "total chunks": "分段总数",
    "why": "原因",
}
HAPPENINGS: Final[Mapping[str, tuple[str, str]]] = {
    "request_received": ("question received", "收到问题"),
    "subscribed": ("waiting for the bot", "等待 Bot"),
    "queued": ("waiting for its turn: the bot is busy", "排队：Bot 正忙"),
    "queue_full": ("too many wait already", "排队的太多"),
    "command_broadcast": ("question sent to the bot", "问题已发给 Bot"),
    "link_lost": ("the bot's link broke", "Bot 的连接断了"),
    "link_back": ("the bot's link is back", "Bot 的连接恢复了"),
    "link_replaced": (
        "the bot's link was replaced by a newer one",
        "Bot 的连接被新的连接取代",
    ),
    "stream_end": ("the bot says: end", "Bot：结束"),
    "stream_error": ("the bot says: error", "Bot：出错"),
    "stream_summary_received": ("the bot says: summary", "Bot：汇总消息"),
    "anomaly_detected": ("anomaly", "异常"),
    "compensation_sent": (
        "missing text written from the summary",
        "用汇总消息补发缺失的文字",
    ),
    "reader_left": (
        "the reader has left, and the answer goes on for a push",
        "提问的一方已离开，回答继续，完成后推送",
    ),
    "push_attempted": ("pushed to the glasses", "推送到眼镜"),
    "action_sent": ("device action", "让眼镜执行操作"),
    "action_refused": (
        "the bot asks for an action that cannot be done",
        "Bot 要求的操作无法执行",
    ),
    "follow_ups_sent": ("follow-ups", "接着可以问的问题"),
    "finished": ("turn over", "问答结束"),
}
OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "offline": (
        "the bot was offline; the wearer was told so",
        "Bot 离线，已告知佩戴者",
    ),
    "timeout": (
        "the bot was silent for too long; the wearer was told so",
        "Bot 太久没有动静，已告知佩戴者",
    ),
    "bot_error": (
        "the bot or its model failed; the wearer was told so",
        "Bot 或它的模型出错，已告知佩戴者",
    ),
    "cancelled": (
        "whoever asked left or cancelled before the end",
        "提问的一方提前离开，或取消了回答",
    ),
    "slow_reader": (
        "whoever asked did not read; the answer was ended",
        "提问的一方不读数据，回答被终止",
    ),
    "rejected": (
        "the question was refused, or the bot was busy",
        "问题被拒绝，或 Bot 正忙",
    ),
    "interrupted": (
        "the gateway ended in the middle of this turn",
        "回答进行到一半，网关退出了",
    ),
    "late": (
        "the whole answer was pushed after its reader had left",
        "提问的一方走后，整个回答被推送给了眼镜",
    ),
}
_PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    "because": (" ({words})", "（{words}）"),
    "came_one": ("1 chunk{names}{order}", "1 个分段{names}{order}"),
    "came": ("{count} chunks{names}{order}", "{count} 个分段{names}{order}"),
    "disorder": (", out of order", "，次序错乱"),
    "written": (
        "{count} written, within {slowest:.1f} ms",
        "写出 {count} 个，最慢 {slowest:.1f} ms",
    ),
    "and": ("; ", "；"),
    "comma": (", ", "，"),
    "silence": ("… nothing for {ms:.0f} ms", "…… 静默 {ms:.0f} ms"),
    "began": ("{began} (bot {bot}, {source})", "{began}（Bot {bot}，{source}）"),
    "message": (
        "{message}, agent {agent}, wearer {wearer}",
        "{message}，智能体 {agent}，佩戴者 {wearer}",
    ),
    "chunks": (
        "{came} of {total} received, {written} written",
        "应有 {total}，收到 {came}，写出 {written}",
    ),
    "first": ("first after {ms:.0f} ms", "首个 {ms:.0f} ms"),
    "every": ("then every {ms:.0f} ms", "其后间隔 {ms:.0f} ms"),
    "last": ("end after the last {ms:.0f} ms", "收尾 {ms:.0f} ms"),
    "cut": (
        "… [cut: the first {kept} of {whole} characters]",
        "……［已截断：共 {whole} 个字符，只保留了前 {kept} 个］",
    ),
    "none": ("none", "无"),
    "more": (" and {count} more", "，另有 {count} 个"),
}


def phrase(language: Language, name: str, **values: object) -> str:
    """This phrase with its values. Raises KeyError for one that is not there."""
    return _PHRASES[name][language == "zh"].format_map(values)


def name_of(language: Language, name: str) -> str:
    """A name of the head or of an event's detail."""
    return NAMES.get(name, name) if language == "zh" else name
