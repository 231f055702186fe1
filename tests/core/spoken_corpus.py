"""Answers as models write them: Chinese, English and mixed, with what is hard to read in them."""

from __future__ import annotations

from typing import Final

CORPUS: Final[tuple[str, ...]] = (
    "你好！我是你的助手，有什么可以帮你？",
    "**重点**：请先*保存*，再***退出***。",
    "他说**“好”**的，然后**《三体》**就借走了；（**注意**）别忘了。",
    "**注意，**请看这里，**谢谢。**再见",
    "2*3*4 = 24，a*b*c 不是强调，2**10 是 1024。",
    "打开 `__init__.py`，或者 __init__.py，再看 snake_case_name 和 __main__.run。",
    "Set __bold__ and _italic_, but not snake_case or __dunder__.method here.",
    "A lone * star, a lone _ underscore, 5 * 3 and * nothing.",
    "价格：$5.99 *起*，¥100*（含税）",
    "*注：以上价格仅供参考。",
    "# 标题\n\n正文第一段。\n\n## 小标题 ##\n\n正文第二段。",
    "标题\n====\n\n副标题\n----\n\n正文",
    "步骤：\n\n1. 打开**设置**\n2. 点 `网络`\n   - 选 Wi-Fi\n   - 输入密码\n3. 完成\n",
    "- 苹果\n- 香蕉\n\n  还有一段\n- 梨\n* 另一组\n+ 再一组",
    "- [ ] 待办\n- [x] 完成",
    "> 引用的话\n> 第二行\n懒的一行\n\n不是引用",
    "代码：\n\n```python\ndef f(x):\n    return x * 2  # **not bold**\n```\n\n结束。",
    "~~~\n```\n*raw*\n~~~\n后面",
    "- 列表里的代码\n\n  ```sh\n  ls -l *.py\n  ```\n- 下一项",
    "Use ``a ` b`` or `` `x` `` for ticks, and `unclosed.",
    '见[文档](https://example.com/a_b_c?x=1&y=2 "标题")和 <https://example.com/*x*>。',
    "直接的网址 https://example.com/a_b_c/__x__?q=*1* 不变。",
    "![一只猫](https://example.com/cat_1.png) 很可爱，[**粗**的链接](u)也是。",
    "脚注[1]和[未闭合的括号，以及 [文字] (空格) 和 [a](未闭合",
    "[嵌套 [内] 外](http://x.y/(a)) 与 [a](<b c> 't')",
    "公式 $x_1 + y_2$、\\(a*b*c\\)、$$\\frac{a}{b}$$，还有 \\[ E = mc^2 \\]",
    "AT&T &amp; R&D，&lt;b&gt; 与 &#20320;&#x597d; &nosuch; &copy;",
    '一行<br>两行<br/>三行 <b>粗</b> <span class="a">字</span> <!-- 注 --> 完',
    "a < b > c, x<y && y>z, if (a <b) {}",
    "转义：\\*不是强调\\* \\# 不是标题 \\\\ C:\\Users\\name",
    "一行\\\n两行  \n三行\n---\n结束\n\n***\n\n最后",
    "Mixed 中文**bold 粗体**和 English *italics*, e.g. *very*important** ones.",
    "***a** b* and **a *b** c* and *a **b*** and **_x_** __*y*__",
    "1986. A great year. 3.14 is pi. 12) twelve\n+1 more\n-5 degrees\n#hashtag 不是标题",
    "温度 -5~10 度，时间 10:30~11:30，评分 4.5/5 ~~旧价~~",
    "最后一行没有换行，还有`代码",
)

TABLE: Final = (
    "对比如下：\n\n| 名称 | **价格** | 备注 |\n|:---|---:|---|\n| 苹果 | 5 元 | `新` |\n"
    "| 香蕉 | 3 元 | |\n\n以上。"
)
HEARD_TABLE: Final = "对比如下：\n\n名称，价格，备注\n苹果，5 元，新\n香蕉，3 元\n\n以上。"
