"""The way out, against a real SMTP server and a real Maildir: refusals, delays, broken connections, encryption."""

from __future__ import annotations

import asyncio
import mailbox
import ssl
import subprocess
from pathlib import Path

import pytest

from ateliers.outbox import Delayed, Refused, Unreachable, open_transport
from ateliers.outbox.transports import MaildirTransport, SmtpTransport
from tests.mail_server import mail_server

pytestmark = pytest.mark.anyio
LETTER = (
    b"From: Ateliers <inscriptions@ateliers.example>\r\nTo: chloe@example.org\r\nSubject: x\r\n\r\n"
    b".a line that begins with a dot\r\nand an end\r\n"
)
TO = "chloe@example.org"


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_server() as server:
        way = open_transport(server.url)
        await way.send(TO, LETTER)
        await way.close()
        [envelope] = server.received
    assert (envelope.mail_from, envelope.rcpt_tos) == ("inscriptions@ateliers.example", [TO])
    assert envelope.content == LETTER


async def test_one_connection_serves_a_batch() -> None:
    async with mail_server() as server:
        way = open_transport(server.url)
        for _ in range(5):
            await way.send(TO, LETTER)
        await way.close()
        assert len(server.received) == 5
        assert len({id(session) for session in server.sessions}) == 1
        await way.send(TO, LETTER)
        await way.close()
    assert len({id(session) for session in server.sessions}) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [("550 5.1.1 <chloe@example.org> is unknown, see https://x.example/u", Refused), ("451 try later", Delayed)],
)
@pytest.mark.parametrize("step", ["to_rcpt", "to_data"])
async def test_no_means_no_and_later_means_later(step: str, answer: str, error: type[Exception]) -> None:
    async with mail_server() as server:
        getattr(server, step).append(answer)
        way = open_transport(server.url)
        with pytest.raises(error) as caught:
            await way.send(TO, LETTER)
        assert str(caught.value).startswith(answer[:3])
        assert "example" not in str(caught.value)  # no address in a log
        await way.send(TO, LETTER)  # the same connection goes on
        await way.close()
    assert len(server.received) == 1


async def test_a_connection_that_breaks_half_way_is_a_delay_and_is_opened_again() -> None:
    async with mail_server() as server:
        server.to_data.append("drop")
        way = open_transport(server.url)
        with pytest.raises(Delayed, match="connection broke"):
            await way.send(TO, LETTER)
        await way.send(TO, LETTER)
        await way.close()
    assert len(server.received) == 1


async def test_a_letter_given_up_half_way_does_not_spoil_the_next() -> None:
    async with mail_server() as server:
        way = open_transport(server.url)
        await way.send(TO, LETTER)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await way.send(TO, LETTER)
        await way.send(TO, LETTER)
        await way.close()
    assert [envelope.content for envelope in server.received] == [LETTER, LETTER]


async def test_no_server_is_unreachable() -> None:
    async with mail_server() as server:
        url = server.url
    with pytest.raises(Unreachable, match="no connection"):
        await open_transport(url).send(TO, LETTER)


def certificate(folder: Path) -> ssl.SSLContext:
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def test_starttls_is_used_when_offered_and_the_password_only_then(tmp_path: Path) -> None:
    from aiosmtpd.smtp import AuthResult, LoginPassword

    def check(server: object, session: object, envelope: object, mechanism: str, data: LoginPassword) -> AuthResult:
        known = data.login == b"me@x" and data.password == b"p:/w"
        return AuthResult(success=known, handled=False)

    options = {"tls_context": certificate(tmp_path), "authenticator": check, "require_starttls": True}
    async with mail_server(**options) as server:
        way = open_transport(f"smtp://me%40x:p%3A%2Fw@127.0.0.1:{server.port}")
        await way.send(TO, LETTER)
        await way.close()
        assert server.sessions[0].ssl is not None
        with pytest.raises(Unreachable, match="535"):
            await open_transport(f"smtp://me%40x:wrong@127.0.0.1:{server.port}").send(TO, LETTER)
        assert len(server.received) == 1


async def test_a_password_never_travels_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    import ateliers.outbox.transports as transports

    monkeypatch.setattr(transports, "_is_loopback", lambda host: False)  # as if the server were far away
    async with mail_server(auth_require_tls=False) as server:
        with pytest.raises(Unreachable, match="password was not sent"):
            await open_transport(f"smtp://me:secret@127.0.0.1:{server.port}").send(TO, LETTER)


async def test_an_address_outside_ascii_needs_a_server_that_reads_it() -> None:
    async with mail_server() as server:
        way = open_transport(server.url)
        await way.send("chloé@example.org", LETTER)
        await way.close()
        assert server.received[0].rcpt_tos == ["chloé@example.org"]


async def test_a_maildir_holds_whole_letters_only(tmp_path: Path) -> None:
    way = open_transport(f"maildir:{tmp_path}/var/mail")
    await asyncio.gather(*(way.send(TO, LETTER) for _ in range(20)))
    await way.close()
    box = mailbox.Maildir(tmp_path / "var" / "mail", create=False)
    assert len(box) == 20
    assert {message.get_payload() for message in box} == {".a line that begins with a dot\nand an end\n"}


async def test_a_maildir_that_cannot_be_written_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable):
        await open_transport(f"maildir:{tmp_path}/file/mail").send(TO, LETTER)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.example", "mail.example", 25, False),
        ("smtp://u:p@mail.example", "mail.example", 587, False),
        ("smtps://u:p@mail.example", "mail.example", 465, True),
        ("smtp://[::1]:2525", "::1", 2525, False),
    ],
)
def test_addresses_of_servers(url: str, host: str, port: int, tls: bool) -> None:
    way = open_transport(url)
    assert isinstance(way, SmtpTransport)
    assert (way.host, way.port, way.tls) == (host, port, tls)
    assert "p@" not in repr(way)


def test_folders() -> None:
    assert open_transport("maildir:var/mail") == MaildirTransport(Path("var/mail"))
    assert open_transport("maildir:///srv/mail") == MaildirTransport(Path("/srv/mail"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("maildir:", "no folder"),
        ("http://mail.example", "'http'"),
        ("smtp://", "no host"),
        ("smtp://mail.example:99999", "port"),
        ("smtp://mail.example:abc", "port"),
        ("smtp://user@mail.example", "both a user and a password"),
        ("smtp://u:p/w@mail.example", "port"),
        ("smtp://mail.example/inbox", "something after"),
    ],
)
def test_a_wrong_address_is_refused_in_a_sentence(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        open_transport(url)
    assert str(caught.value).startswith("MAIL_URL")
    assert "p/w" not in str(caught.value)
