"""What search engines and social networks read: events by Google's rules, pictures, addresses, the sitemap."""

from __future__ import annotations

import gzip
import io
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree
from PIL import Image

from ateliers import i18n
from ateliers.database import utc_now
from ateliers.search import everything
from ateliers.workshops import Session
from tests import world
from tests.visiting import ORIGIN, Page, Visitor
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
SCHEMA = "https://schema.org/"
STATUSES = {"EventScheduled", "EventCancelled", "EventRescheduled", "EventPostponed", "EventMovedOnline"}
AVAILABLE = {"InStock", "SoldOut", "PreOrder"}


def google_event(event: dict[str, Any]) -> list[str]:
    """What Google's rules for events find wrong, required and recommended members alike.

    developers.google.com/search/docs/appearance/structured-data/event, as CONVENTIONS §6.1 tells it.
    """
    wrong = []
    for name in ("name", "startDate", "location"):  # required
        if not event.get(name):
            wrong.append(f"{name} is missing")
    for name in (
        "description", "endDate", "eventStatus", "eventAttendanceMode", "image", "offers", "organizer", "performer",
    ):  # fmt: skip
        if not event.get(name):
            wrong.append(f"{name} is recommended")
    for name in ("startDate", "endDate", "previousStartDate"):
        if name in event and datetime.fromisoformat(event[name]).utcoffset() is None:
            wrong.append(f"{name} has no offset")
    if datetime.fromisoformat(event["endDate"]) <= datetime.fromisoformat(event["startDate"]):
        wrong.append("it ends before it begins")
    if event["eventStatus"].removeprefix(SCHEMA) not in STATUSES:
        wrong.append("eventStatus")
    if event["eventStatus"].endswith("Rescheduled") is not ("previousStartDate" in event):
        wrong.append("previousStartDate goes with EventRescheduled")
    place = event["location"]
    address = place.get("address", {})
    if place.get("@type") != "Place" or not place.get("name") or address.get("@type") != "PostalAddress":
        wrong.append("location")
    for name in ("streetAddress", "addressLocality", "postalCode", "addressRegion", "addressCountry"):
        if not address.get(name):
            wrong.append(f"address.{name}")
    offer = event["offers"]
    for name in ("price", "priceCurrency", "availability", "validFrom", "url"):
        if not offer.get(name):
            wrong.append(f"offers.{name}")
    if (offer["price"], offer["priceCurrency"]) != ("0", "EUR"):
        wrong.append("offers.price")
    if offer["availability"].removeprefix(SCHEMA) not in AVAILABLE:
        wrong.append("offers.availability")
    if datetime.fromisoformat(offer["validFrom"]).utcoffset() is None:
        wrong.append("offers.validFrom has no offset")
    for name in ("url", "name"):
        if not event["organizer"].get(name):
            wrong.append(f"organizer.{name}")
    addresses = [*event["image"], event["url"], offer["url"], event["organizer"]["url"]]
    wrong += [f"not absolute: {each}" for each in addresses if not each.startswith("https://")]
    if event["@type"] != "EducationEvent" or not event["performer"].get("name"):
        wrong.append("type")
    return wrong


def _blocks(page: Page) -> dict[str, Any]:
    found = [json.loads(each.text) for each in page.all("//script[@type='application/ld+json']")]
    return {each["@type"]: each for each in found}


async def _event(site: Visitor, session: Session, prefix: str = "") -> dict[str, Any]:
    return dict(_blocks(await site.get(f"{prefix}/ateliers/{session.id}"))["EducationEvent"])


