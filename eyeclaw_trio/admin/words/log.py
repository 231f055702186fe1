"""What the page of the log says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "log.title": ("Log", "日志"),
    "log.about": (
        "The last lines, the newest first. All of them are on the gateway's standard error.",
        "最近的日志，最新的在前。完整日志在网关的标准错误输出里。",
    ),
    "log.level": ("At least", "最低级别"),
    "log.all": ("everything", "全部"),
    "log.info": ("information", "信息"),
    "log.warning": ("warnings", "警告"),
    "log.error": ("errors", "错误"),
    "log.level.debug": ("debug", "调试"),
    "log.level.info": ("info", "信息"),
    "log.level.warning": ("warning", "警告"),
    "log.level.error": ("error", "错误"),
    "log.level.critical": ("critical", "严重"),
    "log.word": ("Contains", "包含"),
    "log.none": ("No line fits.", "没有符合的日志。"),
}
