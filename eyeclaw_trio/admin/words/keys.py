"""What the page of access keys says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "keys.title": ("Access keys", "访问密钥"),
    "keys.about": (
        "Glasses, workers and chats show an access key to be let in.",
        "眼镜、边缘 Worker 和聊天客户端凭访问密钥接入。",
    ),
    "keys.none": ("No keys yet: make one for the glasses.", "还没有密钥：请为眼镜创建一个。"),
    "keys.new": ("A new key", "新建密钥"),
    "keys.name": ("Name", "名称"),
    "keys.prefix": ("Begins with", "开头"),
    "keys.opens": ("Opens", "可用于"),
    "keys.all_bots": ("all bots", "全部 Bot"),
    "keys.state": ("State", "状态"),
    "keys.active": ("active", "有效"),
    "keys.revoked": ("revoked", "已吊销"),
    "keys.until": ("opens until", "有效至"),
    "keys.used": ("Last used", "最近使用"),
    "keys.created": ("Made", "创建时间"),
    "keys.make": ("Make the key", "创建密钥"),
    "keys.revoke": ("Revoke", "吊销"),
    "keys.restore": ("Restore", "恢复"),
    "keys.rotate": ("Replace", "更换"),
    "keys.more": ("Change key {name}", "更改密钥 {name}"),
    "keys.change": ("Change", "更改"),
    "keys.limit": ("Limit", "限定"),
    "keys.revoke_sure": (
        "Revoke this key? What is answered with it ends within two seconds.",
        "吊销这个密钥？正在使用它的回答会在两秒内结束。",
    ),
    "keys.rotate_about": (
        "A new key takes its place; the old one opens for a while still, because Rokid’s platform "
        "goes on for a while to send the one it knows.",
        "新密钥取代旧密钥；旧密钥仍会有效一段时间，因为 Rokid 平台会缓存旧密钥继续使用一阵。",
    ),
    "keys.grace": ("The old one opens for", "旧密钥继续有效"),
    "keys.grace.0": ("no time at all", "立即失效"),
    "keys.grace.3600": ("an hour", "1 小时"),
    "keys.grace.86400": ("a day", "1 天"),
    "keys.grace.604800": ("7 days", "7 天"),
    "keys.once": (
        "This is the access key {name}. It is shown this once: copy it now.",
        "这是访问密钥 {name}，只显示这一次，请立即复制。",
    ),
    "keys.old_until": ("The old key opens until", "旧密钥有效至"),
    "keys.form": ("For the form of Rokid’s platform", "填入 Rokid 平台的表单"),
    "keys.url": ("Address of the agent", "智能体地址"),
    "keys.ak": ("Key of the agent", "智能体密钥"),
    "keys.try": ("Try it in a terminal", "在终端里试一试"),
    "address.title": ("Address of this gateway", "网关地址"),
    "address.about": (
        "How glasses and bots reach the gateway. If there is a proxy before it, say its address "
        "here; this browser remembers it.",
        "眼镜和 Bot 访问网关所用的地址。如果前面有反向代理，请填写代理的地址；浏览器会记住它。",
    ),
    "address.only_here": (
        "Rokid’s servers cannot reach this address: it is of this machine only.",
        "Rokid 的服务器无法访问这个地址：它只在本机有效。",
    ),
    "address.use": ("Use this address", "使用这个地址"),
}
