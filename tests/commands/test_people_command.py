"""`ateliers people`, as the server's owner types it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.outbox import OutboxMessage
from ateliers.people import Coordination, Counsellor, Invitation, Organisation, sign_in


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("SITE_URL", "https://ateliers.example")
    from ateliers.commands.people import people

    def ran(*words: str) -> Result:
        return CliRunner().invoke(people, list(words))

    return ran


def rows(database_url: str) -> tuple[list[Counsellor], list[Invitation], list[Organisation], list[OutboxMessage]]:
    async def read() -> tuple[list[Counsellor], list[Invitation], list[Organisation], list[OutboxMessage]]:
        async with open_database(database_url):
            return (await Counsellor.all(), await Invitation.all(), await Organisation.all(), await OutboxMessage.all())

    return asyncio.run(read())


def test_an_administrator_is_made_and_named_again(run, database_url: str) -> None:  # type: ignore[no-untyped-def]
    first = run("admin", "Ada@Ville.example", "--name", "Ada Martin")
    assert first.exit_code == 0, first.output
    assert "https://ateliers.example/pro/connexion" in first.output
    assert "The account" in run("admin", "ada@ville.example").output
    [ada] = rows(database_url)[0]
    assert (ada.email, ada.full_name, ada.public_name) == ("ada@ville.example", "Ada Martin", "Ada")
    assert ada.admin_since is not None
    assert run("admin", "nobody").exit_code == 2
    assert "administrator" in run("list").output


def test_an_invitation_is_sent(run, database_url: str) -> None:  # type: ignore[no-untyped-def]
    words = ("invite", "eva@ville.example", "--organisation", "Ville de Guéret", "--department", "23")
    assert run(*words, "--role", "manager").exit_code == 0
    assert run(*words[:-3], "ville de guéret".upper().title(), "--department", "23").exit_code == 0
    assert run("invite", "col@x.example", "--department", "974", "--role", "coordinator").exit_code == 0
    _, invitations, organisations, letters = rows(database_url)
    assert [(each.role, each.department) for each in invitations] == [
        ("manager", ""), ("counsellor", ""), ("coordinator", "974"),
    ]  # fmt: skip
    assert len(organisations) == 1
    assert len(letters) == 3
    assert run("invite", "x@y.example", "--department", "23").exit_code == 2
    assert run(*words[:-1], "999").exit_code == 2


def test_a_coordination_ends_and_stays_in_the_books(run, database_url: str) -> None:  # type: ignore[no-untyped-def]
    run("admin", "ada@ville.example")

    async def coordinate() -> None:
        async with open_database(database_url):
            ada, today = await Counsellor.get(), utc_now().date()
            await Coordination.create(counsellor=ada, department="23", since=today - timedelta(days=90))

    asyncio.run(coordinate())
    assert "coordinator of 23" in run("list").output
    words = ("end-coordination", "ada@ville.example", "--department")
    assert run(*words, "974").exit_code == 1
    assert run(*words, "23").exit_code == 0
    assert "coordinator" not in run("list").output
    assert run(*words, "23").exit_code == 1
    assert run("end-coordination", "nobody@ville.example", "--department", "23").exit_code == 1


def test_a_lost_second_factor_is_reset_and_every_browser_signed_out(run, database_url: str) -> None:  # type: ignore[no-untyped-def]
    run("admin", "ada@ville.example")
    assert "had no second factor" in run("reset-factor", "ada@ville.example").output

    async def lose() -> None:
        async with open_database(database_url):
            await Counsellor.all().update(totp_sealed="x", totp_since=utc_now(), recovery_hashes=["a"])
            await unit_of_work(sign_in.begin, await Counsellor.get(), way="link", browser="Chromium", now=utc_now())

    asyncio.run(lose())
    assert "by the link alone" in run("reset-factor", "ada@ville.example").output

    async def left() -> tuple[Counsellor, int]:
        async with open_database(database_url):
            return await Counsellor.get(), await sign_in.SignIn.filter(ended_at__isnull=True).count()

    ada, browsers = asyncio.run(left())
    assert (ada.totp_since, ada.totp_sealed, ada.recovery_hashes, browsers) == (None, "", [], 0)
