"""What each setting means, in the words of `eyeclaw config reference`, the pages and docs/. Pure.

Every setting of the schema stands here once, in the order in which people read them. `NAME` and
`0` stand for what is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from attrs import frozen

from eyeclaw_trio.settings.lines import KeyPath

Language = Literal["en", "zh"]
Unit = Literal["", "seconds", "bytes", "days", "hours", "turns", "questions", "connections"]

UNITS_ZH: Final[Mapping[Unit, str]] = {
    "": "",
    "seconds": "秒",
    "bytes": "字节",
    "days": "天",
    "hours": "小时",
    "turns": "次问答",
    "questions": "个问题",
    "connections": "个连接",
}


@frozen
class Meaning:
    """What a setting is for, and in which unit. `example` is shown where it has no default, as
    TOML writes it; `is_usual`: nearly everybody says something there."""

    english: str
    chinese: str
    unit: Unit = ""
    example: str = ""
    is_usual: bool = False

    def text(self, language: Language) -> str:
        """Its meaning in this language."""
        return self.chinese if language == "zh" else self.english

    def unit_in(self, language: Language) -> str:
        """Its unit in this language; empty: it has none."""
        return UNITS_ZH[self.unit] if language == "zh" else self.unit


_M = Meaning
_WEARER: Final[Mapping[str, Meaning]] = {
    "context": _M(
        "what of a question's circumstances goes to the model; [] for nothing",
        "提问时的哪些情况告诉模型；[] 表示都不告诉",
    ),
    "style": _M(
        'what kind of answer is wanted; default: two or three spoken sentences; "" for nothing',
        '希望怎样回答；默认是两三句口语；"" 表示不提要求',
        example='"…"',
    ),
    "filler_after": _M(
        "of silence before a short word is said, once; 0: never",
        "沉默多久就先应一声（只一次）；0 表示不应",
        "seconds",
    ),
    "filler": _M("that word", "应的那一声"),
    "status_words": _M(
        "say so when a bot or model says that it uses a tool",
        "Bot 或模型说在使用工具时，告诉佩戴者",
    ),
    "photo_question": _M(
        "what a model is asked about a photo without words", "照片没有附带文字时，向模型问什么"
    ),
    "keep_history": _M(
        "what was said is kept on disk too, for models that remember nothing themselves",
        "模型自己不记事时，说过的话也保存到磁盘",
    ),
    "forget_after": _M(
        "of silence that begin a new conversation; 0: never",
        "沉默多久就开始新对话；0 表示不会",
        "seconds",
    ),
    "actions": _M(
        "what glasses may be asked to do; [] for nothing", "可以让眼镜做什么；[] 表示都不可以"
    ),
    "follow_ups": _M(
        "questions that may be shown behind an answer, at most; 0 for none",
        "回答之后最多显示几个可以接着问的问题；0 表示不显示",
    ),
    "longest": _M(
        'characters of an answer of speech = "clean", ending at a sentence; 0: all',
        'speech = "clean" 的回答最多多少字，在句末结束；0 表示不限',
    ),
    "emoji": _M('emoji are said where speech = "clean"', 'speech = "clean" 时保留表情符号'),
}
_PRIVATE_IMAGES: Final = _M(
    "photos from private addresses too; for tests only", "也从内网地址取照片；只用于测试"
)
MEANINGS: Final[Mapping[KeyPath, Meaning]] = {
    ("listen",): _M(
        "where glasses, bots, workers and chat clients come", "眼镜、Bot、Worker 和聊天客户端连这里"
    ),
    ("admin_listen",): _M(
        "pages, metrics and health; keep it on loopback", "管理页面、指标和健康检查，请只留给本机"
    ),
    ("data",): _M(
        "keys, bots, traces; default: ~/.local/share/eyeclaw on Linux",
        "密钥、Bot、追踪记录；Linux 上默认是 ~/.local/share/eyeclaw",
        example='"…"',
    ),
    ("binding",): _M(
        'or "required": a wearer whom no bot belongs to is asked for its QR code first',
        '或 "required"：还没有绑定 Bot 的佩戴者要先扫描它的二维码',
    ),
    ("tls_certificate",): _M(
        "and tls_key: TLS by the gateway itself",
        "和 tls_key 一起：由网关自己提供 TLS",
        example='"…"',
    ),
    ("tls_key",): _M("the key of that certificate", "该证书的私钥", example='"…"'),
    ("allowed_origins",): _M(
        'web pages that may call the gateway and chat; ["*"] for all',
        '允许哪些网页访问网关、参与聊天；["*"] 表示全部',
    ),
    ("chat_provider",): _M(
        "answers chat clients that name nobody; default: the first of [providers]",
        "聊天客户端没有指定时由谁回答；默认是 [providers] 里的第一个",
        example='"NAME"',
    ),
    ("sse_error_event",): _M(
        "also `event: error` when a bot reports an error", "Bot 报错时另发一个 `event: error`"
    ),
    ("keepalive_message",): _M(
        "an empty message beside the comment on a silent stream, until the first text: "
        "some glasses give up after ten seconds without one",
        "还没有文字时，注释之外再发一条空消息：有的眼镜十秒收不到消息就会放弃",
    ),
    ("refuse_aloud",): _M(
        "a key that was good once hears a sentence instead of 401",
        "曾经有效的密钥来提问时，用一句话回答，而不是 401",
    ),
    ("incident_code",): _M(
        "a short code behind the text of a failure, which finds its trace",
        "出错的提示后面附一个短码，用它可以找到追踪记录",
    ),
    ("allowed_users",): _M(
        "the user_id of wearers who may ask; empty: all",
        "哪些佩戴者（user_id）可以提问；空表示所有人",
    ),
    ("frame_shortcut",): _M(
        "simple frames past the WebSocket library; off only to look for a fault",
        "简单的帧不经过 WebSocket 库；只在查找故障时关闭",
    ),
    **{("wearer", key): meaning for key, meaning in _WEARER.items()},
    ("wearer", "allow_private_images"): _PRIVATE_IMAGES,
    ("patience", "idle_timeout"): _M(
        "longest silence of a bot within an answer", "回答过程中 Bot 最长可以沉默多久", "seconds"
    ),
    ("patience", "keepalive"): _M(
        "until a comment line on a silent stream", "没有内容可发时，多久发一行注释", "seconds"
    ),
    ("patience", "presence_timeout"): _M(
        "a bot whose last heartbeat is older is offline",
        "最后一次心跳早于这个时间的 Bot 算离线",
        "seconds",
    ),
    ("patience", "resume_grace"): _M(
        "an answer waits this long for its bot's broken link", "Bot 断线后，回答等它多久", "seconds"
    ),
    ("patience", "summary_grace"): _M(
        "an answer waits this long for its summary, when a piece is missing",
        "缺了一段时，等汇总消息多久",
        "seconds",
    ),
    ("patience", "queue_timeout"): _M("waiting for a busy bot", "Bot 正忙时排队多久", "seconds"),
    ("patience", "drain_timeout"): _M(
        "that running answers may go on after SIGTERM",
        "收到 SIGTERM 后，正在进行的回答还可以说多久",
        "seconds",
    ),
    ("patience", "request_timeout"): _M(
        "until a whole request has arrived", "整个请求必须在多久之内到齐", "seconds"
    ),
    ("patience", "write_timeout"): _M(
        "for each slice that is written to a slow reader",
        "对方读得慢时，写每一小块最多等多久",
        "seconds",
    ),
    ("patience", "late_after"): _M(
        'of silence before a turn goes on without its reader (bots with late = "push"); '
        "0: only when he hangs up",
        '多久没有回应，就不让对方再等（late = "push" 的 Bot）；0 表示只在对方挂断时',
        "seconds",
    ),
    ("patience", "late_timeout"): _M(
        "that such a turn may go on, from its reader's leaving",
        "对方走后，这样的回答最多还能进行多久",
        "seconds",
    ),
    ("limits", "request_body"): _M(
        "largest request, and chat message", "一个请求、一条聊天消息最多多少", "bytes"
    ),
    ("limits", "answer_buffer"): _M(
        "that wait for one slow reader; more ends that answer",
        "为一个读得慢的对方最多积压多少，超过就结束这个回答",
        "bytes",
    ),
    ("limits", "cable_message"): _M("largest message of a bot", "Bot 的一条消息最多多少", "bytes"),
    ("limits", "queued_turns"): _M("that may wait, per bot", "每个 Bot 最多排多少个", "questions"),
    ("limits", "connections"): _M(
        "that may be open at once on the public port", "公开端口上最多同时打开多少", "connections"
    ),
    ("limits", "image"): _M("largest photo", "一张照片最多多少", "bytes"),
    ("admin", "allowed_hosts"): _M(
        "host names besides loopback that the pages answer to", "除了本机，管理页面还回应哪些主机名"
    ),
    ("admin", "session_hours"): _M(
        "that a browser stays signed in to the pages", "浏览器登录管理页面后保持登录多久", "hours"
    ),
    ("push", "account_key"): _M(
        "key of your account on the platform (not an AK); without it pushes are refused",
        "你在平台上的账户密钥（不是 AK）；没有它就不能推送",
        example='"…"',
    ),
    ("push", "account_key_env"): _M(
        "or the environment variable that it is in", "或者它所在的环境变量", example='"…"'
    ),
    ("push", "account_key_file"): _M(
        "or the file that it is in", "或者它所在的文件", example='"…"'
    ),
    ("push", "url"): _M("where pushes go", "推送发到哪里"),
    ("traces", "keep_days"): _M(
        "that a trace is kept, of the gateway's running time",
        "追踪记录保留多久（按网关运行的时间算）",
        "days",
    ),
    ("traces", "keep_rows"): _M("whose traces are kept at most", "最多保留多少", "turns"),
    ("traces", "keep_content"): _M(
        "keep the text of questions and answers too", "是否连问题和回答的文字一起保留"
    ),
    ("providers", "NAME", "kind"): _M(
        'or "echo", which needs nothing else', '或 "echo"，那样其他都不用写'
    ),
    ("providers", "NAME", "base_url"): _M(
        "address of the model's API",
        "模型接口的地址",
        example='"http://127.0.0.1:18789/v1"',
        is_usual=True,
    ),
    ("providers", "NAME", "api_key_env"): _M(
        "the environment variable with its key; or none of the three",
        "密钥所在的环境变量；也可以都不写",
        example='"OPENCLAW_GATEWAY_TOKEN"',
        is_usual=True,
    ),
    ("providers", "NAME", "api_key"): _M("or the key itself", "或者直接写密钥", example='"…"'),
    ("providers", "NAME", "api_key_file"): _M(
        "or the file that it is in", "或者密钥所在的文件", example='"…"'
    ),
    ("providers", "NAME", "model"): _M(
        "which model answers there", "由哪个模型回答", example='"openclaw/main"', is_usual=True
    ),
    ("providers", "NAME", "system_prompt"): _M(
        "said to the model before every conversation", "每次对话之前对模型说的话", example='"…"'
    ),
    ("providers", "NAME", "temperature"): _M(
        "0 to 2; what is not set is not sent", "0 到 2；没有设的不发送", example="0.7"
    ),
    ("providers", "NAME", "top_p"): _M("0 to 1", "0 到 1", example="0.9"),
    ("providers", "NAME", "max_tokens"): _M(
        "tokens of one answer at most", "一个回答最多多少 token", example="500"
    ),
    ("providers", "NAME", "extra"): _M(
        "goes into the request as it is, such as { seed = 1 }", "原样放进请求，例如 { seed = 1 }"
    ),
    ("providers", "NAME", "connect_timeout"): _M(
        "until it is connected", "多久之内要连上", "seconds"
    ),
    ("providers", "NAME", "first_token_timeout"): _M(
        "until the first word; OpenClaw may think long. 20 where there is a fallback",
        "开口之前最多等多久；OpenClaw 可能要想很久。有 fallback 时是 20",
        "seconds",
    ),
    ("providers", "NAME", "token_timeout"): _M(
        "between two words", "两段文字之间最多等多久", "seconds"
    ),
    ("providers", "NAME", "fallback"): _M(
        "names of others, asked while no text has come", "还没有文字时改问的其他模型"
    ),
    ("providers", "NAME", "conversation"): _M(
        'what shares one memory in OpenClaw: "shared", "per_user", "per_conversation"',
        "谁共用 OpenClaw 里的一份记忆："
        '"shared"（全体）、"per_user"（每人）、"per_conversation"（每次对话）',
    ),
    ("providers", "NAME", "region"): _M(
        'or "abroad": which targets hold', '或 "abroad"：用哪一组目标'
    ),
    ("providers", "NAME", "target_first_token"): _M(
        "to change the target of the first word", "修改第一个字的目标", "seconds", "1.0"
    ),
    ("providers", "NAME", "target_total"): _M(
        "to change the target of the whole answer", "修改整个回答的目标", "seconds", "3.0"
    ),
    ("providers", "NAME", "target_cold_first_token"): _M(
        "the same, when the connection had to be made", "同上，需要新建连接时", "seconds", "1.0"
    ),
    ("providers", "NAME", "target_cold_total"): _M(
        "the same, when the connection had to be made", "同上，需要新建连接时", "seconds", "3.0"
    ),
    ("providers", "NAME", "tools"): _M(
        "device actions are functions (tools) for the model; false: a block in its text, as for "
        "OpenClaw; default: true, for OpenClaw false",
        "设备操作作为函数（tools）提供给模型；false 则写成文本里的代码块，OpenClaw 就是这样；"
        "默认 true，OpenClaw 为 false",
        example="true",
    ),
    ("bots", 0, "name"): _M("of a bot", "Bot 的名字", example='"home"', is_usual=True),
    ("bots", 0, "provider"): _M(
        "who answers for it, inside the gateway; without: what follows is for a linked bot",
        "由谁在网关进程内替它回答；不写则以下内容用于连入的 Bot",
        example='"NAME"',
        is_usual=True,
    ),
    ("bots", 0, "default"): _M(
        "answers what no rule gives to another", "没有规则指定给别人的问题，由它回答"
    ),
    ("bots", 0, "conversation"): _M(
        'who shares one conversation with it: "shared", "per_user", "per_conversation"; '
        "default: its provider's",
        '谁和它共用一个对话："shared"（全体）、"per_user"（每人）、"per_conversation"（每次对话）；'
        "默认与它的模型相同",
        example='"per_user"',
    ),
    ("bots", 0, "speech"): _M(
        '"clean": markdown and thinking taken out; "as_is": every character as the bot sent it; '
        "default: clean for a bot with a model, as_is for linked bots and the echo",
        '"clean" 去掉 Markdown 和思考过程；"as_is" 原样念出；有模型的 Bot 默认 clean，'
        "连入的 Bot 和 echo 默认 as_is",
        example='"clean"',
        is_usual=True,
    ),
    ("bots", 0, "late"): _M(
        'or "push": an answer that outlives its reader is pushed to the glasses',
        '或 "push"：对方走后才完成的回答，推送到眼镜',
    ),
    **{("bots", 0, "wearer", key): meaning for key, meaning in _WEARER.items()},
}
