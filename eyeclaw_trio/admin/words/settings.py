"""What the page of the settings says; their meanings come with them."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "settings.title": ("Settings", "设置"),
    "settings.about": (
        "What is in force now. What is changed here is kept in the data folder and counts from the "
        "next start; what eyeclaw.toml, the environment or an option says counts more.",
        "当前生效的设置。在这里修改的内容保存在数据目录，下次启动时生效；"
        "eyeclaw.toml、环境变量和命令行选项优先。",
    ),
    "settings.next": ("From the next start:", "下次启动起生效："),
    "settings.general": ("General", "常规"),
    "settings.key": ("Setting", "设置"),
    "settings.value": ("Value", "值"),
    "settings.source": ("From", "来源"),
    "settings.change": ("Change", "修改"),
    "settings.none": ("not set", "未设置"),
    "settings.default": ("default", "默认"),
    "settings.here": ("changed here", "在此修改"),
    "settings.save": ("Save", "保存"),
    "settings.reset": ("Reset", "还原"),
    "settings.reset_to": ("Back to the default: {value}", "恢复默认值：{value}"),
    "settings.wins": ("said there, which counts more", "以该处为准"),
    "settings.in_file": ("in eyeclaw.toml", "请在 eyeclaw.toml 中设置"),
}
