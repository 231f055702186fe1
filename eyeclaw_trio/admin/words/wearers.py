"""What the page of wearers says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "wearers.title": ("Wearers", "佩戴者"),
    "wearers.about": (
        "Who has asked, as far as the kept traces tell, and who is bound to a bot.",
        "根据保留的追踪记录，列出提过问题的佩戴者，以及已绑定智能体的佩戴者。",
    ),
    "wearers.none": ("Nobody has asked yet.", "还没有人提问。"),
    "wearers.wearer": ("Wearer", "佩戴者"),
    "wearers.turns": ("Turns", "对话数"),
    "wearers.asked": ("Last asked", "最近提问"),
    "wearers.answered_by": ("Asked bot", "提问的智能体"),
    "wearers.bound": ("Bound to", "已绑定"),
    "wearers.traces": ("Traces", "追踪"),
    "wearers.unbind": ("Part", "解除绑定"),
    "wearers.unbind_sure": (
        "Part this wearer from the bot?",
        "解除这位佩戴者与智能体的绑定？",
    ),
}
