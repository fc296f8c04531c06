"""visit(): a request, and its page inspected each time it is seen: language, h1, title, ids, labels, origins, CSP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import lxml.html
from starlette.applications import Starlette

ORIGIN = "https://ateliers.example"


@dataclass
class Page:
    """An answer, with its document when it is HTML."""

    response: httpx2.Response
    document: Any

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def text(self) -> str:
        """The words of the page's main part, spaces folded (the no-break ones too)."""
        main = self.document.xpath("//main")
        return " ".join((main[0] if main else self.document).text_content().split())

    @property
    def h1(self) -> str:
        return " ".join(self.document.xpath("string(//h1)").split())

    def all(self, xpath: str) -> list[Any]:
        return list(self.document.xpath(xpath))

    def links(self) -> list[str]:
        return [str(href) for href in self.document.xpath("//main//a/@href")]

    def fields(self) -> dict[str, str]:
        """What the page's last POST form would send, as it stands."""
        form = self.document.xpath("//form[@method='post']")[-1]
        return dict(form.form_values())


class Visitor:
    """A browser without JavaScript, on one site."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.cookies_allowed = False  # public pages set none; the desk's tests say True

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, follow: bool = True) -> Page:
        return self._seen(await self.client.get(path, headers=headers, follow_redirects=follow))

    async def post(
        self,
        path: str,
        data: Mapping[str, str | list[str]],
        *,
        headers: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> Page:
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"} | dict(headers or {})
        return self._seen(await self.client.post(path, data=dict(data), headers=sent, follow_redirects=follow))

    def _seen(self, response: httpx2.Response) -> Page:
        if not self.cookies_allowed:
            assert "set-cookie" not in response.headers
        if not response.headers.get("content-type", "").startswith("text/html") or response.is_redirect:
            return Page(response, None)
        document = lxml.html.fromstring(response.text)
        inspect(response, document)
        return Page(response, document)


def inspect(response: httpx2.Response, document: Any) -> None:
    """What every page of ours keeps to."""
    address = response.url
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy, address
    assert "frame-ancestors 'none'" in policy, address
    assert response.headers["x-content-type-options"] == "nosniff"
    html = document.xpath("/html")[0]
    expected = "en" if urlsplit(str(address)).path.startswith("/en/") else "fr"
    assert html.get("lang") == expected, address
    assert len(document.xpath("//h1")) == 1, address
    assert " ".join(document.xpath("string(//title)").split()).strip("– "), address
    ids = document.xpath("//@id")
    assert len(ids) == len(set(ids)), (address, [i for i in ids if ids.count(i) > 1])
    for field in document.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        wrapped = field.xpath("ancestor::label")
        labelled = field.get("id") and document.xpath(f"//label[@for='{field.get('id')}']")
        assert wrapped or labelled, (address, field.get("name"))
    for reference in document.xpath("//*[@aria-describedby]/@aria-describedby"):
        assert all(document.xpath(f"//*[@id='{part}']") for part in reference.split()), (address, reference)
    for source in document.xpath("//script/@src | //img/@src | //link[@rel='stylesheet' or @rel='preload']/@href"):
        assert str(source).startswith(("/", "data:")), (address, source)
    assert not document.xpath("//*[@style] | //style | //*[@onclick]"), address
    for script in document.xpath("//script[not(@src)]"):
        assert script.get("type") in {"application/ld+json", "application/json"}, address
    assert not re.search(r"%\(\w+\)s|Undefined", response.text), address


@asynccontextmanager
async def visiting(app: Starlette, address: str = "203.0.113.7") -> AsyncIterator[Visitor]:
    """The running app, without a socket."""
    transport = httpx2.ASGITransport(app=app, client=(address, 40000), raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        yield Visitor(client)
