"""What the page of wearers says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "wearers.title": ("Wearers", "佩戴者"),
    "wearers.about": (
        "Who has asked, as far as the kept traces tell, and who is bound to a bot.",
        "根据保留的追踪记录，列出提过问题的佩戴者，以及已绑定 Bot 的佩戴者。",
    ),
    "wearers.everybody": (
        "Everybody may ask but those who are blocked.",
        "除被阻止的以外，任何人都可以提问。",
    ),
    "wearers.only_named": (
        "Only those may ask whom the settings name, or who are allowed here.",
        "只有设置中列出的，或在这里允许的佩戴者可以提问。",
    ),
    "wearers.binding_off": (
        "Nobody has to be bound: whoever belongs to no bot gets the default one "
        '(`binding = "off"`).',
        '无需绑定：没有绑定的佩戴者由默认 Bot 回答（`binding = "off"`）。',
    ),
    "wearers.binding_required": (
        'Each has to be bound first, by the code on the page of a bot (`binding = "required"`).',
        '需要先用 Bot 页面上的二维码绑定（`binding = "required"`）。',
    ),
    "wearers.none": ("Nobody has asked yet.", "还没有人提问。"),
    "wearers.wearer": ("Wearer", "佩戴者"),
    "wearers.id": ("Id of the wearer", "佩戴者编号"),
    "wearers.state": ("State", "状态"),
    "wearers.may_ask": ("may ask", "可以提问"),
    "wearers.kept_out": ("kept out", "不能提问"),
    "wearers.allowed": ("allowed here", "在此允许"),
    "wearers.blocked": ("blocked here", "在此阻止"),
    "wearers.in_file": ("named in the settings", "设置中已列出"),
    "wearers.turns": ("Turns", "问答数"),
    "wearers.asked": ("Last asked", "最近提问"),
    "wearers.answered_by": ("Asked bot", "所问的 Bot"),
    "wearers.bound": ("Bound to", "已绑定"),
    "wearers.traces": ("Traces", "追踪记录"),
    "wearers.change": ("Change", "更改"),
    "wearers.allow": ("Allow", "允许"),
    "wearers.block": ("Block", "阻止"),
    "wearers.take_back": ("Take back what was said", "撤销"),
    "wearers.unbind": ("Part from the bot", "解除绑定"),
    "wearers.unbind_sure": (
        "Part this wearer from the bot?",
        "解除这位佩戴者与 Bot 的绑定？",
    ),
    "wearers.forget": ("Forget", "遗忘"),
    "wearers.forget_about": (
        "what was talked about, the binding, what was said here, and the id in all traces",
        "清除对话内容、绑定、在此的设定，以及所有追踪记录中的编号",
    ),
    "wearers.forget_sure": (
        "Forget this wearer? The traces stay, and nobody can tell any more whose they were.",
        "遗忘这位佩戴者？追踪记录会保留，但无法再得知属于谁。",
    ),
    "wearers.new": ("Before somebody asks", "预先设定"),
    "wearers.new_about": (
        "Allow or block a wearer who has not asked yet, by the id that the glasses send.",
        "用眼镜发送的编号，允许或阻止还没有提过问题的佩戴者。",
    ),
}
