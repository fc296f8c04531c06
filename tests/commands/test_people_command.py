"""`ateliers people`, as the server's owner types it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ateliers.database import open_database
from ateliers.outbox import OutboxMessage
from ateliers.people import Counsellor, Invitation, Organisation


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
