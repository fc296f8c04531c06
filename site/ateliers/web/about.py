"""What a public service says of itself: accessibility, legal notice, personal data, help, health."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ateliers import modules, outbox
from ateliers.database import connection, pending_migrations, replica, utc_now
from ateliers.web.pages import respond
from geo.territories import DEPARTMENTS

PAGES = (
    "accessibilite",
    "mentions-legales",
    "donnees-personnelles",
    "cookies",
    "plan-du-site",
    "aide",
    "facile-a-lire",
)
PRIVATE = (
    "/r/",
    "/*/r/",
    "/avis/",
    "/*/avis/",
    "/borne/",
    "/*/borne/",
    "/demo/",
    "/*/demo/",
    "/api/",
    "/pro",
    "/*/pro",
)  # as robots.txt writes them; `*` is a language
WEB_HEALTH = "/health/web"
OUTBOX_LATE = timedelta(minutes=15)  # a letter that has been due for longer means that no worker delivers


async def text_page(request: Request) -> Response:
    """One of the pages of text."""
    name = request.url.path.strip("/")
    return respond(request, f"about/{name}.html", departments=DEPARTMENTS.values(), themes=modules.THEMES.values())


async def security_txt(request: Request) -> Response:
    """RFC 9116."""
    settings = request.app.state.settings
    expires = (utc_now() + timedelta(days=180)).strftime("%Y-%m-%dT00:00:00Z")
    lines = [
        f"Contact: mailto:{settings.help_email}",
        f"Expires: {expires}",
        "Preferred-Languages: fr, en",
        f"Canonical: {settings.base_url}/.well-known/security.txt",
    ]
    return PlainTextResponse("\n".join(lines) + "\n")


async def robots_txt(request: Request) -> Response:
    """Everything may be read but personal pages and the ends of forms."""
    base = request.app.state.settings.base_url
    rules = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE)]
    return PlainTextResponse("\n".join([*rules, f"Sitemap: {base}/sitemap.xml", ""]))


async def health(request: Request) -> Response:
    """Ready or not: 200 when the database answers, its tables are up to date and letters leave; 503 otherwise.

    Letters that wait are for whoever watches: a load balancer asks `/health/web`, which leaves them out, for a site whose
    worker stands still keeps every letter and can go on booking. A replica that is away makes nothing unready either: the
    primary is read. `replica` says whether this process reads from it, and how many seconds it is behind at most.
    """
    report: dict[str, object] = {"database": False, "migrations": False, "outbox_age_seconds": None, "outbox": False}
    there = replica.current()
    if there is not None:
        lag = None if there.lag is None else round(there.lag, 2)
        report["replica"] = {"used": there.state == "used", "lag_seconds": lag}
    try:
        await connection().execute_query("SELECT 1")
        report["database"] = True
        report["migrations"] = not await pending_migrations()
        age = await outbox.waiting_since(utc_now())
        report["outbox_age_seconds"] = round(age.total_seconds()) if age else 0
        report["outbox"] = age is None or age < OUTBOX_LATE
    except Exception as error:
        report["error"] = type(error).__name__
    web = bool(report["database"] and report["migrations"])
    ready = web and (bool(report["outbox"]) or request.url.path == WEB_HEALTH)
    report["ready"] = ready
    return JSONResponse(report, 200 if ready else 503, headers={"Cache-Control": "no-store"})


routes = [
    *(Route(f"/{name}", text_page, name=name) for name in PAGES),
    Route("/.well-known/security.txt", security_txt),
    Route("/robots.txt", robots_txt),
    Route("/health", health),
    Route(WEB_HEALTH, health),
]
