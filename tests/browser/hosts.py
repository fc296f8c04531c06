"""Pages of somebody else's site, served from another origin: what a town hall's page does to a widget of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Browser, Frame, Page, Response


@dataclass
class Host:
    """A site of which each page is what the test wrote. `url` is another origin than ours, and another host."""

    url: str = ""
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def put(self, body: str, *, head: str = "", html: str = 'lang="fr"', **headers: str) -> str:
        """Serve a page around `body`; its address. `headers`: `content_security_policy="…"`."""
        path = f"/{len(self.pages)}"
        text = (
            f'<!doctype html><html {html}><head><meta charset="utf-8"><title>Ma commune</title>{head}</head>'
            f"<body><main><h1>Ma commune</h1>{body}</main></body></html>"
        )
        self.pages[path] = text, {name.replace("_", "-"): value for name, value in headers.items()}
        return self.url + path


@contextmanager
def hosting() -> Iterator[Host]:
    """The host, in a thread."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text, headers = host.pages.get(self.path, ("", {}))
            self.send_response(200 if text else 204)  # a browser asks for the favicon
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host.url = f"http://localhost:{server.server_address[1]}"  # the site of the fair is at 127.0.0.1
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Seen:
    """A host's page as a visitor sees it, and what went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def frames(self) -> list[Frame]:
        """The widgets of the page, in its order, each once its document is there."""
        handles = self.page.query_selector_all("iframe")
        found = [handle.content_frame() for handle in handles]
        frames = [frame for frame in found if frame is not None]
        for frame in frames:
            frame.wait_for_load_state("load")
        return frames

    def height(self, number: int = 0) -> float:
        box = self.page.locator("iframe").nth(number).bounding_box()
        return box["height"] if box else 0


@contextmanager
def visiting_host(
    browser: Browser,
    address: str,
    size: tuple[int, int] = (1280, 900),
    *,
    expected: tuple[str, ...] = (),
    **options: object,
) -> Iterator[Seen]:
    """Open a host's page. At the end: no cookie, nothing kept, the console silent but for what is `expected`."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", **options)  # type: ignore[arg-type]
    page = context.new_page()
    seen = Seen(page)
    page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("response", lambda response: seen.responses.append(response))
    try:
        page.goto(address)
        yield seen
        cookies, kept = context.cookies(), context.storage_state()["origins"]
    finally:
        context.close()
    assert cookies == [], cookies
    assert kept == [], kept
    unexpected = [line for line in seen.complaints if not any(words in line for words in expected)]
    assert unexpected == [], unexpected


def own_height(frame: Frame) -> int:
    """Its content's own height in px, whatever the frame's: a document is never less high than its frame."""
    return int(
        frame.evaluate(
            """() => {
              const { classList } = document.documentElement;
              classList.add("is-measured");
              const found = Math.ceil(document.body.getBoundingClientRect().height);
              classList.remove("is-measured");
              return Math.max(found, Number(document.body.dataset.height ?? 0));
            }"""
        )
    )
