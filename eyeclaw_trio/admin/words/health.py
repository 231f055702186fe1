"""What the page of the health says beside the findings, whose words are in core/checkup_words."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "health.title": ("Health", "健康"),
    "health.good": ("well", "正常"),
    "health.warn": ("look at it", "需注意"),
    "health.bad": ("mend it", "需处理"),
    "health.probe": ("What /health says", "/health 的内容"),
    "health.about": (
        "Probes and monitors read it on both ports, without a key.",
        "监控程序可在两个端口读取，无需密钥。",
    ),
    "health.status": ("Status", "状态"),
    "health.version": ("Version", "版本"),
    "health.uptime": ("Running for", "已运行"),
    "health.bots": ("Bots online", "在线 Bot"),
    "health.turns": ("Turns open", "进行中的问答"),
    "health.dropped": ("Writes given up", "放弃的写入"),
}
