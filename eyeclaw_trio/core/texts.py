"""The catalogue: every sentence that a wearer may hear from the gateway itself.

Chinese by default, English when `metadata.lang` asks for it (PROTOCOL 1). Nothing that a bot or
a model said is ever among them.
"""

from __future__ import annotations

from typing import Final, Literal

from eyeclaw_trio.errors import (
    AnswerTooLong,
    BindingFault,
    BindingRefused,
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    KeyOutdated,
    KeyRevoked,
    NotBound,
    PhotoFault,
    PhotoRefused,
    ProviderRefused,
    Reason,
    TurnFailed,
    WearerRefused,
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
_TOO_LONG: Final = {
    "zh": "回答过长，已中断。",
    "en": "The answer was too long and has been cut off.",
}
_KEY_OUTDATED: Final = {
    "zh": "访问密钥已失效，请在平台上换成新的密钥。",
    "en": "The access key is no longer valid. Please enter the new one on the platform.",
}
# Reasons that help the wearer (or the owner who wears them) to know what to do.
_REASONS: Final[dict[Reason, dict[Language, str]]] = {
    Reason.CUT_ANSWER: {"zh": "回答中途中断。", "en": "The answer broke off."},
    Reason.MODEL_UNREACHABLE: {"zh": "无法连接模型服务。", "en": "The model cannot be reached."},
    Reason.MODEL_TLS: {
        "zh": "与模型服务的安全连接失败。",
        "en": "No secure connection to the model.",
    },
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

_PHOTOS: Final[dict[PhotoFault, dict[Language, str]]] = {
    PhotoFault.ADDRESS: {
        "zh": "这张照片的地址不能用。",
        "en": "The address of this photo cannot be used.",
    },
    PhotoFault.UNREACHABLE: {
        "zh": "没能取到照片，请再拍一张。",
        "en": "The photo could not be fetched. Please take it again.",
    },
    PhotoFault.SLOW: {
        "zh": "照片传得太慢，请稍后再拍一张。",
        "en": "The photo came too slowly. Please take it again later.",
    },
    PhotoFault.LARGE: {
        "zh": "照片太大，请换一张小一点的。",
        "en": "The photo is too large. Please send a smaller one.",
    },
    PhotoFault.NO_IMAGE: {
        "zh": "照片打不开，请再拍一张。",
        "en": "The photo cannot be opened. Please take it again.",
    },
    PhotoFault.BUSY: {
        "zh": "照片太多，请稍后再试。",
        "en": "There are too many photos just now. Please try again later.",
    },
}
_WEARER_REFUSED: Final = {
    "zh": "你还不能使用这副助手，请联系它的主人。",
    "en": "You may not use this assistant. Please ask its owner.",
}
_NOT_BOUND: Final = {
    "zh": "你还没有绑定 Bot，请联系它的主人。",
    "en": "You are not bound to a bot yet. Please ask its owner.",
}
_LOOK_AT_CODE: Final = {
    "zh": "你还没有绑定。请看着绑定二维码，我来拍一张。",
    "en": "You are not bound yet. Please look at the binding code: I will take a photo of it.",
}
_BOUND: Final = {
    "zh": "绑定成功，现在可以提问了。",
    "en": "You are bound now. Go ahead and ask.",
}
_BINDING: Final[dict[BindingFault, dict[Language, str]]] = {
    BindingFault.NO_WEARER: {
        "zh": "眼镜没有说明你是谁，无法绑定。",
        "en": "The glasses do not say who you are, so you cannot be bound.",
    },
    BindingFault.NO_CODE: {
        "zh": "照片里没有找到二维码，请靠近一些再试一次。",
        "en": "There is no code in the photo. Please go closer and try again.",
    },
    BindingFault.UNKNOWN: {
        "zh": "这不是有效的绑定二维码，请让主人重新生成一个。",
        "en": "This is no valid binding code. Please ask the owner for a new one.",
    },
    BindingFault.USED: {
        "zh": "这个二维码已经用过了，请让主人重新生成一个。",
        "en": "This code was used already. Please ask the owner for a new one.",
    },
    BindingFault.EXPIRED: {
        "zh": "这个二维码已经过期，请让主人重新生成一个。",
        "en": "This code has expired. Please ask the owner for a new one.",
    },
    BindingFault.TAKEN: {
        "zh": "这个 Bot 已经绑定了别人。",
        "en": "This bot is bound to somebody else.",
    },
}

_NEW_CHAT: Final = {"zh": "好，我们重新开始。", "en": "All right, we start anew."}

_USES_TOOL: Final = {"zh": "正在查…", "en": "Looking it up…"}

# What only a chat client can be told: its user is no wearer, and sees words beside each other.
_EMPTY: Final = {
    "zh": "Bot 没有给出回答，请换个问法重试。",
    "en": "The bot gave no answer. Please ask in another way.",
}
_KEY_REVOKED: Final = {
    "zh": "访问密钥或 Bot 已失效。",
    "en": "The access key or the bot is no longer valid.",
}
_STOPPING: Final = {
    "zh": "网关正在重启，请稍后重试。",
    "en": "The gateway is restarting. Please try again in a moment.",
}
_NO_PROVIDER: Final = {
    "zh": "没有这个名称的模型。可用的有：",
    "en": "There is no provider of this name; known are: ",
}
_SEPARATOR: Final = {"zh": "、", "en": ", "}
_OTHER_PROVIDER: Final = {
    "zh": "此密钥只对一个 Bot 有效，不能指定这个模型。",
    "en": "This key is for one bot, and not for this provider.",
}
_LATER: Final = {"zh": "我做好后告诉你。", "en": "I will tell you when it is done."}
_ANSWERING: Final = {
    "zh": "上一条回答还在进行，请等它结束或先取消。",
    "en": "An answer is running already: wait for its end, or cancel it first.",
}


def choose_language(lang: object) -> Language:
    """English for `en`, `en-US` and the like; Chinese for everything else."""
    if not isinstance(lang, str):
        return "zh"
    name = lang[:16].strip().lower().replace("_", "-")  # it may be a megabyte long
    return "en" if name.partition("-")[0] == "en" else "zh"


def apology(failure: TurnFailed, language: Language) -> str:
    """What the wearer hears of a failure (PROTOCOL 1, table of failures)."""
    match failure:
        case BotOffline():
            return _OFFLINE[language]
        case BotSilent():
            return _SILENT[language]
        case BotBusy():
            return _BUSY[language]
        case AnswerTooLong():
            return _TOO_LONG[language]
        case PhotoRefused(fault=fault):
            return _PHOTOS[fault][language]
        case WearerRefused():
            return _WEARER_REFUSED[language]
        case NotBound():
            return _NOT_BOUND[language]
        case BindingRefused(fault=fault):
            return _BINDING[fault][language]
        case KeyOutdated():
            return _KEY_OUTDATED[language]
        case BotFailed(reason=reason) if reason in _REASONS:
            space = " " if language == "en" else ""
            return _FAILED[language] + space + _REASONS[reason][language]
        case _:
            return _FAILED[language]


def look_at_code(language: Language) -> str:
    """What a wearer hears who is bound to no bot, before the glasses take a photo of the code."""
    return _LOOK_AT_CODE[language]


def is_bound(language: Language) -> str:
    """What a wearer hears who is bound now."""
    return _BOUND[language]


def chat_apology(failure: TurnFailed, language: Language) -> str:
    """What the user of a chat client reads of a failure: each has words of its own."""
    match failure:
        case BotFailed(reason=Reason.EMPTY_ANSWER):
            return _EMPTY[language]
        case KeyRevoked():
            return _KEY_REVOKED[language]
        case GatewayStopping():
            return _STOPPING[language]
        case _:
            return apology(failure, language)


def uses_tool(language: Language) -> str:
    """What a wearer hears while a bot or model uses a tool of its own."""
    return _USES_TOOL[language]


def new_chat(language: Language) -> str:
    """What a wearer hears who has asked for a new conversation (PROTOCOL 5)."""
    return _NEW_CHAT[language]


def provider_refused(refused: ProviderRefused, language: Language) -> str:
    """What a chat client reads that has named a provider which it cannot ask."""
    if not refused.known:
        return _OTHER_PROVIDER[language]
    return _NO_PROVIDER[language] + _SEPARATOR[language].join(refused.known)


def later(language: Language) -> str:
    """What the wearer hears where the answer will be pushed (PROTOCOL 7)."""
    return _LATER[language]


def still_answering(language: Language) -> str:
    """What a chat client reads that asks again before the end of an answer."""
    return _ANSWERING[language]