@pytest.mark.parametrize(
    ("changes", "status", "availability"),
    [
        ({}, "EventScheduled", "InStock"),
        ({"seats_taken": 8}, "EventScheduled", "SoldOut"),
        ({"booking_closes_at": utc_now()}, "EventScheduled", "SoldOut"),
        ({"booking_opens_at": utc_now() + timedelta(days=1)}, "EventScheduled", "InStock"),
        ({"called_off_at": utc_now()}, "EventCancelled", "SoldOut"),
        ({"previous_starts_at": utc_now() + timedelta(days=9), "moved_at": utc_now()}, "EventRescheduled", "InStock"),
        (
            {"previous_starts_at": utc_now() + timedelta(days=9), "called_off_at": utc_now()},
            "EventCancelled",
            "SoldOut",
        ),
    ],
    ids=["open", "full", "closed", "not open yet", "called off", "moved", "moved then called off"],
)
@pytest.mark.parametrize("place", ["gueret", "reunion"])
async def test_an_event_is_valid_by_google_s_rules_in_every_state(
    site: Visitor, changes: dict[str, object], status: str, availability: str, place: str
) -> None:
    cast = await world.build()
    venue = getattr(cast, place)
    session = await world.session(
        venue, cast.workshop, _wall(3, 10), counsellor=cast.amina, organisation=cast.creuse, **changes
    )
    for prefix in ("", "/en"):
        event = await _event(site, session, prefix)
        assert google_event(event) == []
        assert event["eventStatus"] == f"{SCHEMA}{status}"
        assert event["offers"]["availability"] == f"{SCHEMA}{availability}"
        offset = {"gueret": ("+01:00", "+02:00"), "reunion": ("+04:00",)}[place]
        assert event["startDate"].endswith(tuple(f"T10:00:00{each}" for each in offset))
        assert event["url"] == f"{ORIGIN}{prefix}/ateliers/{session.id}"
        assert event["@id"] == f"{ORIGIN}/ateliers/{session.id}#event"
    if "booking_opens_at" in changes:
        assert datetime.fromisoformat(event["offers"]["validFrom"]) > utc_now()
    assert event["organizer"]["name"] == cast.creuse.name
    assert event["performer"] == {"@type": "Person", "name": "Amina"}


async def test_the_checker_of_events_finds_faults(site: Visitor) -> None:
    cast = await world.build()
    event = await _event(site, await world.session(cast.gueret, cast.workshop, _wall(3), counsellor=cast.amina))
    assert google_event(event) == []
    naive = event | {"startDate": "2026-12-01T10:00:00", "endDate": "2026-12-01T12:00:00"}
    assert google_event(naive) == ["startDate has no offset", "endDate has no offset"]
    assert "previousStartDate goes with EventRescheduled" in google_event(
        event | {"eventStatus": f"{SCHEMA}EventRescheduled"}
    )
    assert google_event(event | {"location": event["location"] | {"address": {"@type": "PostalAddress"}}})


async def test_a_guessed_position_is_not_told_as_a_door(site: Visitor) -> None:
    cast = await world.build()
    vague = await world.venue(position="repaired")
    event = await _event(site, await world.session(vague, cast.workshop, _wall(3)))
    assert "geo" not in event["location"]
    assert "geo" in (await _event(site, await world.session(cast.gueret, cast.workshop, _wall(3))))["location"]


async def test_a_shared_link_shows_its_own_picture_with_words(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3))
    hidden = await world.session(cast.gueret, cast.workshop, _wall(3), private_key="k" * 20)
    for path in (f"/ateliers/{session.id}", f"/en/ateliers/{session.id}", f"/ateliers/{hidden.slug}"):
        page = await site.get(path)
        meta = {
            each.get("property") or each.get("name"): each.get("content") for each in page.all("//head/meta[@content]")
        }
        assert meta["og:image"] == f"{ORIGIN}{path}/image.png"
        assert (meta["og:image:width"], meta["og:image:height"]) == ("1200", "630")
        assert meta["twitter:card"] == "summary_large_image"
        assert meta["og:url"] == f"{ORIGIN}{path}"
        assert "France services de Guéret" in meta["og:image:alt"]
        event = _blocks(page)["EducationEvent"]
        assert event["image"] == [meta["og:image"]]
        picture = (await site.get(urlsplit(meta["og:image"]).path)).response
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
        assert Image.open(io.BytesIO(picture.content)).size == (1200, 630)
        kept = await site.get(f"{path}/image.png", headers={"If-None-Match": picture.headers["etag"]})
        assert kept.status == 304
    assert (await site.get(f"/ateliers/{hidden.id}/image.png")).status == 404
    assert (await site.get("/ateliers/999999/image.png")).status == 404
    home = await site.get("/")
    assert home.all("//meta[@property='og:image:alt']/@content")


