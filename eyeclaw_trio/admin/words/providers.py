"""What the page of the providers says."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "providers.title": ("Providers", "模型服务"),
    "providers.about": (
        "The models that answer: how fast their first word came, against the target (the dashed "
        "line). A check asks one real question, which may cost a little.",
        "负责回答的模型：首字用时与目标（虚线）对照。检查会真的问一个问题，可能产生少量费用。",
    ),
    "providers.check": ("Check", "检查"),
    "providers.checking": ("Being checked…", "检查中…"),
    "providers.checked": ("Checked", "检查结果"),
    "providers.well": ("well", "正常"),
    "providers.slow": ("slower than its target", "慢于目标"),
    "providers.on_target": ("on target", "达到目标"),
    "providers.failing": ("failed", "失败"),
    "providers.no_key": ("no key", "没有密钥"),
    "providers.unasked": ("not asked yet", "尚未使用"),
    "providers.built_in": ("built in", "内置"),
    "providers.key_present": ("key present", "已有密钥"),
    "providers.key_missing": ("key missing", "缺少密钥"),
    "providers.fallback": ("else", "备用："),
    "providers.answers": ("Answers", "回答次数"),
    "providers.failed": ("{count} failed", "失败 {count} 次"),
    "providers.first": ("First word, median · 95%", "首字用时，中位数 · 95%"),
    "providers.whole": ("Whole answer, median · 95%", "总用时，中位数 · 95%"),
    "providers.target": ("(target {seconds})", "（目标 {seconds}）"),
    "providers.met": ("Within the target", "达到目标"),
    "providers.last_failure": ("Last failure", "最近一次失败"),
    "providers.plot": (
        "When the first word of each of the last answers of {name} came",
        "{name} 最近各次回答的首字用时",
    ),
    "providers.dot_failed": ("failed", "失败"),
    "providers.bar": ("What took how long", "各阶段用时"),
    "providers.segment.connect": ("connected", "已连接"),
    "providers.segment.tls": ("TLS agreed", "TLS 就绪"),
    "providers.segment.request_sent": ("question sent", "问题已发送"),
    "providers.segment.headers": ("answer begins", "开始响应"),
    "providers.segment.first_token": ("first word", "首字"),
    "providers.segment.last_token": ("last word", "末字"),
}
