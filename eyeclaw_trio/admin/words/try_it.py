"""What the page to try a bot says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "try.title": ("Try it", "试一试"),
    "try.about": (
        "Ask a bot as glasses would: the same way through the gateway, with a trace of its own.",
        "像眼镜一样向 Bot 提问：走同样的路径，并留下自己的追踪记录。",
    ),
    "try.bot": ("Bot", "Bot"),
    "try.text": ("Question", "问题"),
    "try.example": ("What is the weather like today?", "今天天气怎么样？"),
    "try.photo": ("Photo", "照片"),
    "try.photo_about": ("is sent along", "一起发送"),
    "try.photo_wanted": (
        "Choose a photo and ask again, as the glasses would send it.",
        "请选择一张照片再提问，就像眼镜拍照后发送一样。",
    ),
    "try.action": ("The glasses are to do this", "眼镜要执行"),
    "try.follow_ups": ("Could be asked next", "可以接着问"),
    "try.ask": ("Ask", "提问"),
    "try.stop": ("Stop", "停止"),
    "try.answer": ("Answer", "回答"),
    "try.raw": ("Raw events", "原始事件"),
    "try.trace": ("Its trace", "查看追踪记录"),
    "try.first": ("First text after", "首字用时"),
    "try.whole": ("Whole answer after", "总用时"),
    "try.events": ("Events", "事件数"),
}
