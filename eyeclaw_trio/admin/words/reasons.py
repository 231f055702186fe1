"""Why a turn or a model failed, in words: for the codes that traces and the log have."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "reason.unknown": ("not said why", "没有说明原因"),
    "reason.empty_answer": ("the answer was empty", "回答是空的"),
    "reason.cut_answer": ("the answer broke off", "回答中途断了"),
    "reason.model_unreachable": ("the model cannot be reached", "连不上模型"),
    "reason.model_tls": ("no secure connection to the model", "与模型的安全连接失败"),
    "reason.model_timeout": ("the model took too long", "模型太慢"),
    "reason.model_key_refused": ("the model refused its key", "模型密钥无效"),
    "reason.model_no_credit": ("the model’s account is empty", "模型账户没有余额"),
    "reason.model_not_found": ("no such model or endpoint", "没有这个模型或接口"),
    "reason.model_request_refused": ("the model refused the request", "模型拒绝了请求"),
    "reason.model_busy": ("too many requests to the model", "对模型的请求太多"),
    "reason.model_error": ("the model failed", "模型出错"),
    "reason.bot_busy": ("the bot was busy", "Bot 正忙"),
    "reason.no_bot": ("nobody knows which bot is meant", "不知道该由哪个 Bot 回答"),
    "reason.unknown_provider": (
        "the bot’s provider is not in the settings",
        "配置中没有这个 Bot 的模型服务",
    ),
    "reason.unusable_provider": (
        "the bot’s provider cannot be used",
        "这个 Bot 的模型服务无法使用",
    ),
    "reason.too_many_turns": ("too many answers are kept already", "保存的回答太多"),
    "reason.too_long": ("the answer was too long", "回答太长"),
    "reason.key_revoked": ("the key was revoked", "密钥已吊销"),
    "reason.key_outdated": ("the key was replaced by a new one", "密钥已更换"),
    "reason.stopping": ("the gateway was stopping", "网关正在停止"),
    "reason.not_allowed": ("this wearer may not ask", "这位佩戴者不能提问"),
    "reason.not_bound": ("this wearer is not bound yet", "这位佩戴者还没有绑定"),
    "reason.no_user_id": ("the glasses do not say who asks", "眼镜没有说明提问的是谁"),
    "reason.code_missing": ("no code in the photo", "照片里没有二维码"),
    "reason.code_unknown": ("not a code of this gateway", "不是这个网关的二维码"),
    "reason.code_used": ("the code was used already", "二维码已经用过"),
    "reason.code_expired": ("the code was too old", "二维码已经过期"),
    "reason.bot_taken": ("the bot belongs to another wearer", "这个 Bot 属于别人"),
    "reason.photo_address": ("the photo’s address cannot be used", "照片的地址不能用"),
    "reason.photo_unreachable": ("the photo could not be fetched", "没能取到照片"),
    "reason.photo_slow": ("the photo came too slowly", "照片传得太慢"),
    "reason.photo_large": ("the photo was too large", "照片太大"),
    "reason.photo_no_image": ("the photo cannot be opened", "照片打不开"),
    "reason.photo_busy": ("too many photos at the same time", "同时来的照片太多"),
}
