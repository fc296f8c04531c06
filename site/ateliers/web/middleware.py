"""Around every request: size, security headers, compression, language, crashes, the refusal of other sites' forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ateliers import i18n
from ateliers.settings import Settings
from ateliers.web.fresh import KeptAnswers
from ateliers.web.reading import ReadsOnly

SAFE = {"GET", "HEAD", "OPTIONS"}
MAX_BODY = 64 * 1024  # bytes; the longest form of ours is under 4 kB
LARGER_BODIES = {
    "/pro/importer": 2_300_000
}  # bytes, by path: a file and a pasted text of 1 MB each, and their wrapping
# What a widget loads. In a sandboxed frame (WordPress makes one) its origin is opaque: even our own files are foreign.
FOR_WIDGETS = ("/static/", "/map/", "/tiles/")
COMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/vnd.apache.parquet")  # inside already
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-src 'none'; frame-ancestors 'none'"
)


def stack(settings: Settings) -> list[Middleware]:
    """Outermost first."""
    return [
        Middleware(KeptAnswers, seconds=settings.pages_kept),
        Middleware(SecurityHeaders, secure=settings.base_url.startswith("https://")),
        Middleware(GZipMiddleware, minimum_size=600, compresslevel=5, exclude_content_types=COMPRESSED),
        Middleware(Language),
        Middleware(ReadsOnly),
        Middleware(Crashes),
        Middleware(OwnFormsOnly, origin=settings.base_url),
        Middleware(BodyLimit, most=MAX_BODY, larger=LARGER_BODIES),
    ]


class SecurityHeaders:
    """Headers of every answer (OWASP ASVS 5.0, V3.4). `/r/…` pages are personal: never stored, no referrer."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, path: str) -> None:
        """What a handler has set itself stays."""
        policy = _CSP + ("; upgrade-insecure-requests" if self.secure else "")
        if "/demo/" in path:
            policy = policy.replace("frame-src 'none'", "frame-src 'self'")  # the mailbox frames a letter's own HTML
        if path.endswith("/integrer"):
            policy = policy.replace("frame-src 'none'", "frame-src 'self'")  # the preview of a widget
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if "frame-ancestors *" not in headers["Content-Security-Policy"]:  # only a widget says so: web/embed
            headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(), microphone=(), payment=(), usb=()")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if path.startswith(FOR_WIDGETS):
            headers.setdefault("Access-Control-Allow-Origin", "*")
            headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if self.secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if _is_personal(path):
            if _is_booking_form(path):
                # Not `no-store`: from the confirmation, Back would show the browser's own error (ERR_CACHE_MISS) instead
                # of what was typed. It is kept by that browser alone, is asked for again at each visit, and goes when the
                # window closes. The empty form may be read by robots: its canonical page is the session's.
                headers["Cache-Control"] = "private, no-cache"
            else:
                # A feed must be kept by its reader, or it could never ask whether it has changed (ETag).
                headers["Cache-Control"] = "private, no-cache" if "/pro/agenda/" in path else "no-store"
                headers["X-Robots-Tag"] = "noindex"
            # On the form, no-referrer would make the browser send `Origin: null`, and old ones have no Sec-Fetch-Site:
            # see OwnFormsOnly.
            headers["Referrer-Policy"] = "no-referrer" if _opens_a_booking(path) else "same-origin"
            return
        headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        if headers.get("content-type", "").startswith("text/html"):
            headers.setdefault("Cache-Control", "no-cache")
            if (
                "accept-encoding" not in headers.get("vary", "").lower()
            ):  # where it is not compressed, nobody has said so
                headers.add_vary_header("Accept-Encoding")


def _is_personal(path: str) -> bool:
    return _opens_a_booking(path) or _is_booking_form(path) or "/demo/" in path or is_desk(path)


def _is_booking_form(path: str) -> bool:
    return path.endswith(("/reserver", "/reserver/facile"))


def is_desk(path: str) -> bool:
    """Whether a path, with or without its language, is the counsellor's desk."""
    return "/pro/" in f"{path}/"


def _opens_a_booking(path: str) -> bool:
    return any(part in path for part in ("/r/", "/s/", "/alertes/", "/avis/", "/borne/"))


class Language:
    """Takes `/en` off the path and speaks English for the request. `/fr/…` is the same page without a prefix: 308.

    So is `/ateliers/`, whose address has no slash at its end. Both lead to a path, never to a host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        code, _, rest = scope["path"].lstrip("/").partition("/")
        i18n.set_language(i18n.DEFAULT)
        if code == i18n.DEFAULT:
            await self._redirect(rest.lstrip("/"), scope, receive, send)
            return
        home = code in i18n.languages() and not rest
        if scope["path"].endswith("/") and scope["path"].strip("/") and not home:
            await self._redirect(scope["path"].strip("/"), scope, receive, send)
            return
        if code in i18n.languages():
            i18n.set_language(code)
            scope = dict(scope, path=f"/{rest}", raw_path=f"/{rest}".encode())
        await self.app(scope, receive, send)

    @staticmethod
    async def _redirect(path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """308 to `path`, whose first character is no slash: `//host` would be another site's address."""
        query = scope["query_string"].decode("latin-1")
        target = f"/{quote(path)}" + (f"?{query}" if query else "")
        await RedirectResponse(target, 308)(scope, receive, send)


class Crashes:
    """Answers a defect with its page, in the request's language and with the security headers.

    Starlette's own handler of exceptions stands outside all of these, and would answer without them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            return  # they hung up while sending: nobody is there to be answered, and nothing of ours is broken
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            from ateliers.web.errors import crashed

            await (await crashed(Request(scope, receive), error))(scope, receive, send)


class OwnFormsOnly:
    """Refuses what another site's page sends: 403 (https://www.w3.org/TR/fetch-metadata/; by Origin without it)."""

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self.app = app
        self.host = urlsplit(origin).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE and not self._is_ours(scope):
            from ateliers.web.errors import cross_site

            await (await cross_site(Request(scope, receive)))(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        # Neither header: not a browser of today, so nobody's cookies or network position to abuse.
        if origin is None:
            return True
        # A booking's own pages send no referrer, so browsers hide their origin too; another site cannot know the
        # token in the path. Sec-Fetch-Site is missing before Safari 16.4, and on plain http.
        if origin == "null":
            return _opens_a_booking(scope["path"])
        return urlsplit(origin).netloc in {self.host, headers.get("host", self.host)}


class BodyLimit:
    """Refuses a body of more than `most` bytes, or of those that `larger` grants a path: 413.

    Starlette's own RequestBodyLimitMiddleware answers in plain text; this one raises where the handler reads, so that
    the error page answers.
    """

    def __init__(self, app: ASGIApp, *, most: int, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.most = most
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        read, most = 0, self.larger.get(scope["path"], self.most)

        async def limited() -> Message:
            nonlocal read
            if declared.isdecimal() and int(declared) > most:
                raise HTTPException(413)
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)


def client_address(request: Request) -> str:
    """The visitor's address. uvicorn has already taken it from X-Forwarded-For where the peer is a trusted proxy."""
    client: Any = request.client
    return str(client.host) if client else ""
