"""What a public service must say of itself, whoever runs it, in both languages; and whether it is ready."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ateliers import bookings, i18n
from ateliers.database import connection, utc_now
from ateliers.outbox import OutboxMessage
from ateliers.web import about
from tests import world
from tests.visiting import ORIGIN, Visitor, visiting
from tests.web.small import small

pytestmark = pytest.mark.anyio

OPERATOR = {
    "operator_name": "Ville d’Exemple",
    "operator_address": "1 place de la Mairie, 23000 Exemple",
    "publication_director": "Camille Martin",
    "hosting_provider": "Hébergeur, 2 rue du Serveur, 05 36 49 00 01",
    "contact_email": "bonjour@exemple.fr",
    "contact_phone": "05 36 49 00 00",
    "dpo_email": "dpo@exemple.fr",
}


@pytest.mark.parametrize("name", about.PAGES)
@pytest.mark.parametrize("prefix", ["", "/en"])
async def test_every_page_stands_in_every_language(name: str, prefix: str) -> None:
    async with visiting(small(*about.routes)) as visitor:
        page = await visitor.get(f"{prefix}/{name}")  # visiting inspects it
    assert page.status == 200
    assert page.all(f"//link[@rel='canonical'][@href='{ORIGIN}{prefix}/{name}']")
    tongues = {str(link.get("hreflang")): str(link.get("href")) for link in page.all("//link[@hreflang]")}
    others = {code: f"{ORIGIN}/{code}/{name}" for code in i18n.languages() if code != "fr"}
    assert tongues == {"fr": f"{ORIGIN}/{name}", **others, "x-default": f"{ORIGIN}/{name}"}
    footer = [str(href) for href in page.all("//footer//a/@href")]
    for required in ("accessibilite", "mentions-legales", "donnees-personnelles", "cookies", "plan-du-site", "aide"):
        assert f"{prefix}/{required}" in footer
    assert page.all(f"//footer//a[@href='{prefix}/accessibilite']")[0].text_content() == (
        "Accessibility: not compliant" if prefix else "Accessibilité : non conforme"
    )
    assert len(page.all("//header//* | //footer//*")) <= 75
    assert [str(href) for href in page.all("//body/a[@class='skip']/@href")] == ["#contenu", "#pied"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "accessibilite",
            [
                "non conforme",
                "RGAA 4.1.2",
                "auto-évaluation",
                "Dérogations",
                "Contenus exemptés",
                "Technologies",
                "Outils",
                "Pages vérifiées",
                "Schéma pluriannuel",
                "Plan d’action",
                "une semaine",
                "bonjour@exemple.fr",
                "Libre réponse 71120, 75342 Paris CEDEX 07",
                "Ville d’Exemple s’y engage",
            ],
        ),
        (
            "mentions-legales",
            ["Ville d’Exemple", "1 place de la Mairie", "Camille Martin", "2 rue du Serveur", "etalab-2.0"],
        ),
        ("donnees-personnelles", ["dpo@exemple.fr", "30 jours", "Le lendemain", "CNIL", "mission d’intérêt public"]),
        ("cookies", ["aucun cookie"]),
        ("plan-du-site", ["Creuse (23)", "La Réunion (974)", "Se protéger des arnaques"]),
        ("aide", ["05 36 49 00 00", "réserve pour vous", "4 étapes", "Questions fréquentes"]),
    ],
)
async def test_each_page_says_what_it_must(name: str, words: list[str]) -> None:
    async with visiting(small(*about.routes, demo=False, mail_from="inscriptions@exemple.fr", **OPERATOR)) as visitor:
        page = await visitor.get(f"/{name}")
    for word in words:
        assert word in page.text
    assert "démonstration" not in page.text.lower()
    assert not page.all("//p[@class='banner']")


async def test_a_demonstration_says_that_nobody_runs_it() -> None:
    async with visiting(small(*about.routes)) as visitor:
        legal = await visitor.get("/mentions-legales")
        personal = await visitor.get("/donnees-personnelles")
    assert "Aucun organisme ne l’exploite" in legal.text
    assert "N’y écrivez pas vos vraies données" in personal.text
    assert legal.all("//header//p[@class='banner']//a[@href='/demo/courrier']")


async def test_robots_may_read_all_but_personal_pages() -> None:
    async with visiting(small(*about.routes)) as visitor:
        text = (await visitor.get("/robots.txt")).response.text
    lines = text.splitlines()
    assert lines[0] == "User-agent: *"
    assert {"Disallow: /r/", "Disallow: /*/r/", "Disallow: /demo/"} <= set(lines)
    assert lines[-1] == f"Sitemap: {ORIGIN}/sitemap.xml"
    assert "Disallow: /" not in lines


async def test_security_txt_expires_within_a_year() -> None:
    """RFC 9116: Contact and Expires are mandatory, one recommended to be less than a year away."""
    async with visiting(small(*about.routes, contact_email="securite@exemple.fr")) as visitor:
        answer = (await visitor.get("/.well-known/security.txt")).response
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:securite@exemple.fr"
    assert fields["Canonical"] == f"{ORIGIN}/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - utc_now()
    assert timedelta(days=30) < left < timedelta(days=365)


async def test_health_is_ready_when_all_answers(site: Visitor) -> None:
    answer = (await site.get("/health")).response
    assert answer.status_code == 200
    report = answer.json()
    assert (report["ready"], report["database"], report["migrations"]) == (True, True, True)
    assert report["outbox_age_seconds"] == 0
    assert answer.headers["cache-control"] == "no-store"


async def test_health_is_not_ready_before_the_migrations(site: Visitor) -> None:
    await connection().execute_query("DELETE FROM tortoise_migrations")
    answer = (await site.get("/health")).response
    assert answer.status_code == 503
    assert answer.json()["migrations"] is False


async def test_health_is_not_ready_without_a_database() -> None:
    async with visiting(small(*about.routes)) as visitor:
        answer = (await visitor.get("/health")).response
    assert answer.status_code == 503
    assert answer.json()["database"] is False
    assert "/" not in str(answer.json()["error"])  # a kind of error, never an address or a path


async def test_health_is_not_ready_when_letters_stay(site: Visitor) -> None:
    late = utc_now() - about.OUTBOX_LATE - timedelta(minutes=1)
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, datetime(2099, 12, 1, 14, 0))
    await bookings.book(session.id, world.wish(), post=world.post(), now=utc_now())
    assert (await site.get("/health")).status == 200
    await OutboxMessage.all().update(next_attempt_at=late)
    answer = (await site.get("/health")).response
    assert answer.status_code == 503
    report = answer.json()
    assert (report["ready"], report["outbox"], report["database"], report["migrations"]) == (False, False, True, True)
    assert report["outbox_age_seconds"] >= 15 * 60
    answer = (await site.get("/health/web")).response  # what a proxy asks: booking goes on
    assert (answer.status_code, answer.json()["ready"], answer.json()["outbox"]) == (200, True, False)


async def test_a_demonstration_has_a_number_that_nobody_answers_and_a_service_its_own() -> None:
    async with visiting(small(*about.routes)) as visitor:
        assert (await visitor.get("/aide")).all("//footer//a[@href='tel:0199000000']")
    async with visiting(small(*about.routes, demo=False, mail_from="inscriptions@exemple.fr")) as visitor:
        assert not (await visitor.get("/aide")).all("//a[starts-with(@href, 'tel:')]")


async def test_the_legal_notice_names_the_licence_of_the_software() -> None:
    licence = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8").split()[0]
    async with visiting(small(*about.routes)) as visitor:
        assert f"licence {licence}." in (await visitor.get("/mentions-legales")).text
