"""Every page and state a visitor can see, and the way to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from playwright.sync_api import Page

from ateliers import i18n
from ateliers.sms.gateways import FileGateway, Text
from tests.browser.fair import PHONE, TIRED, WIDE, Fair, Visit

Steps = Callable[[Page, Fair], None]


@dataclass(frozen=True)
class State:
    """One thing to look at. `path` may hold `{open}` (a session), `{venue}` or `{live!t}` (a booking's token)."""

    name: str
    path: str
    status: int = 200
    steps: Steps | None = None
    address: str = ""
    size: tuple[int, int] = PHONE
    desk: bool = False  # seen by Amina, signed in

    def reach(self, visit: Visit, fair: Fair) -> str:
        """Go there; the HTML as the server sent it. The last document must have come with `status`."""
        tokens = {f"r_{name}": token for name, token in fair.tokens.items()}
        if self.desk:
            visit.sign_in()
        visit.go(self.path.format(**fair.sessions, **tokens, venue=fair.venue))
        if self.steps:
            self.steps(visit.page, fair)
        visit.page.wait_for_load_state()
        last = visit.documents[-1]
        assert last.status == self.status, (self.name, last.status)
        return last.text()


def _send(page: Page, button: str = "verifier") -> None:
    with page.expect_navigation():
        page.locator(f"button[value={button}]").click()


def _fill(page: Page, name: str, email: str) -> None:
    page.locator("#nom").fill(name)
    page.locator("#email").fill(email)


def _empty(page: Page, fair: Fair) -> None:
    _send(page)


def _every_error(page: Page, fair: Fair) -> None:
    page.locator("[name=qui][value=autre]").check()
    page.locator("#nom").fill("x" * 200)
    page.locator("[name=contact][value=phone]").check()
    page.locator("#tel").fill("12")
    page.locator("#besoin-pli > summary").click()
    page.locator("#besoins").fill("Une place près de la porte")
    _send(page)


def _needs(page: Page, fair: Fair) -> None:
    page.locator("#besoin-pli > summary").click()


def _easy(page: Page, fair: Fair, *answers: tuple[str, str]) -> None:
    """The easy-to-read steps: begin, then answer these questions."""
    with page.expect_navigation():
        page.locator("button[value=nom]").click()
    for name, answer in answers:
        field = page.locator(f"[name={name}]:not([type=hidden])")
        if field.first.get_attribute("type") == "radio":
            page.locator(f"[name={name}][value='{answer}']").check()
        else:
            field.fill(answer)
        with page.expect_navigation():
            page.locator(".easy form .btn:not(.quiet)").last.click()


def _easy_nothing(page: Page, fair: Fair) -> None:
    _easy(page, fair, ("nom", ""))


def _easy_contact(page: Page, fair: Fair) -> None:
    _easy(page, fair, ("nom", "Zoé Facile"))


def _easy_phone(page: Page, fair: Fair) -> None:
    _easy(page, fair, ("nom", "Zoé Facile"), ("contact", "phone"))


def _easy_places(page: Page, fair: Fair) -> None:
    _easy(page, fair, ("nom", "Zoé Facile"), ("contact", "none"))


def _easy_check(page: Page, fair: Fair) -> None:
    _easy(page, fair, ("nom", "Zoé Facile"), ("contact", "email"), ("email", "zoe@gmial.com"), ("places", "2"))


def _easy_done(page: Page, fair: Fair) -> None:
    email = f"facile-{page.evaluate('document.documentElement.lang')}@exemple.fr"
    _easy(page, fair, ("nom", "Zoé Facile"), ("contact", "email"), ("email", email), ("places", "1"))
    page.wait_for_timeout(2000)
    with page.expect_navigation():
        page.locator(".easy form .btn:not(.quiet)").last.click()


def _tongues(page: Page, fair: Fair) -> None:
    page.locator(".tongues summary").click()


def _group(page: Page, fair: Fair) -> None:
    """Everything that is folded, for somebody else and for several."""
    page.locator("[name=qui][value=autre]").check()
    page.locator("#places").select_option("3")
    _unfold(page, fair)


def _group_wrong(page: Page, fair: Fair) -> None:
    _group(page, fair)
    page.locator("#joindre").fill("12")
    page.locator("#autres").fill("www.publicite.example")
    _send(page)


def _group_check(page: Page, fair: Fair) -> None:
    _group(page, fair)
    _fill(page, "Aide Sociale", "aide@exemple.fr")
    page.locator("#beneficiaire").fill("Jeanne Petit")
    page.locator("#joindre").fill("jeanne@exemple.fr")
    page.locator("#autres").fill("Paul Petit, Léa Petit")
    _send(page)


def _check(page: Page, fair: Fair) -> None:
    _fill(page, "Zoé Essai", "zoe@gmial.com")
    page.locator("#besoin-pli > summary").click()
    page.locator("#besoins").fill("Un grand écran")
    page.locator("#accord").check()
    _send(page)


def _confirm(page: Page) -> None:
    page.wait_for_timeout(2000)  # a form answered sooner than a person can read is shown again
    _send(page, "confirmer")


def _confirmed(page: Page, fair: Fair) -> None:
    _fill(page, "Zoé État", f"zoe-{page.evaluate('document.documentElement.lang')}@exemple.fr")
    _send(page)
    _confirm(page)


def _refused_too_many(page: Page, fair: Fair) -> None:
    _fill(page, "Une De Trop", "trop@exemple.fr")
    _send(page)
    _confirm(page)


def _already(page: Page, fair: Fair) -> None:
    _fill(page, "Chloé Live", "live@exemple.fr")
    _send(page)
    _confirm(page)


def _too_few_left(page: Page, fair: Fair) -> None:
    """The form was opened while there were more places."""
    page.locator("#places").evaluate("(it) => it.append(new Option('3', '3'))")
    page.locator("#places").select_option("3")
    _already(page, fair)


def _map(page: Page, fair: Fair) -> None:
    if page.evaluate("innerWidth") < 1024:  # on a wide screen it opens by itself
        page.locator("[data-map-open]:visible").first.click()
    page.wait_for_selector(".leaflet-marker-icon[role=button]")


def _markers(page: Page, fair: Fair) -> None:
    page.wait_for_selector(".leaflet-marker-icon[role=button]")


def _unfold(page: Page, fair: Fair) -> None:
    folded = page.locator("details:not([open]) > summary")
    while folded.count():
        folded.first.click()


def _letter(page: Page, fair: Fair) -> None:
    fair.letters("off@exemple.fr", 2)
    page.reload()
    with page.expect_navigation():
        page.locator("main li a").first.click()
    _unfold(page, fair)


def _texted(page: Page, fair: Fair) -> None:
    """By the worker it would wait for the morning, when the tests run at night."""
    words = f"Réservé : Café IA, mardi 1 déc. à 14 h, Guéret. Voir ou annuler : {fair.url}/s/0123456789"
    text = Text("0123456789abcdef", "+33639980000", words, timedelta(hours=1))
    FileGateway(fair.mail.parent / "sms")._write(text)
    page.reload()


def _wrong_digits(page: Page, fair: Fair) -> None:
    page.locator("#preuve").fill("13")
    with page.expect_navigation():
        page.locator("form button").click()


def _wrong_address(page: Page, fair: Fair) -> None:
    page.locator("#email").fill("amina")
    with page.expect_navigation():
        page.locator("form button").click()


def _empty_request(page: Page, fair: Fair) -> None:
    with page.expect_navigation():
        page.locator("form button").click()


def _publish_nothing(page: Page, fair: Fair) -> None:
    page.locator("#duree").fill("1")
    page.locator("#places").fill("x")
    _send(page, "publier")


def _publish_series(page: Page, fair: Fair) -> None:
    page.locator("#titre").fill("Café photo")
    page.locator("#theme").select_option("email")
    page.locator("#date").fill((datetime.now() + timedelta(days=20)).date().isoformat())  # noqa: DTZ005 - a wall
    page.locator("[name=repetition][value=semaine]").check()
    page.locator("#nombre").fill("6")
    _send(page, "publier")


def _move(page: Page, fair: Fair) -> None:
    page.locator("#heure").fill("17:30")
    _send(page, "publier")


def _nothing_said(page: Page, fair: Fair) -> None:
    with page.expect_navigation():
        page.locator("form.form button").click()


def _tap(page: Page, fair: Fair) -> None:
    with page.expect_navigation():
        page.locator(".taps button").first.click()


def _wrong_sheets(page: Page, fair: Fair) -> None:
    page.locator("#feuilles").fill("1")
    page.locator("#able_yes").fill("2")
    with page.expect_navigation():
        page.locator("form.form button").click()


def _data(page: Page, fair: Fair) -> None:
    """The worker makes the files as it starts; the page says so until they are there."""
    for _ in range(100):
        if page.locator(".preview").count():
            return
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError("no open data after twenty seconds")


GUERET = "/ateliers?ou=Gu%C3%A9ret"
STATES = [
    State("home", "/"),
    State("results", GUERET),
    State("results, filtered", f"{GUERET}&moment=matin&places=1&niveau=debutant&public=seniors"),
    State("filters", "/ateliers/filtres?ou=Gu%C3%A9ret&moment=soir"),
    State("results, page 2", f"{GUERET}&page=2"),
    State("results, none", "/ateliers?ou=Aubusson&rayon=5&theme=email"),
    State("results, unlocated", "/ateliers?ou=Zzyzxville"),
    State("results, homonyms", "/ateliers?ou=Saint-Denis"),
    State("results, wrong parameters", "/ateliers?rayon=9999&page=1000000&du=2026-13-45&theme=nope&zone=1,2"),
    State("results, map open on a phone", GUERET, steps=_map),
    State("results, map open", GUERET, steps=_map, size=WIDE),
    State("session open", "/ateliers/{open}"),
    State("session last place", "/ateliers/{last}"),
    State("session full", "/ateliers/{full}"),
    State("session called off", "/ateliers/{off}"),
    State("session past", "/ateliers/{past}"),
    State("session moved", "/ateliers/{moved}"),
    State("session in La Réunion", "/ateliers/{reunion}"),
    State("venue", "/lieux/{venue}", steps=_map),
    State("department", "/ateliers/departement/23"),
    State("commune", "/ateliers/commune/23096"),
    State("theme", "/ateliers/theme/intelligence_artificielle"),
    State("form", "/ateliers/{open}/reserver"),
    State("form, empty", "/ateliers/{open}/reserver", 422, _empty),
    State("form, every error", "/ateliers/{open}/reserver", 422, _every_error),
    State("form, needs open", "/ateliers/{open}/reserver", steps=_needs),
    State("form, too few places left", "/ateliers/{last}/reserver", 409, _too_few_left),
    State("form, for somebody and with others", "/ateliers/{open}/reserver", steps=_group),
    State("form, for somebody, errors", "/ateliers/{open}/reserver", 422, _group_wrong),
    State("check, for somebody and with others", "/ateliers/{open}/reserver", steps=_group_check),
    State("check", "/ateliers/{open}/reserver", steps=_check),
    State("confirmed", "/ateliers/{open}/reserver", steps=_confirmed),
    State("home, languages", "/", steps=_tongues),
    State("easy to read", "/facile-a-lire"),
    State("easy: begin", "/ateliers/{open}/reserver/facile"),
    State("easy: name, empty", "/ateliers/{open}/reserver/facile", 422, _easy_nothing),
    State("easy: contact", "/ateliers/{open}/reserver/facile", steps=_easy_contact),
    State("easy: phone", "/ateliers/{open}/reserver/facile", steps=_easy_phone),
    State("easy: places", "/ateliers/{open}/reserver/facile", steps=_easy_places),
    State("easy: check", "/ateliers/{open}/reserver/facile", steps=_easy_check),
    State("easy: a cycle", "/ateliers/{cycle0}/reserver/facile"),
    State("easy: done", "/ateliers/{open}/reserver/facile", steps=_easy_done),
    State("already booked", "/ateliers/{booked}/reserver", 409, _already),
    State("too many", "/ateliers/{open}/reserver", 429, _refused_too_many, TIRED),
    State("refused, full", "/ateliers/{full}/reserver", 409),
    State("refused, called off", "/ateliers/{off}/reserver", 409),
    State("refused, past", "/ateliers/{past}/reserver", 409),
    State("booking", "/r/{r_live}"),
    State("booking, cancel?", "/r/{r_live}/annuler"),
    State("booking cancelled", "/r/{r_cancelled}"),
    State("booking called off", "/r/{r_off}"),
    State("booking over", "/r/{r_over}"),
    State("waiting list, form", "/ateliers/{queue}/attente"),
    State("waiting list, form, empty", "/ateliers/{queue}/attente", 422, _empty),
    State("waiting list, check", "/ateliers/{queue}/attente", steps=_check),
    State("waiting", "/r/{r_waiting}"),
    State("waiting, offered", "/r/{r_offered}/accepter"),
    State("waiting, decline", "/r/{r_offered}/refuser"),
    State("waiting, left", "/r/{r_left}"),
    State("waiting, English", "/en/r/{r_waiting}"),
    State("find my booking", "/ma-reservation"),
    State("are you coming?", "/r/{r_live}/je-viens"),
    State("no more reminders?", "/r/{r_live}/sans-rappel"),
    State("alert", "/alertes/nouvelle?ou=Gu%C3%A9ret&theme=email"),
    State("alert, sent", "/alertes/envoye"),
    State("wish", "/alertes/nouvelle?ou=Aubusson&theme=email&souhait=1"),
    State("cycle", "/ateliers/{cycle0}"),
    State("cycle, form", "/ateliers/{cycle0}/reserver"),
    State("cycle, check", "/ateliers/{cycle0}/reserver", steps=_check),
    State("cycle, booking", "/r/{r_cycle}"),
    State("cycle, cancel all?", "/r/{r_cycle}/annuler-cycle"),
    State("404", "/nowhere", 404),
    State("builder", "/integrer"),
    State("builder, a town", "/integrer?commune=23096&theme=email&vue=liste&couleur=ffee00", size=WIDE),
    State("builder, every error", "/integrer?sorte=lieu&nom=zzz&couleur=rouge&hauteur=9&max=x&rayon=7", steps=_unfold),
    State("builder, homonyms", "/integrer?sorte=commune&nom=Saint-Denis"),
    State("builder, English", "/en/integrer?departement=23"),
    State("widget, map", "/embed/v1/carte?commune=23096", steps=_markers),
    State("widget, list", "/embed/v1/liste?commune=23096&couleur=8a1c4a"),
    State("widget, one session", "/embed/v1/prochain?atelier={open}"),
    State("widget, button", "/embed/v1/bouton?lieu={venue}"),
    State("widget, nothing", "/embed/v1/carte?departement=48"),
    State("widget, unknown form", "/embed/v1/agenda", 404),
    State("widget, English", "/embed/v1/liste?lang=en"),
    State("410", "/ateliers/{gone}", 410),
    State("help", "/aide"),
    State("accessibility", "/accessibilite"),
    State("legal notice", "/mentions-legales"),
    State("personal data", "/donnees-personnelles"),
    State("cookies", "/cookies"),
    State("site map", "/plan-du-site"),
    State("open API", "/api"),
    State("open API, English", "/en/api"),
    State("mailbox", "/demo/courrier"),
    State("phones", "/demo/sms", steps=_texted),
    State("short link", "/s/0000000000"),
    State("short link, wrong digits", "/s/0000000000", 404, _wrong_digits),
    State("letter", "/demo/courrier", steps=_letter),
    State("home, English", "/en/"),
    State("results, English", "/en/ateliers?ou=Gu%C3%A9ret"),
    State("session, English", "/en/ateliers/{last}"),
    State("form with errors, English", "/en/ateliers/{open}/reserver", 422, _empty),
    State("confirmed, English", "/en/ateliers/{open}/reserver", steps=_confirmed),
    State("booking called off, English", "/en/r/{r_off}"),
    State("help, English", "/en/aide"),
    State("desk: the door", "/pro/connexion"),
    State("desk: the door, wrong address", "/pro/connexion", 422, _wrong_address),
    State("desk: look into your mailbox", "/pro/connexion/envoye"),
    State("desk: a link that is old", "/pro/entrer/unknown", 410),
    State("desk: ask for one", "/pro/demande"),
    State("desk: ask for one, every error", "/pro/demande", 422, _empty_request),
    State("desk: asked for one", "/pro/demande/envoyee"),
    State("desk: the week", "/pro", desk=True),
    State("desk: choose a workshop", "/pro/ateliers/nouveau", desk=True),
    State("desk: publish", "/pro/ateliers/nouveau/faire-le-point", desk=True, steps=_unfold),
    State("desk: publish, every error", "/pro/ateliers/nouveau/libre", 422, _publish_nothing, desk=True),
    State("desk: a series to look at", "/pro/ateliers/nouveau/libre", steps=_publish_series, desk=True),
    State("desk: a session", "/pro/ateliers/{open}", desk=True),
    State("desk: a session called off", "/pro/ateliers/{off}", desk=True),
    State("desk: edit", "/pro/ateliers/{booked}/modifier", desk=True, steps=_unfold),
    State("desk: who will be told", "/pro/ateliers/{booked}/modifier", steps=_move, desk=True),
    State("desk: call off?", "/pro/ateliers/{booked}/annuler", desk=True),
    State("desk: waiting list", "/pro/ateliers/{offer}/attente", desk=True),
    State("desk: a cycle", "/pro/ateliers/{cycle1}", desk=True),
    State("desk: write somebody down for a cycle", "/pro/ateliers/{cycle1}/ajouter", desk=True),
    State("desk: what is wanted", "/pro/besoins", desk=True),
    State("desk: other software", "/pro/compte/logiciels", desk=True),
    State("desk: print", "/pro/ateliers/{open}/imprimer", desk=True),
    State("desk: the week, English", "/en/pro", desk=True),
    State("opinion", "/avis/{r_opinion}?a=yes", steps=_unfold),
    State("opinion, nothing said", "/avis/{r_opinion}", 422, _nothing_said),
    State("opinion, already given", "/avis/{r_spent}"),
    State("opinion, thanks", "/avis/merci"),
    State("opinion, English", "/en/avis/{r_opinion}"),
    State("no more letters of thanks?", "/avis/sans/{r_refusing}"),
    State("tablet", "/borne/{r_tablet}?fait=1"),
    State("tablet, second question", "/borne/{r_tablet}", steps=_tap),
    State("tablet, English", "/en/borne/{r_tablet}", size=WIDE),
    State("tablet, closed", "/borne/{r_closed}", 410),
    State("desk: opinions of a session", "/pro/ateliers/{spoken}/avis", desk=True),
    State("desk: sheets that do not add up", "/pro/ateliers/{spoken}/avis", 422, _wrong_sheets, desk=True),
    State("desk: open a tablet", "/pro/ateliers/{spoken}/borne", desk=True),
    State("desk: opinions", "/pro/avis", desk=True),
    State("desk: opinions, English", "/en/pro/avis", desk=True),
    State("open data", "/donnees", steps=_data),
    State("open data, English", "/en/donnees", steps=_data),
]

# Of these each foreign language shows its own; Arabic, written from right to left, shows all that citizens see and some
# of the desk.
_CORE = {
    "home, languages", "results", "results, none", "session last place", "session full", "form, every error", "check",
    "confirmed", "booking", "booking, cancel?", "booking called off", "waiting", "find my booking", "alert", "404", "help",
    "opinion", "easy: check", "easy: done", "widget, list", "desk: publish", "desk: a session",
}  # fmt: skip
_ONCE = {"already booked", "too many", "mailbox", "phones", "letter"}  # what another language would not show again


def abroad(code: str) -> list[State]:
    """The states of a language that is neither French nor English."""
    everything = i18n.direction(code) == "rtl"
    desk = {"desk: the week", "desk: choose a workshop", "desk: edit", "desk: waiting list", "desk: opinions"}
    wanted = [
        state
        for state in STATES
        if not state.name.endswith("English")
        and state.name not in _ONCE
        and (state.name in _CORE or (everything and (not state.desk or state.name in desk)))
    ]
    return [replace(state, name=f"{state.name}, {code}", path=_spoken(state.path, code)) for state in wanted]


def _spoken(path: str, code: str) -> str:
    if path.startswith("/embed/"):
        return f"{path}{'&' if '?' in path else '?'}lang={code}"
    return f"/{code}{path}"
