"""The language of a path, the headers of every answer, other sites' forms, bodies too large."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ateliers.i18n import current_language
from ateliers.web.errors import masked
from ateliers.web.middleware import MAX_BODY, client_address
from tests.visiting import ORIGIN, visiting
from tests.web.small import small

pytestmark = pytest.mark.anyio


async def echo(request: Request) -> Response:
    """What the handler sees."""
    return PlainTextResponse(f"{current_language()} {request.url.path} {request.url.query} {client_address(request)}")


async def read(request: Request) -> Response:
    async with request.form() as form:
        return PlainTextResponse(str(len(form)))


async def html(request: Request) -> Response:
    return HTMLResponse("<p>" + "bonjour " * 200)


ROUTES = [
    Route("/ateliers", echo),
    Route("/ateliers/{id}/reserver", read, methods=["GET", "POST"]),
    Route("/r/{token}", echo),
    Route("/r/{token}/annuler", read, methods=["POST"]),
    Route("/demo/courrier", html),
    Route("/page", html),
]


async def raw(method: str, path: str, headers: dict[str, str] | None = None, content: bytes = b"", **settings: object):  # type: ignore[no-untyped-def]
    async with visiting(small(*ROUTES, **settings)) as visitor:
        form = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        return await visitor.client.request(method, path, headers=form | (headers or {}), content=content)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/ateliers?ou=Lille", "fr /ateliers ou=Lille"),
        ("/en/ateliers?ou=Lille", "en /ateliers ou=Lille"),
    ],
)
async def test_the_prefix_says_the_language(path: str, seen: str) -> None:
    assert (await raw("GET", path)).text == f"{seen} 203.0.113.7"


@pytest.mark.parametrize("path", ["/de/ateliers", "/english/ateliers", "/en/en/ateliers", "/atelier"])
async def test_an_unknown_prefix_is_an_unknown_page(path: str) -> None:
    assert (await raw("GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/fr/ateliers?ou=Gu%C3%A9ret", "/ateliers?ou=Gu%C3%A9ret"),
        ("/fr", "/"),
        ("/fr//evil.example/x", "/evil.example/x"),
        ("/ateliers/?ou=Gu%C3%A9ret", "/ateliers?ou=Gu%C3%A9ret"),
        ("/en/ateliers/?ou=Lille", "/en/ateliers?ou=Lille"),
        ("/%2Fevil.example/", "/evil.example"),
        ("/%5Cevil.example/", "/%5Cevil.example"),
        ("/a%0d%0aX-Evil:1/", "/a%0D%0AX-Evil%3A1"),
    ],
)
async def test_french_has_no_prefix(path: str, target: str) -> None:
    answer = await raw("GET", path)
    assert (answer.status_code, answer.headers["location"]) == (308, target)


async def test_one_request_does_not_choose_the_language_of_the_next() -> None:
    async with visiting(small(*ROUTES)) as visitor:
        assert (await visitor.client.get("/en/ateliers")).text.startswith("en")
        assert (await visitor.client.get("/ateliers")).text.startswith("fr")


@pytest.mark.parametrize("path", ["/page", "/ateliers", "/nulle-part", "/en/nulle-part"])
async def test_every_answer_carries_the_security_headers(path: str) -> None:
    headers = (await raw("GET", path)).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
        " frame-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests"
    )
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["permissions-policy"].startswith("geolocation=(self), camera=()")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_plain_http_is_not_told_to_become_https() -> None:
    headers = (await raw("GET", "/page", site_url="http://127.0.0.1:8000")).headers
    assert "strict-transport-security" not in headers
    assert "upgrade" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "referrer"),
    [("/r/jeton", "no-referrer"), ("/en/r/jeton", "no-referrer"), ("/ateliers/3/reserver", "same-origin")],
)
async def test_personal_pages_are_not_kept(path: str, referrer: str) -> None:
    headers = (await raw("GET", path)).headers
    # Back from the confirmation shows the form again: that browser may keep it, nobody else.
    assert headers["cache-control"] == ("private, no-cache" if path.endswith("/reserver") else "no-store")
    # The empty form may be read by search engines; a booking never.
    assert ("x-robots-tag" in headers) is not path.endswith("/reserver")
    assert headers["referrer-policy"] == referrer


async def test_only_the_mailbox_may_frame_and_only_our_own_pages() -> None:
    assert "frame-src 'self'" in (await raw("GET", "/demo/courrier")).headers["content-security-policy"]


async def test_pages_are_compressed() -> None:
    answer = await raw("GET", "/page", {"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, "/ateliers/3/reserver", 200),
        ({"Sec-Fetch-Site": "none"}, "/ateliers/3/reserver", 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, "/ateliers/3/reserver", 403),
        ({"Sec-Fetch-Site": "same-site"}, "/ateliers/3/reserver", 403),
        ({"Origin": ORIGIN}, "/ateliers/3/reserver", 200),
        ({"Origin": "https://evil.example"}, "/ateliers/3/reserver", 403),
        ({"Origin": "https://ateliers.example.evil.example"}, "/ateliers/3/reserver", 403),
        ({"Origin": "null"}, "/ateliers/3/reserver", 403),
        ({"Origin": "null"}, "/r/jeton/annuler", 200),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, "/r/jeton/annuler", 403),
        ({"Origin": "https://evil.example"}, "/r/jeton/annuler", 403),
        ({}, "/ateliers/3/reserver", 200),
    ],
)
async def test_forms_of_other_sites_are_refused(headers: dict[str, str], path: str, status: int) -> None:
    answer = await raw("POST", path, headers, b"nom=x")
    assert answer.status_code == status
    if status == 403:
        assert "Cette demande" in answer.text
        assert "content-security-policy" in answer.headers


async def test_a_link_from_another_site_opens() -> None:
    assert (await raw("GET", "/ateliers", {"Sec-Fetch-Site": "cross-site"})).status_code == 200


async def test_a_body_too_large_is_refused_with_a_page() -> None:
    answer = await raw("POST", "/ateliers/3/reserver", content=b"nom=" + b"x" * MAX_BODY)
    assert answer.status_code == 413
    assert "trop lourd" in answer.text
    assert (await raw("POST", "/ateliers/3/reserver", content=b"nom=" + b"x" * (MAX_BODY - 4))).status_code == 200


async def test_x_forwarded_for_is_not_believed() -> None:
    """Only uvicorn reads it, and only from TRUSTED_PROXIES."""
    assert (await raw("GET", "/ateliers", {"X-Forwarded-For": "198.51.100.9"})).text.endswith("203.0.113.7")


def test_a_manage_link_is_masked_in_logs() -> None:
    assert masked("/r/ABCDEF/annuler") == "/r/…"
    assert masked("/en/r/ABCDEF") == "/en/r/…"
    assert masked("/ateliers/3") == "/ateliers/3"


@pytest.mark.parametrize("path", ["/", "/en/"])
async def test_the_first_page_of_a_language_keeps_its_slash(path: str) -> None:
    async with visiting(small(Route("/", html))) as visitor:
        assert (await visitor.client.get(path)).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "identity"])
async def test_the_coding_is_named_once_in_vary(coding: str) -> None:
    answer = await raw("GET", "/page", {"Accept-Encoding": coding})
    assert answer.headers["vary"] == "Accept-Encoding"
    assert ("content-encoding" in answer.headers) is (coding == "gzip")
