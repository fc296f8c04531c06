"""After the workshop: the letter, once, by day, to who came; answers counted once, and nobody can tell whose they are."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ateliers import bookings, feedback
from ateliers.bookings import Booking, attendance, paths
from ateliers.bookings.tokens import hashed, manage_token
from ateliers.database import connection, is_postgres
from ateliers.feedback import Answered, Enough, FeedbackTally, FeedbackToken, counts, refusing, results, tokens
from ateliers.feedback.counts import COLUMNS, without_contacts
from ateliers.feedback.thanks import came, due, sweep
from ateliers.modules import NEXT_THEMES, THEMES
from ateliers.outbox import OutboxMessage
from ateliers.people import Standing
from ateliers.refusals import CalledOff, Gone, NotOpenYet, Unusable
from ateliers.workshops import Series, Session
from tests import world
from tests.web.desk.days import letter, said

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")
END = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)  # Tuesday, 16:00 in Paris, 19:00 in La Réunion
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YES = {"expectations": "yes", "able": "partly", "confident": "no"}
database = pytest.mark.usefixtures("database")


# When


@pytest.mark.parametrize(
    ("after", "zone", "yes"),
    [
        (2 * HOUR, PARIS, False), (3 * HOUR, PARIS, True), (4 * HOUR + 59 * HOUR / 60, PARIS, True),
        (5 * HOUR, PARIS, False), (15 * HOUR, PARIS, False), (16 * HOUR, PARIS, True), (3 * DAY, PARIS, True),
        (3 * DAY + HOUR, PARIS, False), (3 * HOUR, REUNION, False), (13 * HOUR, REUNION, True), (-HOUR, PARIS, False),
    ],
)  # fmt: skip
def test_some_hours_after_by_day_within_three_days(after: timedelta, zone: ZoneInfo, yes: bool) -> None:
    assert due(Booking(), END, zone, END + after) is yes


@pytest.mark.parametrize("column", ["thanked_at", "unreminded_at", "forgotten_at"])
def test_not_to_who_was_thanked_or_wants_no_letter(column: str) -> None:
    assert not due(Booking(**{column: END}), END, PARIS, END + 4 * HOUR)


def test_who_came() -> None:
    assert came({1: "", 2: ""}) == {1, 2}  # nobody noted anything
    assert came({1: "present", 2: "", 3: "absent", 4: "excused"}) == {1}
    assert came({1: "absent", 2: ""}) == set()
    assert came({}) == set()


async def _booked(*people: str, **more: object) -> tuple[world.World, Session, list[Booking]]:
    cast = await world.build()
    session = await world.session(cast.gueret, cast.workshop, counsellor=cast.amina, **more)  # type: ignore[arg-type]
    made = []
    for name in people or ("Chloé Martin",):
        wish = world.wish(name, email=f"{name.split()[0].lower()}@exemple.fr")
        made.append(await bookings.book(session.id, wish, post=world.post(), now=world.NOW))
    return cast, session, made


async def _thanks() -> list[OutboxMessage]:
    return await OutboxMessage.filter(kind="thanks").order_by("recipient")


@pytest.mark.anyio
@database
async def test_one_letter_whatever_the_worker_s_pauses() -> None:
    await _booked()
    at = END - DAY
    while at < END + 5 * DAY:
        await sweep(world.post(), at)
        at += timedelta(minutes=40)
    (row,) = await _thanks()
    text = said(row)
    assert "Merci d’être venu" in text
    assert text.count("/avis/") == 4  # three answers, and no more such letters
    message = letter(row)
    assert re.fullmatch(r"<https://ateliers\.example/avis/sans/\S+>", message["List-Unsubscribe"].strip())
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not [part for part in message.walk() if part.get_content_type() == "text/calendar"]


@pytest.mark.anyio
@database
async def test_only_to_who_was_present_and_to_all_where_nobody_was_noted() -> None:
    cast, session, (ana, ben, cleo, dan) = await _booked("Ana A", "Ben B", "Cleo C", "Dan D")
    await bookings.cancel(dan.id, post=world.post(), now=world.NOW)
    assert cast.amina is not None
    await attendance.take(session, ana.id, "present", cast.amina, END)
    await attendance.take(session, ben.id, "excused", cast.amina, END)
    assert await sweep(world.post(), END + 3 * HOUR) == 1
    assert [row.recipient for row in await _thanks()] == ["ana@exemple.fr"]
    await attendance.take(session, cleo.id, "present", cast.amina, END + 4 * HOUR)  # noted later, thanked later
    await attendance.take(session, ben.id, "absent", cast.amina, END + 4 * HOUR)
    assert await sweep(world.post(), END + 4 * HOUR) == 1
    await attendance.take(session, ana.id, "", cast.amina, END + 4 * HOUR)
    assert await sweep(world.post(), END + 20 * HOUR) == 0


@pytest.mark.anyio
@database
async def test_all_who_had_places_where_nobody_was_noted_and_none_of_a_session_called_off() -> None:
    _, session, _ = await _booked("Ana A", "Ben B")
    await Session.filter(id=session.id).update(called_off_at=world.NOW)
    assert await sweep(world.post(), END + 3 * HOUR) == 0
    await Session.filter(id=session.id).update(called_off_at=None)
    assert await sweep(world.post(), END + 3 * HOUR) == 2


@pytest.mark.anyio
@database
async def test_four_workers_thank_once() -> None:
    await _booked(*(f"P{n} X" for n in range(6)))
    await asyncio.gather(*(sweep(world.post(), END + 3 * HOUR) for _ in range(4)))
    assert len(await _thanks()) == 6


@pytest.mark.anyio
@database
async def test_a_cycle_is_thanked_for_after_its_last_date() -> None:
    cast = await world.build()
    series = await Series.create(counsellor=cast.amina, rule={}, created_at=world.NOW)
    dates = [
        await world.session(cast.gueret, cast.workshop, datetime(2026, 12, day, 14), series=series, in_cycle=True)
        for day in (1, 8)
    ]
    await bookings.book(dates[0].id, world.wish(), post=world.post(), now=world.NOW)
    assert await sweep(world.post(), END + 3 * HOUR) == 0
    assert await sweep(world.post(), END + 7 * DAY + 3 * HOUR) == 1


@pytest.mark.anyio
@database
async def test_who_refused_is_thanked_no_more() -> None:
    await _booked("Ana A", "Ben B")
    await refusing.refuse(tokens.refusal_key("ANA@exemple.fr", world.SECRET), world.NOW)
    await refusing.refuse(tokens.refusal_key("ana@exemple.fr", world.SECRET), world.NOW)
    await sweep(world.post(), END + 3 * HOUR)
    assert [row.recipient for row in await _thanks()] == ["ben@exemple.fr"]
    assert await refusing.forget(world.NOW + refusing.KEPT + DAY) == 1
    everything = await _dump()
    assert not [row for row in everything["feedback_refusal"] if "exemple" in str(row)]


# Counting


async def _over(**more: object) -> tuple[world.World, Session]:
    cast, session, _ = await _booked(**more)
    return cast, session


def _token(session: Session) -> str:
    return tokens.new_letter_token(session.id, world.SECRET)


@pytest.mark.anyio
@database
async def test_an_answer_is_counted_once() -> None:
    _, session = await _over()
    token = _token(session)
    await feedback.answer(session, YES, token=token, source="letter", words="Merci", now=END)
    with pytest.raises(Answered):
        await feedback.answer(session, YES, token=token, source="letter", now=END + HOUR)
    await feedback.answer(session, {"able": "yes"}, token=_token(session), source="letter", now=END)
    tally = await FeedbackTally.get()
    assert (tally.people, tally.expectations_yes, tally.able_yes, tally.able_partly, tally.confident_no) == (
        2,
        1,
        1,
        1,
        1,
    )
    assert tally.words == ["Merci"]


@pytest.mark.anyio
@database
async def test_twenty_people_and_twenty_taps_on_one_button_at_once() -> None:
    _, session = await _over()
    one = _token(session)
    taken = [one] * 20 + [_token(session) for _ in range(20)]
    found = await asyncio.gather(
        *(
            feedback.answer(session, YES, token=token, source="letter", words=f"mot {n}", now=END)
            for n, token in enumerate(taken)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Answered) for each in found) == 19
    tally = await FeedbackTally.get()
    assert (tally.people, tally.expectations_yes, len(tally.words)) == (21, 21, 21)
    assert await FeedbackToken.all().count() == 21


@pytest.mark.anyio
@database
async def test_a_tablet_counts_no_more_than_there_are_places() -> None:
    _, session = await _over(capacity=3)
    found = await asyncio.gather(
        *(feedback.answer(session, YES, token=f"t{n}", source="tablet", now=END) for n in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Enough) for each in found) == 5
    assert (await FeedbackTally.get()).people == 3
    assert await FeedbackToken.all().count() == 3  # what was refused spent nothing


@pytest.mark.anyio
@database
@pytest.mark.parametrize(
    ("given", "words", "reason"),
    [
        ({}, "", "answers"), ({"able": ""}, "", "answers"), ({"able": "perhaps"}, "", "answers"),
        ({"people": "yes"}, "", "answers"), (YES, "x" * 501, "words_long"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_refused(given: dict[str, str], words: str, reason: str) -> None:
    _, session = await _over()
    with pytest.raises(Unusable, match=reason):
        await feedback.answer(session, given, token=_token(session), source="letter", words=words, now=END)
    assert not await FeedbackToken.exists()


@pytest.mark.anyio
@database
async def test_neither_too_early_nor_too_late() -> None:
    _, session = await _over()
    for at, kind in ((session.starts_at - HOUR, NotOpenYet), (END + 31 * DAY, Gone)):
        with pytest.raises(kind):
            await feedback.answer(session, YES, token=_token(session), source="letter", now=at)
    session.called_off_at = world.NOW
    with pytest.raises(CalledOff):
        await feedback.answer(session, YES, token=_token(session), source="letter", now=END)


@pytest.mark.anyio
@database
async def test_sheets_of_paper_are_set_not_added() -> None:
    _, session = await _over()
    await feedback.set_paper(session, 5, {"able_yes": 3, "able_no": 2}, END)
    await feedback.set_paper(session, 6, {"able_yes": 4}, END)
    noted = await feedback.of_paper(session)
    assert noted is not None
    assert (noted.people, noted.able_yes, noted.able_no) == (6, 4, 0)
    for people, numbers, reason in (
        (2, {"able_yes": 3}, "paper_able"), (-1, {}, "paper_number"), (501, {}, "paper_number"),
        (3, {"confident_no": -1}, "paper_number"),
    ):  # fmt: skip
        with pytest.raises(Unusable, match=reason):
            await feedback.set_paper(session, people, numbers, END)
    with pytest.raises(NotOpenYet):
        await feedback.set_paper(session, 1, {}, session.starts_at - HOUR)


def test_words_name_no_address_and_no_number() -> None:
    text = (
        "Écrivez à jean.dupont@orange.fr ou au 06 39 98 00 00, +33.6.39.98.00.00 ; voir www.moi.fr/x. En 2026, 12 h 30."
    )
    assert without_contacts(text) == "Écrivez à … ou au …, … ; voir … En 2026, 12 h 30."


# Nobody can tell


async def _dump() -> dict[str, list[dict[str, object]]]:
    """Every row of every table."""
    if is_postgres():
        names = await connection().execute_query_dict(
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
        )
    else:
        names = await connection().execute_query_dict("SELECT name FROM sqlite_master WHERE type = 'table'")
    found = {}
    for row in names:
        rows = await connection().execute_query_dict(f'SELECT * FROM "{row["name"]}"')  # noqa: S608 - our own tables
        found[str(row["name"])] = [dict(each) for each in rows]
    return found


@pytest.mark.anyio
@database
async def test_the_schema_leads_from_no_person_to_an_answer() -> None:
    """The tables of feedback point at a session and at nothing else, and nothing points at them; no hour is in them."""
    if is_postgres():
        rows = await connection().execute_query_dict(
            "SELECT tc.table_name AS here, ccu.table_name AS there FROM information_schema.table_constraints tc"
            " JOIN information_schema.constraint_column_usage ccu ON ccu.constraint_name = tc.constraint_name"
            " WHERE tc.constraint_type = 'FOREIGN KEY'"
        )
        links = {(str(row["here"]), str(row["there"])) for row in rows}
        columns = await connection().execute_query_dict(
            "SELECT table_name AS here, data_type AS kind FROM information_schema.columns WHERE table_name LIKE 'feedback%'"
        )
    else:
        links, columns = set(), []
        for name in await _dump():
            for row in await connection().execute_query_dict(f'PRAGMA foreign_key_list("{name}")'):
                links.add((name, str(row["table"])))
            for row in await connection().execute_query_dict(f'PRAGMA table_info("{name}")'):
                columns += [{"here": name, "kind": row["type"]}] if name.startswith("feedback") else []
    assert {link for link in links if "feedback" in link[0] or "feedback" in link[1]} == {("feedback_tally", "session")}
    assert not [row for row in columns if "time" in str(row["kind"]).lower()]
    assert len(columns) == 18
    booking = {name.lower() for name in Booking._meta.fields_map}
    assert not booking & {"answer", "feedback", "feedback_token"}  # `answered_at` is of their calendar


@pytest.mark.anyio
@database
async def test_no_row_links_a_person_to_an_answer() -> None:
    """Who has the whole database *and* our secret finds in no row of feedback anything that some row of a person holds,
    or that could be derived from one: booking numbers, uids, references, tokens, names, contacts, hours."""
    _, session, made = await _booked("Ana A", "Ben B", "Cleo C")
    await sweep(world.post(), END + 3 * HOUR)
    links = {}
    for row in await _thanks():
        found = re.search(r"/avis/(\d\S+)\?a=yes", said(row))
        assert found
        links[row.recipient] = found[1]
    assert len(set(links.values())) == 3
    # Once sent, a letter's text is gone: see `outbox.delivery`.
    await OutboxMessage.all().update(message=None)
    for address in ("cleo@exemple.fr", "ana@exemple.fr"):
        given = {"expectations": "no", "able": "no"} if address.startswith("ana") else {"expectations": "yes"}
        await feedback.answer(
            session, given, token=links[address], source="letter", words=f"mot {address[0]}", now=END + DAY
        )
    everything = await _dump()
    of_feedback = {name: rows for name, rows in everything.items() if name.startswith("feedback")}
    values = {str(value) for rows in of_feedback.values() for row in rows for value in row.values()}
    (tally,) = of_feedback["feedback_tally"]  # one row for two people: not one profile each
    assert tally["people"] == 2
    assert len(of_feedback["feedback_token"]) == 2
    assert len({str(row["expires_on"]) for row in of_feedback["feedback_token"]}) == 1
    shared = set(COLUMNS) | {"0", "1", "2", str(session.id)}
    for booking in made:
        manage = manage_token(booking.uid, world.SECRET)
        theirs = {
            booking.uid, booking.reference, booking.name, booking.email, booking.contact_key, booking.token_hash, manage,
            hashed(booking.uid), hashed(str(booking.id)), hashed(manage), hashed(booking.email), hashed(booking.reference),
            tokens.refusal_key(booking.email, world.SECRET), booking.form_key_hash,
        }  # fmt: skip
        assert not theirs & values
    # The other way: nothing of feedback stands in any other table, but for the session itself and small numbers.
    elsewhere = {
        str(value)
        for name, rows in everything.items()
        if not name.startswith("feedback")
        for row in rows
        for value in row.values()
    }
    assert not (values - shared) & elsewhere
    # The spent tokens are the only trace of who answered, and only the letters themselves, which are gone, had them.
    assert {row["key_hash"] for row in of_feedback["feedback_token"]} == {
        hashed(links["ana@exemple.fr"]), hashed(links["cleo@exemple.fr"])
    }  # fmt: skip
    thanked = await Booking.filter(thanked_at__isnull=False).count()
    assert thanked == 3  # that a letter was written is known; that it was answered is not


@pytest.mark.anyio
@database
async def test_the_order_of_words_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, session = await _over()
    for n in range(12):
        await feedback.answer(session, YES, token=_token(session), source="letter", words=f"{n:02}", now=END)
    words = (await FeedbackTally.get()).words
    assert sorted(words) == [f"{n:02}" for n in range(12)]
    assert words != sorted(words)


@pytest.mark.anyio
@database
async def test_what_is_due_is_forgotten() -> None:
    _, session = await _over()
    await feedback.answer(session, YES, token=_token(session), source="letter", words="mot", now=END)
    assert await counts.forget(END + 30 * DAY) == 0
    assert await counts.forget(END + 33 * DAY) == 1
    assert (await FeedbackTally.get()).words == ["mot"]
    await counts.forget(END + 366 * DAY)
    tally = await FeedbackTally.get()
    assert (tally.words, tally.people) == ([], 1)


# Tokens


def test_a_token_is_ours_or_it_is_nothing() -> None:
    token = tokens.new_letter_token(12, world.SECRET)
    assert tokens.session_of_letter(token, world.SECRET) == 12
    assert tokens.session_of_letter(token.upper(), world.SECRET) == 12
    assert tokens.new_letter_token(12, world.SECRET) != token
    forged = "13" + token[2:]
    for bad in (
        forged,
        token[:-1],
        token + "a",
        "",
        "é",
        "x" * 200,
        "12",
        "--",
        tokens.kiosk_token(12, END, world.SECRET),
    ):
        assert tokens.session_of_letter(bad, world.SECRET) is None
    assert tokens.session_of_letter(token, b"another secret of whatever length") is None
    assert tokens.session_of_kiosk(tokens.kiosk_token(12, END, world.SECRET), world.SECRET) == (12, END)
    assert tokens.session_of_kiosk(token, world.SECRET) is None
    refusal = tokens.refusal_token("a@b.fr", world.SECRET)
    assert tokens.key_of_refusal(refusal, world.SECRET) == tokens.refusal_key("A@B.FR", world.SECRET)
    assert tokens.key_of_refusal(token, world.SECRET) == ""


# Sums


async def _said(session: Session, times: int, *, source: str = "letter", words: bool = True, **given: str) -> None:
    for n in range(times):
        text = f"mot {session.id}.{n}" if words and source == "letter" else ""
        await feedback.answer(
            session, given or YES, token=_token(session), source=source, words=text, now=session.ends_at
        )


@pytest.mark.anyio
@database
async def test_sums_by_session_month_theme_venue_and_departement() -> None:
    cast, first = await _over()
    mail = await world.workshop(title="Mes premiers e-mails", theme="email")
    second = await world.session(cast.gueret, mail, datetime(2026, 11, 10, 14), counsellor=cast.amina)
    away = await world.session(cast.reunion, mail, datetime(2026, 11, 11, 14), counsellor=cast.bruno)
    await _said(first, 2)
    await feedback.set_paper(first, 2, {"expectations_no": 2}, END)
    await _said(second, 2)
    await _said(away, 4)
    since, until, now = datetime(2026, 1, 1).date(), datetime(2026, 12, 31).date(), END + DAY
    me = Standing(cast.amina)
    by = {kind: await results.of_mine(me, since, until, now, kind) for kind in ("session", "month", "theme", "venue")}
    assert results.together(by["month"]).people == 6
    assert results.together(by["month"]).counts["expectations_yes"] == 4
    assert {(each.key, each.people, each.shown) for each in by["session"]} == {
        (str(first.id), 4, True), (str(second.id), 2, False)
    }  # fmt: skip
    assert [(each.key, each.people) for each in by["month"]] == [("2026-11", 2), ("2026-12", 4)]
    assert [each.key for each in by["theme"]] == ["intelligence_artificielle", "email"]
    assert [each.key for each in by["venue"]] == [cast.gueret.name]
    assert by["venue"][0].share("expectations") == pytest.approx(4 / 6)
    assert by["month"][0].share("expectations") is None  # two people: nobody sees
    assert [each.people for each in await results.of_department("974", since, until, now, "theme")] == [4]
    assert await results.of_department("75", since, until, now, "theme") == []
    assert await results.of_mine(me, since, until, datetime(2026, 11, 1, tzinfo=UTC), "theme") == []
    found = await results.of_sessions([first.id, second.id])
    assert found[first.id].counts["expectations_no"] == 2


@pytest.mark.anyio
@database
async def test_words_of_few_are_shown_only_among_others() -> None:
    cast, first = await _over()
    others = [
        await world.session(cast.gueret, cast.workshop, datetime(2026, 12, d, 9), counsellor=cast.amina) for d in (2, 3)
    ]
    since, until, now = datetime(2026, 12, 1).date(), datetime(2026, 12, 31).date(), END + 5 * DAY
    me = Standing(cast.amina)
    await _said(first, 4)
    assert await results.words_of(first) == []
    assert await results.words_of_few(me, since, until, now) == []  # of one session alone
    await _said(others[0], 1)
    (group,) = await results.words_of_few(me, since, until, now)
    assert (group.month, group.theme, len(group.texts)) == ("2026-12", "intelligence_artificielle", 5)
    await _said(first, 1)
    assert len(await results.words_of(first)) == 5
    assert await results.words_of_few(me, since, until, now) == []  # what is left is of one session, of one person
    assert await results.words_of_few(Standing(cast.bruno), since, until, now) == []


# What comes next


def test_every_theme_has_a_path() -> None:
    assert set(NEXT_THEMES) == set(THEMES)
    for theme, after in NEXT_THEMES.items():
        assert after
        assert theme not in after
        assert len(set(after)) == len(after)


def test_steps_of_a_path() -> None:
    assert paths.step("email", "debutant", "email", "intermediaire") == 0
    assert paths.step("email", "debutant", "email", "avance") == 1
    assert paths.step("email", "avance", "email", "avance") == 1
    assert paths.step("email", "debutant", NEXT_THEMES["email"][0], "debutant") == 2
    assert paths.step("email", "debutant", "entrepreneuriat", "debutant") is None


@pytest.mark.anyio
@database
async def test_what_follows_is_the_path_near_by_with_places() -> None:
    cast, session, _ = await _booked()
    now = END + 3 * HOUR

    async def add(title: str, theme: str, level: str, day: int, **more: object) -> Session:
        what = await world.workshop(title=title, theme=theme, level=level)
        place = more.pop("place", cast.gueret)
        return await world.session(place, what, datetime(2026, 12, day, 10), **more)  # type: ignore[arg-type]

    after = NEXT_THEMES["intelligence_artificielle"]
    assert await paths.following(session, now) == []
    far = await add("Suite ailleurs", after[0], "debutant", 9)
    same = await add("Autre café", "intelligence_artificielle", "debutant", 10)
    up = await add("Aller plus loin", "intelligence_artificielle", "intermediaire", 20)
    await add("Aller plus loin", "intelligence_artificielle", "intermediaire", 21)  # the same words twice say nothing
    await add("Complet", "intelligence_artificielle", "intermediaire", 8, seats_taken=8)
    await add("Privé", "intelligence_artificielle", "intermediaire", 8, private_key="abcdefgh")
    await add("Clos", "intelligence_artificielle", "intermediaire", 8, booking_closes_at=now - HOUR)
    await add("Pas encore", "intelligence_artificielle", "intermediaire", 8, booking_opens_at=now + HOUR)
    await add("Annulé", "intelligence_artificielle", "intermediaire", 8, called_off_at=world.NOW)
    await add("Loin", "intelligence_artificielle", "intermediaire", 8, place=cast.reunion)
    await add("Autre chemin", "entrepreneuriat", "debutant", 8)
    await world.session(cast.gueret, cast.workshop, datetime(2026, 12, 8, 10))  # the very same again
    assert [each.id for each in await paths.following(session, now)] == [up.id, same.id, far.id]
    assert [each.id for each in await paths.following(session, now, most=1)] == [up.id]
    await sweep(world.post(), now)
    (row,) = await _thanks()
    text = said(row)
    assert text.index("Aller plus loin") < text.index("Autre café") < text.index("Suite ailleurs")
    assert "/alertes/nouvelle" not in text


@pytest.mark.anyio
@database
async def test_a_cycle_follows_only_while_its_fullest_date_has_places() -> None:
    cast, session, _ = await _booked()
    series = await Series.create(counsellor=cast.amina, rule={}, created_at=world.NOW)
    what = await world.workshop(title="Un cycle", level="intermediaire")
    dates = [
        await world.session(cast.gueret, what, datetime(2026, 12, day, 9), series=series, in_cycle=True)
        for day in (8, 15)
    ]
    assert [each.id for each in await paths.following(session, END)] == [dates[0].id]
    await Session.filter(id=dates[1].id).update(seats_taken=8)
    assert await paths.following(session, END) == []


@pytest.mark.anyio
@database
async def test_where_nothing_follows_the_letter_offers_an_alert() -> None:
    await _booked()
    await sweep(world.post(), END + 3 * HOUR)
    assert "/alertes/nouvelle?ou=23000+Gu%C3%A9ret&theme=intelligence_artificielle" in said((await _thanks())[0])
