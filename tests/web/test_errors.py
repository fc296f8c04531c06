"""Each refusal has its page, in the visitor's language, with a way out; a crash shows no detail."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tortoise.exceptions import DBConnectionError

from ateliers import i18n, refusals
from ateliers.templating import in_language
from ateliers.web import errors
from tests.visiting import visiting
from tests.web.small import small

pytestmark = pytest.mark.anyio

RAISED: dict[str, Exception] = {
    "404": refusals.NotFound(),
    "410": refusals.Gone(),
    "403": refusals.NotAllowed(),
    "409": refusals.TooLate(),
    "422": refusals.Unusable("odd"),
    "429": refusals.TooMany(120),
    "400": HTTPException(400, "Too many fields"),
    "405": HTTPException(405, headers={"Allow": "GET"}),
    "413": HTTPException(413),
    "418": HTTPException(418),
    "502": HTTPException(502),
    "503": DBConnectionError("host=10.0.0.7 password=hunter2"),
    "500": RuntimeError("secret detail"),
}


async def fails(request: Request) -> Response:
    raise RAISED[request.path_params["which"]]


APP = small(Route("/api/{which}", fails), Route("/{which}", fails))


@pytest.mark.parametrize("which", RAISED)
@pytest.mark.parametrize("prefix", ["", "/en"])
async def test_every_error_has_its_page_in_the_language_of_the_visitor(which: str, prefix: str) -> None:
    async with visiting(APP) as visitor:
        page = await visitor.get(f"{prefix}/{which}")  # visiting inspects: language, one h1, title, security headers
    assert page.status == int(which)
    assert f"{'Error' if prefix else 'Erreur'} {which}" in page.text
    assert {f"{prefix}/ateliers", f"{prefix}/aide"} <= set(page.links())
    assert page.all("//meta[@name='robots'][@content='noindex']")
    assert not page.all("//link[@rel='canonical' or @rel='alternate']")
    assert "hunter2" not in page.response.text
    assert "secret detail" not in page.response.text
    other = page.all("//header//a[@hreflang]/@href")
    spoken = prefix.strip("/") or "fr"
    assert other == [in_language(code, f"/{which}") for code in i18n.languages() if code != spoken]


@pytest.mark.parametrize("which", ["404", "500", "429"])
async def test_the_api_answers_in_json(which: str) -> None:
    async with visiting(APP) as visitor:
        answer = (await visitor.get(f"/api/{which}")).response
    assert answer.status_code == int(which)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == int(which)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_who_may_come_back_is_told_when() -> None:
    async with visiting(APP) as visitor:
        assert (await visitor.get("/429")).response.headers["retry-after"] == "120"
        assert (await visitor.get("/503")).response.headers["retry-after"] == "60"


async def test_a_method_that_is_not_there_names_those_that_are() -> None:
    async with visiting(APP) as visitor:
        assert (await visitor.get("/405")).response.headers["allow"] == "GET"


async def test_a_crash_is_logged_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    app = small(Route("/r/{which}", fails))
    with caplog.at_level(logging.ERROR, logger="ateliers.errors"):
        async with visiting(app) as visitor:
            assert (await visitor.get("/r/500")).status == 500
    messages = [record.getMessage() for record in caplog.records if record.name == "ateliers.errors"]
    assert messages == ["crash on GET /r/…"]


async def test_who_hangs_up_while_sending_a_form_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    async def form(request: Request) -> Response:
        async with request.form() as data:
            return Response(str(data))

    messages = iter([{"type": "http.request", "body": b"nom=Chl", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[object] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: object) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/form", "raw_path": b"/form", "query_string": b"", "root_path": "",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")], "scheme": "http", "http_version": "1.1",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    with caplog.at_level(logging.INFO):
        await small(Route("/form", form, methods=["POST"]))(scope, receive, send)
    assert sent == []
    assert caplog.records == []


async def test_a_crash_of_the_error_page_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Response:
        raise RuntimeError("no template")

    monkeypatch.setattr(errors, "respond", broken)
    async with visiting(APP) as visitor:
        answer = (await visitor.get("/500")).response
    assert (answer.status_code, answer.text) == (500, "500")
    assert answer.headers["x-frame-options"] == "DENY"


def test_every_refusal_has_a_status() -> None:
    kinds = {kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, refusals.Refusal)}
    assert kinds - {refusals.Refusal} == set(errors.STATUS)


@pytest.mark.parametrize(
    ("seconds", "french", "english"),
    [
        (1, "Attendez 1 minute,", "Wait 1 minute,"),
        (120, "Attendez 2 minutes,", "Wait 2 minutes,"),
        (3600, "Attendez 60 minutes,", "Wait 60 minutes,"),
        (7200, "Attendez 2 heures,", "Wait 2 hours,"),
        (86_000, "Attendez 24 heures,", "Wait 24 hours,"),
    ],
)
async def test_how_long_to_wait_is_said_as_it_is(seconds: int, french: str, english: str) -> None:
    async def tired(request: Request) -> Response:
        raise refusals.TooMany(seconds)

    async with visiting(small(Route("/wait", tired))) as visitor:
        assert french in (await visitor.get("/wait")).text
        assert english in (await visitor.get("/en/wait")).text
