"""The only door to WeasyPrint: a page of ours to a tagged PDF (PDF/UA-1, ISO 14289-1), in a thread, one at a time.

WeasyPrint needs Pango from the system and two seconds to import: it is fetched at the first print, never before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from weakref import WeakKeyDictionary

from ateliers.settings import resource_dir

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class Unavailable(Exception):
    """Nothing can be printed on this machine; the message is the reason, for whoever runs the site."""


async def print_pdf(*pages: str) -> bytes:
    """The first of `pages` (whole HTML documents) that fits on one sheet, else the last, as a PDF.

    Raises Unavailable where Pango, HarfBuzz or Fontconfig is missing. The language of the context goes along.
    """
    loop = asyncio.get_running_loop()
    # Waiting happens here and not in the threads: a few posters must not take all those that others need.
    async with _turns.setdefault(loop, asyncio.Lock()):
        return await asyncio.to_thread(_print, pages)


def _print(pages: Iterable[str]) -> bytes:
    weasyprint, fetcher, fonts = _engine()
    alike = {"font_config": fonts.FontConfiguration(), "cache": {}}
    document: Any = None
    for page in pages:
        html = weasyprint.HTML(string=page, base_url=_static().as_uri() + "/", url_fetcher=fetcher)
        document = html.render(**alike)
        if len(document.pages) == 1:
            break
    pdf: bytes = document.write_pdf(pdf_variant="pdf/ua-1")
    return pdf


@cache
def _engine() -> tuple[Any, Any, Any]:
    """WeasyPrint, our fetcher, its module of fonts. A failure is not kept: the next print tries again."""
    try:
        import weasyprint
        from weasyprint.text import fonts
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:  # OSError: cffi found no such library
        raise Unavailable(f"WeasyPrint does not start: {error}") from error

    class OurFiles(URLFetcher):  # type: ignore[misc]
        """Files of `static/` and data: URIs. Whatever a text might name, the network and other files stay shut."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            parts = urlsplit(url)
            if parts.scheme != "data":
                path = Path(url2pathname(parts.path)).resolve()
                if parts.scheme != "file" or parts.netloc or not path.is_relative_to(_static()):
                    raise ValueError(f"not one of our files: {url}")
            return super().fetch(url, headers)

    return weasyprint, OurFiles(allowed_protocols={"file", "data"}, allow_redirects=False), fonts


def _static() -> Path:
    return resource_dir("static").resolve()
