"""What the pages for getting in say: the first visit and signing in."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "entry.welcome": ("Welcome", "欢迎"),
    "entry.first": (
        "This is the first visit: choose the password that opens these pages.",
        "这是首次访问：请设置打开这些页面的密码。",
    ),
    "entry.code": ("Setup code", "设置码"),
    "entry.code_hint": (
        "The gateway printed it when it started.",
        "网关启动时已打印在终端或日志中。",
    ),
    "entry.password": ("Password", "密码"),
    "entry.password_hint": ("At least {count} characters", "至少 {count} 个字符"),
    "entry.again": ("The same again", "再输入一次"),
    "entry.set": ("Set the password", "设置密码"),
    "entry.sign_in": ("Sign in", "登录"),
    "entry.forgotten": (
        "Forgotten? On the gateway’s machine `eyeclaw admin password` sets a new one.",
        "忘记了？在网关所在的机器上运行 `eyeclaw admin password` 可设置新密码。",
    ),
    "entry.wrong_password": ("Wrong password", "密码错误"),
    "entry.wrong_code": ("Wrong setup code", "设置码错误"),
    "entry.unequal": ("The two passwords are not the same", "两次输入的密码不一致"),
    "entry.unfit": (
        "A password has {shortest} to {longest} characters",
        "密码长度为 {shortest} 到 {longest} 个字符",
    ),
    "entry.too_many": (
        "Too many wrong passwords from your address: try again in {wait} s",
        "此地址输错密码次数过多：请在 {wait} 秒后重试",
    ),
}
