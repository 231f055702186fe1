"""How a page is drawn: templates, the language and colours that were chosen, others' words.

Everything that a template puts out is escaped. What a wearer, a bot or a model has said goes
through `said`: what cannot be seen is named, nothing of it turns the text around it, and what is
long is a click away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import jinja2
from attrs import frozen
from markupsafe import Markup, escape
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse

from eyeclaw_trio import __version__
from eyeclaw_trio.admin.guard import visitor_of
from eyeclaw_trio.admin.words import CATALOGUE, Language, say
from eyeclaw_trio.protocol.harmless import visible

LANGUAGE_COOKIE: Final = "eyeclaw_language"
THEME_COOKIE: Final = "eyeclaw_theme"
_UNITS: Final = ("d", "h", "min", "s")
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
THEMES: Final = ("auto", "light", "dark")

# Characters of another's words that are shown at first, and at most.
SHORT: Final = 80
LONGEST: Final = 200_000


@frozen
class PageLink:
    """One entry of the menu: the page's name, which is in the words too, and its address."""

    name: str
    address: str


def language_of(request: HTTPConnection) -> Language:
    """The language that was chosen, else the one that the browser likes best."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    for language in LANGUAGES:
        if chosen == language:
            return language
    return _liked(request.headers.get("accept-language", ""))


def theme_of(request: HTTPConnection) -> str:
    """`light`, `dark`, or `auto`: as the system has it."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def words_of(request: HTTPConnection) -> Callable[..., str]:
    """`t(key, **values)` in the language of this request; see `words.say`."""
    return partial(say, language_of(request))


def render(
    request: Request, template: str, *, status: int = 200, page: str = "", **values: object
) -> HTMLResponse:
    """A whole page. `page` is its name in the menu; `values` are for the template."""
    context = {
        **_context(request),
        "page": page,
        "menu": request.app.state.menu,
        "theme": theme_of(request),
        "path": _path_back_to(request, page),
        "is_signed_in": _is_browser(request),
        "version": __version__,
        **values,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(context), status)


def render_part(request: Request, template: str, **values: object) -> Markup:
    """A fragment of a page."""
    return render_in(language_of(request), template, **values)


def render_in(language: Language, template: str, **values: object) -> Markup:
    """A fragment in this language, for whoever reads it."""
    context = {"t": partial(say, language), "language": language, **values}
    text = _TEMPLATES.get_template(template).render(context)
    return Markup(text)  # noqa: S704  (escaped by the template)


def said(text: object, limit: int = SHORT) -> Markup:
    """Another's words, harmless, and cut to `limit` characters with the rest a click away."""
    whole = "" if text is None else str(text)
    shown = visible(whole[:LONGEST])
    if len(whole) > LONGEST:
        shown += f" … ({len(whole)})"
    if len(whole) <= limit:
        # Not by `format`, which takes five times as long: a list has hundreds of them.
        return Markup(f"<bdi>{escape(shown)}</bdi>")  # noqa: S704  (escaped)
    return Markup(
        '<details class="long"><summary><bdi>{}…</bdi></summary>'
        '<bdi class="whole">{}</bdi></details>'
    ).format(visible(whole[:limit]), shown)


def moment(stamp: str | None, kind: str = "") -> Markup:
    """A moment (ISO 8601, UTC) that a browser shows in its own time zone; `kind` may be `short`:
    without year and seconds."""
    if not stamp:
        return Markup("–")
    at = datetime.fromisoformat(stamp)
    shown, mark = at.isoformat(" ", "seconds")[:19], " data-short" if kind == "short" else ""
    return Markup(  # noqa: S704  (escaped)
        f'<time datetime="{escape(stamp)}"{mark}>{shown} UTC</time>'
    )


def seconds(value: float | None, language: Language = "en") -> str:
    """A duration for people (seconds): `4 ms`, `0.31 s`, `12 s`, `3 min 20 s`, `2 h`, `3 d 4 h`;
    from a minute on in the words of the language: `3 分 20 秒`."""
    if value is None:
        return "–"
    if 0 < value < 0.1:
        return f"{value * 1_000:.2g} ms"
    if value < 10 and value != round(value):
        return f"{value:.2f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    day, hour, minute, second = ("天", "小时", "分", "秒") if language == "zh" else _UNITS
    sizes = ((day, 86_400, hour, 3_600), (hour, 3_600, minute, 60), (minute, 60, second, 1))
    long, size, short, part = next(each for each in sizes if whole >= each[1])
    rest = whole % size // part
    return f"{whole // size} {long}" + (f" {rest} {short}" if rest else "")


def prose(text: str) -> Markup:
    """A text of ours, whose words between backticks are code."""
    parts = [escape(each) for each in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(each) if at % 2 else each for at, each in enumerate(parts)
    )


def browser_name(said_of_itself: str) -> str:
    """What people call a browser, from its `User-Agent`: `Chrome, Windows`."""
    names = [
        next((name for mark, name in marks if mark in said_of_itself), "")
        for marks in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, names)) or said_of_itself[:SHORT] or "?"


def milliseconds(value: float | None) -> str:
    """A delay for people (milliseconds): `85 ms`, `1.2 s`."""
    if value is None:
        return "–"
    return f"{value:.0f} ms" if value < 1_000 else f"{value / 1_000:.1f} s"


@jinja2.pass_context
def _seconds(context: jinja2.runtime.Context, value: float | None) -> str:
    return seconds(value, context["language"])


def _context(request: Request) -> Mapping[str, Any]:
    return {"t": words_of(request), "language": language_of(request)}


def _path_back_to(request: Request, page: str) -> str:
    """Where a form that changes the language leads back to. What has answered a form cannot be
    asked for again: its page in the menu can, and the overview."""
    if request.method not in ("GET", "HEAD"):
        links: Sequence[PageLink] = request.app.state.menu
        return next((each.address for each in links if each.name == page), "/admin/")
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _is_browser(request: Request) -> bool:
    visitor = visitor_of(request)
    return visitor is not None and visitor.session is not None


def _liked(accepted: str) -> Language:
    """What `Accept-Language` likes better (RFC 9110, 12.5.4): Chinese or English, or neither."""
    liking: dict[Language, float] = {"zh": 0.0, "en": 0.001}
    for item in accepted[:1_000].split(","):
        name, _, rest = item.strip().lower().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        for language in LANGUAGES:
            if name.partition("-")[0] == language:
                liking[language] = max(liking[language], weight)
    return "zh" if liking["zh"] > liking["en"] else "en"


# What a `User-Agent` says; those that pass for another one come first.
_BROWSERS: Final = (
    ("MicroMessenger", "微信"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def _make_templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("eyeclaw_trio.admin"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(said=said, moment=moment, seconds=_seconds, visible=visible)
    templates.filters.update(prose=prose, browser=browser_name)
    templates.filters.update(milliseconds=milliseconds)
    templates.tests["known"] = CATALOGUE.__contains__
    templates.globals["static"] = lambda name: escape(f"/admin/static/{name}?v={__version__}")
    return templates


_TEMPLATES: Final = _make_templates()
