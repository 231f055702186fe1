"""The catalogue: every sentence that a wearer may hear from the gateway itself.

Chinese by default, English when `metadata.lang` asks for it (PROTOCOL 1). Nothing that a bot or
a model said is ever among them.
"""

from __future__ import annotations

from typing import Final, Literal

from eyeclaw_trio.errors import (
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    Reason,
    TurnFailed,
)

Language = Literal["zh", "en"]

_OFFLINE: Final = {
    "zh": "Bot 已离线，请检查设备连接后重试。",
    "en": "The bot is offline. Please check its connection and try again.",
}
_SILENT: Final = {
    "zh": "请求超时，Bot 可能已离线或响应缓慢，请稍后重试。",
    "en": "The request timed out. The bot may be offline or slow. Please try again later.",
}
_BUSY: Final = {
    "zh": "Bot 正忙，请稍后重试。",
    "en": "The bot is busy. Please try again later.",
}
_FAILED: Final = {
    "zh": "Bot 处理出错，请稍后重试。",
    "en": "The bot ran into a problem. Please try again later.",
}
# Reasons that help the wearer (or the owner who wears them) to know what to do.
_REASONS: Final[dict[Reason, dict[Language, str]]] = {
    Reason.CUT_ANSWER: {"zh": "回答中途中断。", "en": "The answer broke off."},
    Reason.MODEL_UNREACHABLE: {"zh": "无法连接模型服务。", "en": "The model cannot be reached."},
    Reason.MODEL_TIMEOUT: {"zh": "模型响应超时。", "en": "The model took too long."},
    Reason.MODEL_KEY_REFUSED: {"zh": "模型密钥无效。", "en": "The model refused its key."},
    Reason.MODEL_NO_CREDIT: {"zh": "模型账户余额不足。", "en": "The model's account is empty."},
    Reason.MODEL_NOT_FOUND: {"zh": "模型或接口不存在。", "en": "The model was not found."},
    Reason.MODEL_REQUEST_REFUSED: {
        "zh": "模型拒绝了请求。",
        "en": "The model refused the request.",
    },
    Reason.MODEL_BUSY: {"zh": "模型请求过多。", "en": "The model is overloaded."},
    Reason.MODEL_ERROR: {"zh": "模型服务出错。", "en": "The model failed."},
}


def choose_language(lang: object) -> Language:
    """English for `en`, `en-US` and the like; Chinese for everything else."""
    if isinstance(lang, str) and lang.strip().lower().replace("_", "-").split("-")[0] == "en":
        return "en"
    return "zh"


def apology(failure: TurnFailed, language: Language) -> str:
    """What the wearer hears of a failure (PROTOCOL 1, table of failures)."""
    match failure:
        case BotOffline():
            return _OFFLINE[language]
        case BotSilent():
            return _SILENT[language]
        case BotBusy():
            return _BUSY[language]
        case BotFailed(reason=reason) if reason in _REASONS:
            space = " " if language == "en" else ""
            return _FAILED[language] + space + _REASONS[reason][language]
        case _:
            return _FAILED[language]
