"""What the pages of bots say."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "bots.title": ("Bots", "Bot"),
    "bots.none": (
        "No bots yet: add one, and connect what answers.",
        "还没有 Bot：请添加一个，再把回答问题的程序接上。",
    ),
    "bots.bot": ("Bot", "Bot"),
    "bots.id": ("Id", "编号"),
    "bots.state": ("State", "状态"),
    "bots.answers_by": ("Answers by", "回答方式"),
    "bots.link": ("a link", "从别处连入"),
    "bots.wearer": ("Wearer", "佩戴者"),
    "bots.heard": ("Last heard", "最近心跳"),
    "bots.heard_then": ("Last heard:", "最近心跳："),
    "bots.default": ("default", "默认"),
    "bots.links": ("Links", "连接数"),
    "bots.not_configured": ("not in the settings any more", "已不在配置中"),
    "bots.unknown_provider": ("its provider is not in the settings", "配置中没有它的模型服务"),
    "bots.unusable_provider": ("its provider cannot be used", "它的模型服务无法使用"),
    "bots.new": ("A new bot", "添加 Bot"),
    "bots.name": ("Name", "名称"),
    "bots.add": ("Add the bot", "添加"),
    "bots.add_about": (
        "A bot with a provider answers within the gateway. One with a link is a program elsewhere: "
        "`eyeclaw connect`, an OpenClaw or an EyeClaw SDK.",
        "选择模型服务的 Bot 在网关内回答；选择“从别处连入”的，由别处的程序回答："
        "`eyeclaw connect`、OpenClaw 或 EyeClaw SDK。",
    ),
    "bots.all": ("All bots", "全部 Bot"),
    "bots.history": ("Presence", "在线记录"),
    "bots.outages": ("Outages", "离线记录"),
    "bots.no_outages": ("None in this time.", "这段时间内没有离线。"),
    "bots.goes_on": ("goes on", "仍在持续"),
    "bots.from": ("From", "开始"),
    "bots.to": ("To", "结束"),
    "bots.sessions": ("Sessions", "会话记录"),
    "bots.no_sessions": ("It has never been linked.", "从未连接过。"),
    "bots.session": ("Session", "会话"),
    "bots.connected": ("Linked", "连接时间"),
    "bots.gone": ("Gone", "断开时间"),
    "bots.still_there": ("still there", "仍在线"),
    "bots.settings": ("Settings", "设置"),
    "bots.rename": ("Rename", "改名"),
    "bots.provider": ("Provider", "模型服务"),
    "bots.change_provider": ("Change", "更改"),
    "bots.make_default": ("Let it answer by default", "设为默认"),
    "bots.default_about": (
        "It answers whoever asks for no other.",
        "没有指定 Bot 的提问都由它回答。",
    ),
    "bots.bound": ("bound", "已绑定"),
    "bots.unbound": ("nobody", "未绑定"),
    "bots.unbound_about": (
        "Whoever looks at its code with the glasses is bound to it.",
        "用眼镜看它的二维码即可绑定。",
    ),
    "bots.make_code": ("Make a binding code", "生成绑定二维码"),
    "bots.code": ("QR code that binds a wearer to this bot", "绑定佩戴者与 Bot 的二维码"),
    "bots.code_about": (
        "Look at it with the glasses when they ask for it. It binds one wearer, once.",
        "眼镜提示时，用眼镜看这个二维码。每个二维码只能绑定一位佩戴者。",
    ),
    "bots.code_until": ("It counts until", "有效期至"),
    "bots.code_over": (
        "This code does not count any more: make a new one.",
        "这个二维码已失效，请重新生成。",
    ),
    "bots.code_asked": (
        "The glasses ask for it a wearer who belongs to no bot.",
        "没有绑定的佩戴者提问时，眼镜会提示扫码。",
    ),
    "bots.code_off": (
        'Nobody is asked for it while the settings say `binding = "off"`.',
        '当前设置为 `binding = "off"`，眼镜不会提示扫码。',
    ),
    "bots.unbind": ("Part it from its wearer", "解除绑定"),
    "bots.unbind_sure": ("Part this bot from its wearer?", "解除这个 Bot 与佩戴者的绑定？"),
    "bots.remove": ("Remove the bot", "移除 Bot"),
    "bots.remove_sure": (
        "Remove this bot, its token, its history, and the keys that open it only?",
        "移除这个 Bot、它的令牌、在线记录，以及仅限于它的密钥？",
    ),
    "bots.configured_about": (
        "This bot stands in the settings’ file: its name and provider are changed there.",
        "这个 Bot 写在配置文件里：名称和模型服务请在那里修改。",
    ),
    "bots.glasses": ("Connect glasses to it", "把眼镜接到它"),
    "bots.glasses_about": (
        "A key of its own leads glasses to this bot, whatever id they send.",
        "为它单独创建一个密钥：无论眼镜发来什么 ID，都会由它回答。",
    ),
    "bots.make_key": ("Make a key for it", "为它创建密钥"),
    "bots.connect": ("Connect what answers", "接上回答问题的程序"),
    "bots.connect_about": (
        "On the machine where OpenClaw or another model runs. The token is the one that was shown "
        "when it was made.",
        "在运行 OpenClaw 或其他模型的机器上执行。令牌是创建时显示的那一个。",
    ),
    "bots.command": ("Command", "命令"),
    "bots.cable": ("WebSocket address for an SDK", "SDK 使用的 WebSocket 地址"),
    "bots.token": ("Token", "令牌"),
    "bots.new_token": ("Make a new token", "生成新令牌"),
    "bots.new_token_sure": (
        "Make a new token? The old one is of no use from then on, and its link ends.",
        "生成新令牌？旧令牌立即失效，使用它的连接会断开。",
    ),
    "bots.once": (
        "This is the token of bot {name}. It is shown this once: copy it now.",
        "这是 Bot {name} 的令牌，只显示这一次，请立即复制。",
    ),
    "bots.invite": ("Let an OpenClaw connect itself", "让 OpenClaw 自己连接"),
    "bots.invite_about": (
        "Makes a new token, and an address that an OpenClaw can read once: a SKILL.md that tells "
        "it, step by step, how to connect itself to this bot.",
        "生成新令牌，以及一个只能读取一次的地址：其中的 SKILL.md 会一步步告诉 OpenClaw "
        "如何把自己连接到这个 Bot。",
    ),
    "bots.invite_make": ("Make the address", "生成地址"),
    "bots.invite_once": (
        "Tell the OpenClaw to follow what it finds here. The address works once, for a quarter of "
        "an hour.",
        "请让 OpenClaw 按照这个地址里的内容操作。地址只能读取一次，15 分钟内有效。",
    ),
    "bots.invite_words": (
        "Read {url} and follow it.",
        "请读取 {url} 并按其中的步骤操作。",
    ),
    "bots.invite_address": ("One-time address", "一次性地址"),
    "span.hour": ("Hour", "小时"),
    "span.day": ("Day", "天"),
    "span.week": ("Week", "周"),
    "span.month": ("Month", "月"),
    "span.choose": ("How far back", "时间范围"),
    "beat.share": ("{percent}% online", "在线 {percent}%"),
    "beat.nothing": ("nothing is known of this time", "这段时间没有记录"),
    "beat.unknown": ("no record", "无记录"),
    "beat.online": ("online", "在线"),
    "beat.offline": ("offline", "离线"),
    "beat.partly": (
        "online {there} min, offline {gone} min, unsteady {broken} min",
        "在线 {there} 分钟，离线 {gone} 分钟，不稳定 {broken} 分钟",
    ),
    "beat.bar": ("Presence of {name}: {share}", "{name} 的在线记录：{share}"),
}
