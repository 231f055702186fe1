"""What the overview says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "overview.title": ("Overview", "总览"),
    "overview.ok": ("Everything is well", "一切正常"),
    "overview.bots_online": ("Bots online", "在线智能体"),
    "overview.turns_open": ("Turns now", "进行中的对话"),
    "overview.uptime": ("Running for", "已运行"),
    "overview.bots": ("Bots", "智能体"),
    "overview.turns": ("Turns running now", "正在进行的对话"),
    "overview.quiet": ("Nothing is asked just now.", "目前没有提问。"),
    "overview.no_bots": ("No bots yet.", "还没有智能体。"),
    "overview.bot": ("Bot", "智能体"),
    "overview.trace": ("Trace", "追踪"),
    "overview.lasts": ("Lasts", "持续"),
    "overview.silent": ("Silent for", "静默"),
    "overview.chunks": ("Chunks", "片段"),
    "overview.turns_total": ("Turns in this time", "这段时间的对话"),
    "overview.failed": ("Failed", "失败"),
    "overview.lost": ("With losses", "有丢失"),
    "overview.well": ("Well", "正常"),
    "overview.losses": ("All with anomalies", "全部异常"),
    "overview.turns_over_time": ("Turns over time", "对话数量"),
    "overview.turns_label": (
        "{turns} turns, {failed} failed, {lost} with losses",
        "{turns} 次对话，{failed} 次失败，{lost} 次有丢失",
    ),
    "overview.first_chunk": ("First chunk after", "首个片段延迟"),
    "overview.relay": ("Slowest chunk held for", "最慢片段的转发延迟"),
    "overview.providers": ("Providers against their targets", "模型服务与目标"),
    "overview.provider": ("Provider", "模型服务"),
    "overview.linked": ("linked bots", "远程连接的智能体"),
    "overview.answers": ("Answered", "已回答"),
    "overview.first_chunk_short": ("First chunk, p50 / p95", "首个片段 p50 / p95"),
    "overview.targets": ("Targets", "目标"),
    "overview.target_counts": ("met {met}, missed {missed}", "达标 {met}，未达标 {missed}"),
    "overview.target_times": (
        "first token {first} ms, all {total} ms",
        "首字 {first} ms，全部 {total} ms",
    ),
    "overview.no_providers": (
        "Nothing was asked since the start.",
        "启动以来还没有提问。",
    ),
    "overview.failures": ("Last failures", "最近的失败"),
    "overview.no_failures": ("None among the kept traces.", "保留的追踪记录中没有失败。"),
    "overview.when": ("When", "时间"),
    "overview.outcome": ("Outcome", "结果"),
    "overview.reason": ("Reason", "原因"),
    "overview.outcome.offline": ("offline", "离线"),
    "overview.outcome.timeout": ("silent too long", "超时"),
    "overview.outcome.bot_error": ("bot failed", "智能体出错"),
    "overview.outcome.rejected": ("refused", "被拒绝"),
    "overview.outcome.interrupted": ("interrupted", "被中断"),
}