async def test_every_public_page_has_one_canonical_address_and_its_languages(site: Visitor) -> None:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, _wall(3))
    for path in (
        "/", "/ateliers", "/ateliers?ou=23000", "/ateliers/departement/23", "/ateliers/commune/23096",
        "/ateliers/theme/email", f"/ateliers/{session.id}", f"/lieux/{cast.gueret.id}", "/aide", "/api", "/accessibilite",
        "/mentions-legales", "/donnees-personnelles", "/cookies", "/plan-du-site",
    ):  # fmt: skip
        for prefix in ("", "/en"):
            page = await site.get(f"{prefix}{path}")
            assert page.status == 200
            assert page.all("//link[@rel='canonical']/@href") == [f"{ORIGIN}{prefix}{path}"], path
            languages = {each.get("hreflang"): each.get("href") for each in page.all("//link[@hreflang]")}
            others = {code: f"{ORIGIN}/{code}{path}" for code in i18n.languages() if code != "fr"}
            assert languages == {"fr": f"{ORIGIN}{path}", **others, "x-default": f"{ORIGIN}{path}"}, path


def _listed(answer: Page, element: str) -> dict[str, str | None]:
    root = etree.fromstring(answer.response.content)
    assert root.tag == f"{SITEMAP}{'sitemapindex' if element == 'sitemap' else 'urlset'}"
    return {
        each.findtext(f"{SITEMAP}loc"): each.findtext(f"{SITEMAP}lastmod") for each in root.iter(f"{SITEMAP}{element}")
    }


async def test_the_sitemap_is_an_index_of_parts_each_page_once_and_alive(
    site: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everything, "PART", 2)
    cast, now = await world.build(), utc_now()
    shown = [await world.session(cast.gueret, cast.workshop, _wall(3 + n)) for n in range(4)]
    shown.append(await world.session(cast.reunion, cast.workshop, _wall(9), moved_at=now - timedelta(days=2)))
    hidden = [
        await world.session(cast.gueret, cast.workshop, _wall(3), private_key="k" * 20),
        await world.session(cast.gueret, cast.workshop, _wall(3), called_off_at=now),
        await world.session(cast.gueret, cast.workshop, _wall(-3)),
        await world.session(await world.venue(withdrawn_at=now), cast.workshop, _wall(3)),
    ]
    index = _listed(await site.get("/sitemap.xml"), "sitemap")
    assert list(index) == [
        f"{ORIGIN}/sitemap-{name}.xml" for name in ("pages", "ateliers-1", "ateliers-2", "ateliers-3", "lieux-1")
    ]
    assert index[f"{ORIGIN}/sitemap-ateliers-3.xml"] == f"{now - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    pages: dict[str, str | None] = {}
    for address in index:
        part = _listed(await site.get(address.removeprefix(ORIGIN)), "url")
        assert part
        assert not set(part) & set(pages)
        pages |= part
    for session in shown:
        assert pages[f"{ORIGIN}/ateliers/{session.id}"]
    for session in hidden:
        assert f"{ORIGIN}/ateliers/{session.id}" not in pages
    assert {f"{ORIGIN}/lieux/{venue.id}" for venue in (cast.gueret, cast.reunion)} <= set(pages)
    assert {
        f"{ORIGIN}/ateliers/theme/intelligence_artificielle",
        f"{ORIGIN}/ateliers/departement/974",
        f"{ORIGIN}/",
    } <= set(pages)
    for address in pages:
        page = await site.get(address.removeprefix(ORIGIN))
        assert page.status == 200, address
        assert page.all("//link[@rel='canonical']/@href") == [address]
        assert not page.all("//meta[@name='robots'][contains(@content, 'noindex')]"), address
    for path in ("ateliers-4", "ateliers-0", "lieux-2", "autre-1", "ateliers-99999999999999999999"):
        assert (await site.get(f"/sitemap-{path}.xml")).status == 404, path


async def test_a_sitemap_travels_compressed_and_only_once(site: Visitor) -> None:
    cast = await world.build()
    for n in range(12):
        await world.session(cast.gueret, cast.workshop, _wall(3 + n))
    path = "/sitemap-ateliers-1.xml"
    async with site.client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).count(b"<url>") == 12
    assert (await site.get(path, headers={"If-None-Match": answer.headers["etag"]})).status == 304


async def test_a_session_that_is_over_is_not_for_search_engines(site: Visitor) -> None:
    cast = await world.build()
    past = await world.session(cast.gueret, cast.workshop, _wall(-3))
    page = await site.get(f"/ateliers/{past.id}")
    assert page.all("//meta[@name='robots'][contains(@content, 'noindex')]")
