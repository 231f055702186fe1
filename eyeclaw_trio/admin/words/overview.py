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
    "finding.draining": ("The gateway is stopping", "网关正在停止"),
    "finding.backup_waiting": (
        "A backup waits for the next start",
        "有一个备份将在下次启动时恢复",
    ),
    "finding.store_degraded": (
        "The database cannot be written just now; answers go on. Records given up: {dropped}",
        "暂时无法写入数据库；回答不受影响。已放弃的记录：{dropped}",
    ),
    "finding.store_dropped": (
        "Records that were given up since the start: {dropped}",
        "启动以来放弃的记录：{dropped}",
    ),
    "finding.no_key": (
        "There is no key yet: glasses cannot come in. Make one under “Access keys”",
        "还没有有效的密钥，眼镜无法接入。请在“访问密钥”中创建",
    ),
    "finding.no_bot": (
        "There is no bot yet: nobody answers. Add one under “Bots”",
        "还没有智能体，没有人回答。请在“智能体”中添加",
    ),
    "finding.no_bot_online": ("No bot is online", "没有在线的智能体"),
    "finding.bots_offline": ("Offline: {names}", "离线：{names}"),
    "finding.no_default_bot": (
        "No bot answers by default: choose one under “Bots”",
        "没有默认智能体：请在“智能体”中选择一个",
    ),
    "finding.bots_flapping": (
        "The link breaks again and again: {names}",
        "连接反复断开：{names}",
    ),
    "finding.old_sdks": (
        "An old SDK, whose losses cannot be healed, upgrade it: {names}",
        "SDK 版本过旧，丢失的内容无法补全，请升级：{names}",
    ),
    "finding.public_without_tls": (
        "Others reach the gateway at {host} without TLS: keys and answers can be read on the way",
        "其他机器可以不经 TLS 访问 {host}：密钥和回答在传输中可能被读取",
    ),
    "finding.clock_wrong": ("The clock of this machine was never set", "本机时钟没有校准"),
    "finding.clock_jumped": (
        "The clock has jumped by {minutes} min while the gateway ran",
        "网关运行期间时钟跳动了 {minutes} 分钟",
    ),
    "finding.disk_unknown": ("The room on the disk is not known", "无法得知磁盘剩余空间"),
    "finding.disk_full": (
        "The disk is full but for {megabytes} MB",
        "磁盘几乎已满，仅剩 {megabytes} MB",
    ),
    "finding.disk_little": (
        "The disk is nearly full: {megabytes} MB are left",
        "磁盘空间不足：剩余 {megabytes} MB",
    ),
}
