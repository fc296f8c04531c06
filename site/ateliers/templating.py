"""The jinja environment (StrictUndefined, autoescape, gettext): page() and fragment()."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markdown_it import MarkdownIt
from markupsafe import Markup

from ateliers import i18n
from ateliers.settings import Settings, resource_dir
from geo.territories import DEPARTMENTS

_MOST_TEXTS = 20_000  # messages of all languages are fewer


@dataclass(frozen=True)
class Here:
    """What every page needs to know of the request: its path without language prefix, its query, the settings."""

    path: str
    query: str
    settings: Settings


def url(path: str, **query: Any) -> str:
    """`path` in the current language, with a query string: `url("/ateliers", ou="Guéret")`."""
    prefix = "" if i18n.current_language() == i18n.DEFAULT else f"/{i18n.current_language()}"
    pairs = [(name, value) for name, value in query.items() if value not in (None, "")]
    found = f"{prefix}{path}" if path != "/" else f"{prefix}/"
    return f"{found}?{urlencode(pairs, doseq=True)}" if pairs else found


def in_language(code: str, path: str, query: str = "") -> str:
    """The address of the same page in another language."""
    prefix = "" if code == i18n.DEFAULT else f"/{code}"
    return f"{prefix}/{path.lstrip('/')}{'?' + query if query else ''}"


@cache
def static_url(path: str) -> str:
    """`/static/…` with the digest of its content: cached for a year, and new when it changes."""
    file = resource_dir("static") / path
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:10]
    return f"/static/{path}?v={digest}"


def json_ld(data: Mapping[str, Any]) -> Markup:
    """A JSON-LD data block. `<`, `>`, `&` and the line separators are escaped: no text can leave the script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup('<script type="application/ld+json">{}</script>').format(Markup(text))  # noqa: S704 - escaped above


def markdown(text: str) -> Markup:
    """Markdown (CommonMark) as HTML: paragraphs, lists, emphasis, links, headings below the page's own.

    No HTML of the author's, no image (it would be a third party's), no `javascript:` link (the library refuses those).
    """
    return Markup(_markdown.render(text))  # noqa: S704 - HTML in the text is escaped, see `_markdown`


def written(text: str) -> str | Markup:
    """A counsellor's text: translated where it is the catalogue's; else as written, and marked as French (RGAA 8.7)."""
    said = i18n.gettext(text)
    if said != text or not text or i18n.current_language() == i18n.DEFAULT:
        return said
    return Markup('<bdi lang="fr">{}</bdi>').format(text)


def _commonmark() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).disable("image")

    def lower(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        # The page has its h1 and its h2: whatever level was written, a heading of the text is an h3 or an h4.
        tokens[index].tag = "h3" if tokens[index].tag in {"h1", "h2"} else "h4"
        return str(self.renderToken(tokens, index, options, env))

    def outward(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        tokens[index].attrSet("rel", "nofollow noopener")
        return str(self.renderToken(tokens, index, options, env))

    reader.add_render_rule("heading_open", lower)
    reader.add_render_rule("heading_close", lower)
    reader.add_render_rule("link_open", outward)
    return reader


_markdown = _commonmark()


def _finalize(value: Any) -> Any:
    return "" if value is None else value


_texts: dict[tuple[str, str, bool], str] = {}


@pass_context
def _gettext(context: Context, message: str, /, **variables: Any) -> str:
    """What jinja2.ext.i18n's newstyle gettext does, with a message without variables kept as it comes out.

    A page has a hundred of them, and the same ones as the page before: looking each up and filling nothing into it took a
    third of the time that a page takes.
    """
    escapes = context.eval_ctx.autoescape
    key = i18n.current_language(), message, escapes
    text = _texts.get(key)
    if text is None:
        text = i18n.gettext(message)
        text = Markup(text) if escapes else text  # noqa: S704 - a message is the templates' own
        if len(_texts) < _MOST_TEXTS:
            _texts[key] = text
    if variables:
        return text % variables
    return text % {} if "%" in text else text


def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(resource_dir("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        finalize=_finalize,
    )
    env.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext, i18n.ngettext, newstyle=True, pgettext=i18n.pgettext, npgettext=i18n.npgettext
    )
    env.globals.update(gettext=_gettext, _=_gettext)
    env.policies["ext.i18n.trimmed"] = True
    env.globals.update(
        url=url,
        territories=DEPARTMENTS,
        in_language=in_language,
        static_url=static_url,
        json_ld=json_ld,
        current_language=i18n.current_language,
        languages=i18n.languages,
        direction=lambda code="": i18n.direction(code or i18n.current_language()),
        territory_language=i18n.territory_language,
        language_names=i18n.WORDS["languages"],
        time_range=i18n.time_range,
        days_until=i18n.days_until,
        day_parts=i18n.day_parts,
        zone_words=i18n.zone_words,
        translated=i18n.gettext,
    )
    env.filters.update(
        day_words=i18n.day_words,
        day_short=i18n.day_short,
        day_brief=i18n.day_brief,
        weekday_words=i18n.weekday_words,
        date_words=i18n.date_words,
        month_words=i18n.month_words,
        time_words=i18n.time_words,
        clock_words=i18n.clock_words,
        distance_words=i18n.distance_words,
        of_place=i18n.of_place,
        number=i18n.number_words,
        markdown=markdown,
        translated=i18n.gettext,
        written=written,
        left_to_right=i18n.left_to_right,
    )
    return env


environment = _environment()


def page(template: str, here: Here, **context: Any) -> str:
    """A whole page. `here` is known to every template, macro and include as `here`."""
    return environment.get_template(template).render(here=here, settings=here.settings, **context)


def fragment(template: str, **context: Any) -> str:
    """A piece of text or HTML that needs no request: a letter."""
    return environment.get_template(template).render(**context)
