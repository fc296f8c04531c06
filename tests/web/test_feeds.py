"""A search as feeds: read by a feed reader's library, by a calendar's synchroniser, by curl; nobody is named in them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import feedparser
import jsonschema
import pytest
from icalendar import Calendar
from lxml import etree

from ateliers.database import open_database, utc_now
from ateliers.workshops import Session
from tests import world
from tests.processes import Process, environment, free_port, serving, wait_until_ready
from tests.visiting import ORIGIN, Visitor
from tests.web.test_find import _wall

FEEDS = ("/agenda.ics", "/agenda.atom", "/agenda.json")
ATOM = "{http://www.w3.org/2005/Atom}"

# jsonfeed.org/version/1.1, read as a schema: what is required, and the types of what we write.
_TEXT, _URL, _DATE = (
    {"type": "string", "minLength": 1},
    {"type": "string", "format": "uri"},
    {"type": "string", "format": "date-time"},
)
JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": _TEXT, "description": _TEXT, "language": _TEXT, "home_page_url": _URL, "feed_url": _URL, "icon": _URL,
        "authors": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["name"]}},
        "items": {"type": "array", "items": {
            "type": "object",
            "required": ["id"],
            "anyOf": [{"required": ["content_text"]}, {"required": ["content_html"]}],
            "properties": {
                "id": _TEXT, "url": _URL, "title": _TEXT, "content_text": _TEXT, "image": _URL, "date_published": _DATE,
                "date_modified": _DATE, "tags": {"type": "array", "items": _TEXT}, "language": _TEXT,
            },
            "patternProperties": {"^_[A-Za-z]": {"type": "object"}},
            "additionalProperties": False,
        }},
    },
    "additionalProperties": False,
}  # fmt: skip


@pytest.mark.anyio
async def test_atom_is_read_by_feedparser(site: Visitor) -> None:
    cast, now = await world.build(), utc_now()
    odd = await world.workshop(title="Photos & <b>vidéos</b> \x0b", promise="« 100 % »\nsans ]]> jargon")
    first = await world.session(cast.gueret, cast.workshop, _wall(9), published_at=now - timedelta(days=5))
    newer = await world.session(cast.gueret, odd, _wall(3), published_at=now - timedelta(days=1))
    off = await world.session(cast.gueret, cast.workshop, _wall(4), called_off_at=now - timedelta(hours=1))
    await world.session(cast.reunion, cast.workshop, _wall(3))
    answer = (await site.get("/agenda.atom?ou=23000")).response
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = feedparser.parse(answer.content)
    assert not feed.bozo, feed.bozo_exception
    assert feed.version == "atom10"
    assert feed.feed.title == "Ateliers numériques près de 23000"
    assert [entry.id.rpartition("-")[2] for entry in feed.entries] == [str(each.id) for each in (off, newer, first)]
    assert [entry.link for entry in feed.entries][1] == f"{ORIGIN}/ateliers/{newer.id}"
    assert feed.entries[0].title.startswith("Annulé : ")
    assert feed.entries[1].title_detail.value == "Photos & <b>vidéos</b>"
    assert "sans ]]> jargon" in feed.entries[1].summary
    assert feed.entries[2].tags[0].term == "intelligence_artificielle"
    assert all(entry.updated_parsed and entry.published_parsed for entry in feed.entries)
    root = etree.fromstring(answer.content)
    # RFC 4287 §4.1.1 and §4.1.2: what each must have, once.
    for element in (root, *root.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
    assert root.findall(f"{ATOM}author")
    assert root.xpath("string(//*[@rel='self']/@href)") == f"{ORIGIN}/agenda.atom?ou=23000"
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"


@pytest.mark.anyio
async def test_json_feed_is_one_and_tells_the_same(site: Visitor) -> None:
    cast = await world.build()
    odd = await world.workshop(title="Photos & <b>vidéos</b> \x0b")
    await world.session(cast.gueret, odd, _wall(3))
    moved = await world.session(
        cast.reunion, cast.workshop, _wall(4, 10), previous_starts_at=utc_now(), moved_at=utc_now()
    )
    answer = (await site.get("/agenda.json")).response
    assert answer.headers["content-type"] == "application/feed+json; charset=utf-8"
    feed = answer.json()
    jsonschema.validate(feed, JSON_FEED, format_checker=jsonschema.FormatChecker())
    assert [item["title"] for item in feed["items"]] == [cast.workshop.title, "Photos & <b>vidéos</b>"]
    session = feed["items"][0]["_session"]
    assert session["starts_at"].endswith("T10:00:00+04:00")
    assert (session["status"], feed["items"][0]["url"]) == ("rescheduled", f"{ORIGIN}/ateliers/{moved.id}")
    assert "10 h à 12 h (heure de La Réunion)" in feed["items"][0]["content_text"].replace("\u00a0", " ")
    entries = feedparser.parse((await site.get("/agenda.atom")).response.content).entries
    assert [item["id"] for item in feed["items"]] == [entry.id for entry in entries]
    english = (await site.get("/en/agenda.json")).response.json()
    assert english["language"] == "en"
    assert english["items"][0]["url"] == f"{ORIGIN}/en/ateliers/{moved.id}"


@pytest.mark.anyio
async def test_a_feed_of_nothing_is_a_feed(site: Visitor) -> None:
    await world.build()
    for query in ("?ou=Zzyzxville", "?theme=email", "?niveau=x&page=-3"):
        feed = feedparser.parse((await site.get(f"/agenda.atom{query}")).response.content)
        assert (feed.bozo, len(feed.entries), bool(feed.feed.updated)) == (False, 0, True)
        jsonschema.validate((await site.get(f"/agenda.json{query}")).response.json(), JSON_FEED)
        assert (await site.get(f"/agenda.ics{query}")).status == 200


@pytest.mark.anyio
async def test_the_results_page_names_its_feeds_with_its_criteria(site: Visitor) -> None:
    cast = await world.build()
    await world.session(cast.gueret, cast.workshop, _wall(3))
    for path, query in (
        ("/ateliers?ou=23000&rayon=50&places=1", "?ou=23000&rayon=50&places=1"),
        ("/ateliers", ""),
        ("/ateliers/departement/23", "?departement=23"),
        ("/en/ateliers?ou=23000", "?ou=23000"),
    ):
        page = await site.get(path)
        prefix = "/en" if path.startswith("/en") else ""
        heads = {link.get("type"): link.get("href") for link in page.all("//head/link[@rel='alternate'][@type]")}
        del heads["application/json+oembed"]  # for other sites: see test_embed
        assert heads == {
            "text/calendar": f"{prefix}/agenda.ics{query}",
            "application/atom+xml": f"{prefix}/agenda.atom{query}",
            "application/feed+json": f"{prefix}/agenda.json{query}",
        }
        assert set(heads.values()) <= set(page.links())
        assert all(link.get("title") for link in page.all("//head/link[@rel='alternate'][@type]"))
        for address in heads.values():
            assert (await site.get(address)).status == 200


@pytest.mark.anyio
@pytest.mark.parametrize("path", FEEDS)
async def test_a_feed_is_asked_for_again_by_tag_and_by_date(site: Visitor, path: str) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3))
    answer = (await site.get(path)).response
    for headers in (
        {"If-None-Match": answer.headers["etag"]}, {"If-Modified-Since": answer.headers["last-modified"]},
    ):  # fmt: skip
        again = await site.get(path, headers=headers)
        assert (again.status, again.response.text) == (304, "")
    assert answer.headers["access-control-allow-origin"] == "*"
    # A booking is no news: the same bytes, so that no reader marks the session unread.
    await Session.filter(id=session.id).update(seats_taken=3, updated_at=utc_now() + timedelta(minutes=1))
    site.client._transport.app.state.feeds._answers.clear()  # type: ignore[attr-defined]
    assert (await site.get(path)).response.headers["etag"] == answer.headers["etag"]


@pytest.mark.anyio
async def test_the_calendar_says_what_rfc_7986_asks_and_keeps_what_was_called_off_for_thirty_days(
    site: Visitor,
) -> None:
    cast, now = await world.build(), utc_now()
    kept = [
        await world.session(cast.gueret, cast.workshop, _wall(3)),
        await world.session(cast.gueret, cast.workshop, _wall(4), called_off_at=now - timedelta(days=29)),
        # Its day has passed: whoever has not asked since must still learn that it did not take place.
        await world.session(cast.gueret, cast.workshop, _wall(-1), called_off_at=now - timedelta(days=2)),
    ]
    await world.session(cast.gueret, cast.workshop, _wall(5), called_off_at=now - timedelta(days=31))
    await world.session(cast.gueret, cast.workshop, _wall(-1))
    await world.session(cast.gueret, cast.workshop, _wall(6), private_key="k" * 20)
    calendar = Calendar.from_ical((await site.get("/agenda.ics?ou=23000")).response.content)
    events = calendar.walk("VEVENT")
    assert {str(event["UID"]).partition("@")[0] for event in events} == {f"session-{each.id}" for each in kept}
    assert sorted(str(event["STATUS"]) for event in events) == ["CANCELLED", "CANCELLED", "CONFIRMED"]
    assert str(calendar["NAME"]) == str(calendar["X-WR-CALNAME"]) == "Ateliers numériques près de 23000"
    assert calendar["COLOR"] == "teal"
    assert calendar["REFRESH-INTERVAL"].params["VALUE"] == "DURATION"
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(hours=6)
    assert calendar["SOURCE"] == f"{ORIGIN}/agenda.ics?ou=23000"
    assert calendar["IMAGE"].params["FMTTYPE"] == "image/png"
    assert (await site.get(urlsplit(str(calendar["IMAGE"])).path)).status == 200
    assert calendar["METHOD"] == "PUBLISH"
    assert not [event for event in events if event.get("ATTENDEE") or event.get("ORGANIZER")]
    assert not calendar.errors
    assert not [event.errors for event in events if event.errors]


async def _fill(url: str) -> list[int]:
    async with open_database(url):
        cast = await world.build()
        return [(await world.session(cast.gueret, cast.workshop, _wall(3 + n))).id for n in range(3)]


async def _call_off(url: str, number: int) -> None:
    async with open_database(url):
        await Session.filter(id=number).update(called_off_at=utc_now(), sequence=1)


def _vdirsyncer(config: Path, *arguments: str) -> None:
    command = [str(Path(sys.executable).parent / "vdirsyncer"), "-c", str(config), *arguments]
    done = subprocess.run(command, input="y\n" * 5, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_vdirsyncer_follows_a_search_and_learns_what_is_called_off(
    sqlite_url: str, communes_file: Path, tmp_path: Path
) -> None:
    """A real synchroniser, a folder of events on the other side: three come, one is called off, one change is made."""
    made, port = asyncio.run(_fill(sqlite_url)), free_port()
    (tmp_path / "communes.db").symlink_to(communes_file)
    (tmp_path / "config").write_text(
        f'[general]\nstatus_path = "{tmp_path}/status"\n'
        '[pair agenda]\na = "web"\nb = "folder"\ncollections = null\nconflict_resolution = "a wins"\n'
        f'[storage web]\ntype = "http"\nurl = "http://127.0.0.1:{port}/agenda.ics?ou=23000"\n'
        f'[storage folder]\ntype = "filesystem"\npath = "{tmp_path}/events"\nfileext = ".ics"\n'
    )

    def synchronise() -> dict[int, str]:
        server = Process(["serve"], environment(sqlite_url, tmp_path, port))
        server.start()
        try:
            wait_until_ready(port)
            _vdirsyncer(tmp_path / "config", "discover", "agenda")
            _vdirsyncer(tmp_path / "config", "sync", "agenda")
        finally:
            server.stop()
        events = [Calendar.from_ical(file.read_bytes()) for file in (tmp_path / "events").glob("*.ics")]
        found = [calendar.walk("VEVENT")[0] for calendar in events]
        assert len(found) == 3  # none left behind: vdirsyncer knows what it reads by HTTP by its content
        return {int(str(event["URL"]).rpartition("/")[2]): str(event["STATUS"]) for event in found}

    assert synchronise() == dict.fromkeys(made, "CONFIRMED")
    asyncio.run(_call_off(sqlite_url, made[1]))
    assert synchronise() == dict.fromkeys(made, "CONFIRMED") | {made[1]: "CANCELLED"}


@pytest.mark.slow
def test_curl_reads_compressed_and_asks_by_its_tag(sqlite_url: str, communes_file: Path, tmp_path: Path) -> None:
    if not (curl := shutil.which("curl")):
        pytest.skip("no curl here")
    asyncio.run(_fill(sqlite_url))
    with serving(sqlite_url, tmp_path, communes_file) as (port,):
        for number, path in enumerate((*FEEDS, "/api/v1/sessions", "/api/v1/venues?format=geojson", "/sitemap.xml")):
            tag, body = tmp_path / f"tag{number}", tmp_path / f"body{number}"
            common = [curl, "-sS", "--compressed", "-o", str(body), "-D", "-", "-w", "%{http_code} %{size_download}"]
            address = f"http://127.0.0.1:{port}{path}"
            first = subprocess.run(
                [*common, "--etag-save", str(tag), address], capture_output=True, text=True, check=True
            )
            assert first.stdout.splitlines()[-1].startswith("200 "), first.stdout
            if body.stat().st_size > 600:
                assert "content-encoding: gzip" in first.stdout.lower()
            assert body.stat().st_size
            again = subprocess.run(
                [*common, "--etag-compare", str(tag), address], capture_output=True, text=True, check=True
            )
            assert again.stdout.splitlines()[-1] == "304 0", again.stdout
        content = json.loads((tmp_path / "body3").read_text())
        assert content["total"] == 3
