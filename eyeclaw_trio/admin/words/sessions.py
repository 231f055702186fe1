"""What the page about who is signed in says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "sessions.title": ("Sign-ins", "登录管理"),
    "sessions.browsers": ("Browsers that are signed in", "已登录的浏览器"),
    "sessions.browser": ("Browser", "浏览器"),
    "sessions.address": ("From", "来源地址"),
    "sessions.since": ("Since", "登录时间"),
    "sessions.seen": ("Last seen", "最近活动"),
    "sessions.this": ("this one", "当前"),
    "sessions.end": ("Sign it out", "使其退出"),
    "sessions.password": (
        "`eyeclaw admin password` sets a new password and signs all of them out.",
        "`eyeclaw admin password` 会设置新密码，并使所有浏览器退出登录。",
    ),
    "tokens.title": ("Tokens for scripts", "脚本令牌"),
    "tokens.about": (
        "A token opens the JSON API below /admin/api/ for a script, as `Authorization: Bearer …`.",
        "脚本可用令牌访问 /admin/api/ 下的 JSON API，写法为 `Authorization: Bearer …`。",
    ),
    "tokens.name": ("Name", "名称"),
    "tokens.prefix": ("Begins with", "开头"),
    "tokens.created": ("Made", "创建时间"),
    "tokens.used": ("Last used", "最近使用"),
    "tokens.make": ("Make a token", "创建令牌"),
    "tokens.revoke": ("Revoke", "吊销"),
    "tokens.none": ("No tokens yet.", "还没有令牌。"),
    "tokens.once": (
        "This is the token {name}. It is shown this once: copy it now.",
        "这是令牌 {name}，只显示这一次，请立即复制。",
    ),
}
