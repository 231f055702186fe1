"""What each finding of a look at the gateway means and what to do about it, in English and Chinese:
for the pages and for the command line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.checkup import Finding
from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.protocol.harmless import visible

_Text = tuple[str, str]


@frozen
class FindingWords:
    """What is so, and what to do where something is to be done; `{name}` stands for a value,
    words between backticks are typed."""

    is_so: _Text
    remedy: _Text | None = None


def tell(finding: Finding, language: Language) -> str:
    """The finding as a sentence, its values put in harmlessly. Raises KeyError for a name that has
    no words."""
    return _say(finding, FINDINGS[finding.name].is_so, language)


def advise(finding: Finding, language: Language) -> str | None:
    """What to do about it; None: nothing. Raises KeyError as `tell`."""
    remedy = FINDINGS[finding.name].remedy
    return None if remedy is None else _say(finding, remedy, language)


def _say(finding: Finding, text: _Text, language: Language) -> str:
    values = {name: _as_text(value, language) for name, value in finding.values.items()}
    return text[language == "zh"].format_map(values)


def _as_text(value: object, language: Language) -> str:
    if isinstance(value, list):
        return ("、" if language == "zh" else ", ").join(visible(str(each)) for each in value)
    return visible(str(value))


FINDINGS: Final[Mapping[str, FindingWords]] = {
    "running": FindingWords(("The gateway answers.", "网关正在回答。")),
    "draining": FindingWords(
        (
            "The gateway is stopping: running answers may finish.",
            "网关正在停止：进行中的回答可以说完。",
        )
    ),
    "backup_waiting": FindingWords(
        (
            "A backup waits to be restored at the next start.",
            "有一份备份将在下次启动时恢复。",
        ),
        (
            "Start the gateway again, or take it back on the page of the backups.",
            "请重新启动网关，或在备份页面取消。",
        ),
    ),
    "store_ok": FindingWords(
        ("Traces and bots are being written down.", "追踪记录和 Bot 信息正常写入。")
    ),
    "store_degraded": FindingWords(
        (
            "The data folder cannot be written: {dropped} records were given up. Answers go on.",
            "数据目录无法写入，已放弃 {dropped} 条记录；回答不受影响。",
        ),
        (
            "Look at the disk: is it full, or read-only? The log says what was tried.",
            "请检查磁盘是否已满或只读；日志里有具体原因。",
        ),
    ),
    "store_dropped": FindingWords(
        (
            "{dropped} records were given up since the start, while the disk was too slow or full.",
            "启动以来因磁盘过慢或已满放弃了 {dropped} 条记录。",
        ),
        (
            "If it goes on growing, put the data folder on a faster disk.",
            "如果仍在增加，请把数据目录放到更快的磁盘上。",
        ),
    ),
    "keys": FindingWords(("Valid access keys: {count}.", "有 {count} 个有效的访问密钥。")),
    "no_key": FindingWords(
        (
            "There is no valid access key: glasses cannot come in.",
            "没有有效的访问密钥，眼镜无法接入。",
        ),
        (
            "Make one on the page of the keys, or by `eyeclaw key create NAME`, and enter it as "
            "the AK on Rokid's platform.",
            "请在密钥页面创建，或运行 `eyeclaw key create NAME`，再填到 Rokid 平台的 AK。",
        ),
    ),
    "no_bot": FindingWords(
        ("There is no bot to answer.", "没有可以回答的 Bot。"),
        (
            "Add one on the page of the bots, or by `eyeclaw bot add NAME`.",
            "请在 Bot 页面添加，或运行 `eyeclaw bot add NAME`。",
        ),
    ),
    "no_bot_online": FindingWords(
        (
            "No bot is online: whoever asks hears an apology.",
            "没有在线的 Bot：提问者只会听到道歉。",
        ),
        (
            "Start the SDK or `eyeclaw connect` beside the agent; the page of the bots has it.",
            "请在 Bot 所在的机器上启动 SDK 或 `eyeclaw connect`，命令见 Bot 页面。",
        ),
    ),
    "bots_offline": FindingWords(
        ("Offline: {names}.", "离线：{names}。"),
        (
            "If they should be there, look at their side: does the SDK run, is the token theirs?",
            "如果应当在线，请检查对端：SDK 是否在运行，令牌是否正确。",
        ),
    ),
    "bots_online": FindingWords(
        ("Every bot is online: {count}.", "全部 {count} 个 Bot 在线。"),
    ),
    "no_default_bot": FindingWords(
        (
            "Several bots, and none of them is the default: a question that names none has no "
            "answer.",
            "有多个 Bot 但没有默认的：没有指定对象的问题得不到回答。",
        ),
        (
            "Mark one on the page of the bots, or by `eyeclaw bot default ID`.",
            "请在 Bot 页面设置，或运行 `eyeclaw bot default ID`。",
        ),
    ),
    "bots_flapping": FindingWords(
        (
            "The link breaks again and again: {names}.",
            "连接反复断开：{names}。",
        ),
        (
            "Do two programs use one token, so that each throws the other out? Is the network "
            "there unsteady? The log says how each link ended.",
            "是否有两个程序使用同一个令牌而互相顶替？对端网络是否不稳定？日志里有每次断开的原因。",
        ),
    ),
    "old_sdks": FindingWords(
        (
            "An old SDK sends no summary, so what is lost on the way cannot be healed: {names}.",
            "SDK 版本过旧，不发送汇总消息，途中丢失的内容无法补全：{names}。",
        ),
        (
            "Upgrade the EyeClaw SDK beside that agent.",
            "请升级 Bot 所在机器上的 EyeClaw SDK。",
        ),
    ),
    "on_loopback": FindingWords(
        (
            "The public port listens on this machine only ({host}): a proxy or a tunnel brings "
            "TLS.",
            "公开端口只监听本机（{host}），由代理或隧道提供 TLS。",
        )
    ),
    "public_with_tls": FindingWords(
        (
            "The public port listens on {host}, with TLS.",
            "公开端口监听 {host}，已启用 TLS。",
        )
    ),
    "public_without_tls": FindingWords(
        (
            "The public port listens on {host} without TLS: keys and questions can be read on the "
            "way.",
            "公开端口监听 {host} 而没有 TLS：密钥和问题可能在途中被读取。",
        ),
        (
            "Let it listen on 127.0.0.1 behind a proxy such as Caddy, or set `tls_certificate`.",
            "请改为监听 127.0.0.1 并使用 Caddy 等代理，或设置 `tls_certificate`。",
        ),
    ),
    "clock_ok": FindingWords(("The clock is set.", "系统时钟正常。")),
    "clock_wrong": FindingWords(
        ("The clock was never set.", "系统时钟没有设置。"),
        (
            "Set it (NTP): certificates are not valid otherwise, and times in traces are wrong.",
            "请设置时钟（NTP），否则证书无效，追踪记录中的时间也不对。",
        ),
    ),
    "clock_jumped": FindingWords(
        (
            "The clock has jumped by {minutes} min while the gateway ran: times before and after "
            "it do not fit together.",
            "网关运行期间时钟跳动了 {minutes} 分钟：之前和之后的时间对不上。",
        ),
        (
            "Let the machine keep its clock by NTP. Answers and their deadlines do not depend on "
            "it; after the next start this is forgotten.",
            "请用 NTP 校准本机时钟。回答及其时限不受影响；下次启动后不再提示。",
        ),
    ),
    "disk_ok": FindingWords(
        (
            "The disk has room: {room} free.",
            "磁盘空间充足：剩余 {room}。",
        )
    ),
    "disk_little": FindingWords(
        ("Only {room} are free on the disk.", "磁盘只剩 {room}。"),
        (
            "Make room, or keep fewer traces (`traces.keep_rows`, `traces.keep_days`).",
            "请清理磁盘，或减少保留的追踪记录（`traces.keep_rows`、`traces.keep_days`）。",
        ),
    ),
    "disk_full": FindingWords(
        (
            "The disk is nearly full: {room} are free. Traces will be lost; answers go on.",
            "磁盘几乎已满：只剩 {room}。追踪记录会丢失，回答不受影响。",
        ),
        ("Make room now.", "请立即清理磁盘。"),
    ),
    "disk_unknown": FindingWords(
        (
            "How much room the disk has cannot be found out.",
            "无法得知磁盘剩余空间。",
        ),
        (
            "Is the data folder still mounted and readable?",
            "数据目录是否仍然挂载且可读？",
        ),
    ),
}
