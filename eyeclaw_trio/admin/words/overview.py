"""What the overview says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "overview.title": ("Overview", "总览"),
    "overview.ok": ("Everything is well", "一切正常"),
    "overview.draining": ("The gateway is stopping", "网关正在停止"),
    "overview.degraded": (
        "Traces cannot be written just now; answers go on",
        "暂时无法写入追踪记录；回答不受影响",
    ),
    "overview.nobody": ("No bot is online", "没有在线的智能体"),
    "overview.bots_online": ("Bots online", "在线智能体"),
    "overview.turns_open": ("Turns now", "进行中的对话"),
    "overview.uptime": ("Running for", "已运行"),
    "overview.dropped": ("Records given up", "放弃的记录"),
    "overview.bots": ("Bots", "智能体"),
    "overview.turns": ("Turns running now", "正在进行的对话"),
    "overview.quiet": ("Nothing is asked just now.", "目前没有提问。"),
    "overview.no_bots": ("No bots yet.", "还没有智能体。"),
    "overview.bot": ("Bot", "智能体"),
    "overview.state": ("State", "状态"),
    "overview.answers_by": ("Answers by", "回答方式"),
    "overview.link": ("a link", "远程连接"),
    "overview.trace": ("Trace", "追踪"),
    "overview.lasts": ("Lasts", "持续"),
    "overview.silent": ("Silent for", "静默"),
    "overview.chunks": ("Chunks", "片段"),
}
