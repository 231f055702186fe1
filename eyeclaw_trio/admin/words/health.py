"""What the page of the health says: each finding of core.checkup, and what to do about it."""

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
    "health.bots": ("Bots online", "在线智能体"),
    "health.turns": ("Turns open", "进行中的问答"),
    "health.dropped": ("Writes given up", "放弃的写入"),
    "health.is.running": ("The gateway answers.", "网关正在回答。"),
    "health.is.draining": (
        "The gateway is stopping: running answers may finish.",
        "网关正在停止：进行中的回答可以说完。",
    ),
    "health.is.backup_waiting": (
        "A backup waits to be restored at the next start.",
        "有一份备份将在下次启动时恢复。",
    ),
    "health.do.backup_waiting": (
        "Start the gateway again, or take it back on the page of the backups.",
        "请重新启动网关，或在备份页面取消。",
    ),
    "health.is.store_ok": ("Traces and bots are being written down.", "追踪和智能体信息正常写入。"),
    "health.is.store_degraded": (
        "The data folder cannot be written: {dropped} traces were given up. Answers go on.",
        "数据目录无法写入，已放弃 {dropped} 条记录；回答不受影响。",
    ),
    "health.do.store_degraded": (
        "Look at the disk: is it full, or read-only? The log says what was tried.",
        "请检查磁盘是否已满或只读；日志里有具体原因。",
    ),
    "health.is.store_dropped": (
        "{dropped} traces were given up since the start, while the disk was too slow or full.",
        "启动以来因磁盘过慢或已满放弃了 {dropped} 条记录。",
    ),
    "health.do.store_dropped": (
        "If it goes on growing, put the data folder on a faster disk.",
        "如果仍在增加，请把数据目录放到更快的磁盘上。",
    ),
    "health.is.keys": ("{count} access keys are valid.", "有 {count} 个有效的访问密钥。"),
    "health.is.no_key": ("There is no valid access key.", "没有有效的访问密钥。"),
    "health.do.no_key": (
        "Make one on the page of the keys, or by `eyeclaw key create NAME`, and enter it as the "
        "AK on Rokid's platform.",
        "请在密钥页面创建，或运行 `eyeclaw key create NAME`，再填到 Rokid 平台的 AK。",
    ),
    "health.is.no_bot": ("There is no bot to answer.", "没有可以回答的智能体。"),
    "health.do.no_bot": (
        "Add one on the page of the bots, or by `eyeclaw bot add NAME`.",
        "请在智能体页面添加，或运行 `eyeclaw bot add NAME`。",
    ),
    "health.is.no_bot_online": (
        "No bot is online: whoever asks hears an apology.",
        "没有在线的智能体：提问者只会听到道歉。",
    ),
    "health.do.no_bot_online": (
        "Start the SDK or `eyeclaw connect` beside the agent; the page of the bots has it.",
        "请在智能体旁启动 SDK 或 `eyeclaw connect`，命令见智能体页面。",
    ),
    "health.is.bots_offline": ("Offline: {names}.", "离线：{names}。"),
    "health.do.bots_offline": (
        "If they should be there, look at their side: does the SDK run, is the token theirs?",
        "如果应当在线，请检查对端：SDK 是否在运行，令牌是否正确。",
    ),
    "health.is.bots_online": ("All {count} bots are online.", "全部 {count} 个智能体在线。"),
    "health.is.no_default_bot": (
        "Several bots, and none of them is the default: a question that names none has no answer.",
        "有多个智能体但没有默认的：没有指定对象的问题得不到回答。",
    ),
    "health.do.no_default_bot": (
        "Mark one on the page of the bots, or by `eyeclaw bot default ID`.",
        "请在智能体页面设置，或运行 `eyeclaw bot default ID`。",
    ),
    "health.is.on_loopback": (
        "The public port listens on this machine only ({host}): a proxy or a tunnel brings TLS.",
        "公开端口只监听本机（{host}），由代理或隧道提供 TLS。",
    ),
    "health.is.public_with_tls": (
        "The public port listens on {host}, with TLS.",
        "公开端口监听 {host}，已启用 TLS。",
    ),
    "health.is.public_without_tls": (
        "The public port listens on {host} without TLS: keys and questions can be read on the way.",
        "公开端口监听 {host} 而没有 TLS：密钥和问题可能在途中被读取。",
    ),
    "health.do.public_without_tls": (
        "Let it listen on 127.0.0.1 behind a proxy such as Caddy, or set tls_certificate.",
        "请改为监听 127.0.0.1 并使用 Caddy 等代理，或设置 tls_certificate。",
    ),
    "health.is.clock_ok": ("The clock is set.", "系统时钟正常。"),
    "health.is.clock_wrong": ("The clock was never set.", "系统时钟没有设置。"),
    "health.do.clock_wrong": (
        "Set it (NTP): certificates are not valid otherwise, and times in traces are wrong.",
        "请设置时钟（NTP），否则证书无效，追踪中的时间也不对。",
    ),
    "health.is.disk_ok": (
        "The disk has room: {megabytes} MB free.",
        "磁盘空间充足：剩余 {megabytes} MB。",
    ),
    "health.is.disk_little": ("Only {megabytes} MB are free.", "磁盘只剩 {megabytes} MB。"),
    "health.do.disk_little": (
        "Make room, or keep fewer traces (traces.keep_rows, traces.keep_days).",
        "请清理磁盘，或减少保留的追踪（traces.keep_rows、traces.keep_days）。",
    ),
    "health.is.disk_full": (
        "The disk is nearly full: {megabytes} MB are free. Traces will be lost; answers go on.",
        "磁盘几乎已满：只剩 {megabytes} MB。追踪会丢失，回答不受影响。",
    ),
    "health.do.disk_full": ("Make room now.", "请立即清理磁盘。"),
    "health.is.disk_unknown": (
        "How much room the disk has cannot be found out.",
        "无法得知磁盘剩余空间。",
    ),
    "health.do.disk_unknown": (
        "Is the data folder still mounted and readable?",
        "数据目录是否仍然挂载且可读？",
    ),
}
