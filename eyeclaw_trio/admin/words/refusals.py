"""What is refused and why, in Chinese: for the sentences that the store and the pages raise in
English, as commands and logs have them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# By the English sentence, where `{name}` stands for what differs.
CHINESE: Final = {
    # ---- what was refused
    "This cannot be done": "无法完成这个操作",
    "Not found": "没有找到",
    "The database is busy": "数据库正忙",
    "Internal error": "网关内部出错",
    "Invalid request": "请求无效",
    "The form cannot be read": "表单无法读取",
    "The JSON cannot be read": "JSON 无法读取",
    "A form is expected": "这里需要表单",
    "JSON is expected": "这里需要 JSON",
    "Too long": "内容太长",
    "Another site has asked": "请求来自别的网站",
    "Sign in, or send a token": "请先登录，或使用令牌",
    "Too many wrong passwords": "密码错误次数过多",
    "The password cannot be used": "这个密码不能用",
    "The password has been set already": "密码已经设置过了",
    "There is no such file": "没有这个文件",
    "There is no such bot": "没有这个 Bot",
    "There is no such provider": "没有这个模型服务",
    "There is no such span": "没有这个时段",
    "There is no such choice": "没有这个选项",
    "No such span of time": "没有这个时段",
    "No such length of a page": "没有这个每页条数",
    "Nothing moves on a page of this name": "没有这个名称的实时页面",
    "Too many live pages are open": "打开的实时页面太多",
    "The name is taken": "名称已被占用",
    "{field} is no time": "{field} 不是时间",
    "It is being checked already": "正在检查，请稍候",
    "Too many are being checked": "同时检查的太多",
    "A backup is being made already": "正在制作备份",
    "A backup is being received already": "正在接收备份",
    "The disk has no room for it": "磁盘空间不够",
    # ---- why
    "milliseconds": "要写毫秒数",
    "more": "要大于开始",
    "seconds": "要写秒数",
    "must be {levels}": "只能是 {levels}",
    "must be a bot's id": "要写 Bot 的编号",
    "an id or a name of a bot": "要写 Bot 的编号或名称",
    "a number from 1 to {most}": "要写 1 到 {most} 的数",
    "HH:MM, HH:MM:SS or a moment of ISO 8601": "要写 HH:MM、HH:MM:SS 或 ISO 8601 的时间",
    "at most {longest} bytes": "最多 {longest} 字节",
    "{name}: it must be a whole number": "{name}：只能是整数",
    "span: hour, day, week, month": "时段只能是 hour、day、week、month",
    "standing: {standings}": "状态只能是 {standings}",
    "provider: not in the settings": "设置里没有这个模型服务",
    "provider: not in the settings; is it {nearest}?": "设置里没有这个模型服务；是 {nearest} 吗？",
    "the password is too short: at least {shortest} characters": "密码太短：至少 {shortest} 个字符",
    "the password is too long: at most {longest} characters": "密码太长：最多 {longest} 个字符",
    "a name is needed: it must not be blank": "需要一个名称，不能空着",
    "the name is too long: at most {longest} characters": "名称太长：最多 {longest} 个字符",
    "the name has a control character or is not valid Unicode": (
        "名称含有控制字符，或不是有效的 Unicode"
    ),
    "there is no bot {bot}": "没有编号或名称为 {bot} 的 Bot",
    "there is no key {key}": "没有编号为 {key} 的密钥",
    "there is no token {token}": "没有编号为 {token} 的令牌",
    "there is no session {session}": "没有编号为 {session} 的登录",
    "there is no trace {trace}": "没有追踪记录 {trace}",
    "there is no such place in the list of traces": "追踪记录列表里没有这个位置",
    "several traces begin with {prefix}: give more of the id": (
        "有多条追踪记录以 {prefix} 开头，请把编号写长一些"
    ),
    "the events of this trace are damaged": "这条追踪记录的事件已损坏",
    "this turn still runs: its trace can be deleted when it is over": (
        "这次问答还在进行，结束后才能删除它的追踪记录"
    ),
    "a wearer's id has 1 to {longest} characters": "佩戴者的编号要有 1 到 {longest} 个字符",
    "two bots of the configuration have the same name: rename one": (
        "配置里有两个 Bot 同名，请给其中一个改名"
    ),
    "the name is taken by bot {bot}: choose another one, or remove that bot first": (
        "名称已被 Bot {bot} 占用，请换一个，或先删除那个 Bot"
    ),
    "bot {bot} is embedded: its provider answers within the gateway, so it needs no token": (
        "Bot {bot} 是内置的，由网关里的模型服务回答，不需要令牌"
    ),
    "bot {bot} stands in the configuration: rename it there": "Bot {bot} 写在配置里，请在那里改名",
    "bot {bot} stands in the configuration: change it there": "Bot {bot} 写在配置里，请在那里修改",
    "bot {bot} is linked: what answers is at the other end": (
        "Bot {bot} 是连入的，由谁回答取决于连接的另一端"
    ),
    "the grace time must be between nothing and ten years": "宽限时间只能在零到十年之间",
    "key {key} is revoked: restore it first, or make another one": (
        "密钥 {key} 已吊销，请先恢复它，或另建一个"
    ),
    # ---- backups and the database
    "the backup cannot be kept: {why}": "备份无法保存：{why}",
    "there is no database in {folder}: choose the data folder with --data": (
        "{folder} 里没有数据库，请用 --data 指定数据目录"
    ),
    "{file} is damaged: choose another backup": "{file} 已损坏，请换一个备份",
    "{file} is the database itself: name another file": "{file} 就是数据库本身，请换一个文件",
    "{file} is not a file": "{file} 不是文件",
    "{file} is there already: choose another name, or say --force": (
        "{file} 已经存在，请换一个名称，或加上 --force"
    ),
    "{file} is not a database": "{file} 不是数据库",
    "{file} is not a database of eyeclaw-trio: move it away, or choose another file or folder": (
        "{file} 不是 eyeclaw-trio 的数据库，请移走它，或换一个文件或目录"
    ),
    "{file} was written by a newer version (schema {version}, this one knows {known}): update "
    "eyeclaw-trio, or choose another folder with --data": (
        "{file} 由更新的版本写成（结构版本 {version}，这里只认识 {known}），请升级 eyeclaw-trio，"
        "或用 --data 换一个目录"
    ),
    "{file} has a {kind} {name} that eyeclaw-trio did not make so and that might do anything: "
    "drop it, or choose another backup": (
        "{file} 里有并非由 eyeclaw-trio 写成的 {kind} {name}，它可能做任何事，请删除它，"
        "或换一个备份"
    ),
    "{file} lacks a part of its schema: choose another backup": (
        "{file} 缺少一部分结构，请换一个备份"
    ),
    "{file}: cannot be used": "{file} 无法使用",
    "the database failed: {why}": "数据库出错：{why}",
}


def in_chinese(sentence: str) -> str:
    """The sentence in Chinese; as it is where nobody has put it there."""
    if sentence in CHINESE:
        return CHINESE[sentence]
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(sentence):
            return chinese.format_map(found.groupdict())
    return sentence


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The longest first: what says more goes before what would match as well."""
    templates = sorted(CHINESE, key=len, reverse=True)
    return [(_compile(each), CHINESE[each]) for each in templates if "{" in each]


def _compile(template: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", template)
    named = [f"(?P<{part}>.+)" if at % 2 else re.escape(part) for at, part in enumerate(parts)]
    return re.compile("".join(named), re.DOTALL)
