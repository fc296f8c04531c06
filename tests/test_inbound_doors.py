"""The two doors: a real SMTP hop and LMTP by real clients, a real IMAP server, real processes that race and are killed."""

from __future__ import annotations

import asyncio
import grp
import imaplib
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Connection

from ateliers import bookings
from ateliers.bookings import Booking
from ateliers.bookings.notices import Post
from ateliers.database import open_database, utc_now
from ateliers.inbound import imap, server
from ateliers.inbound.imap import Mailbox, MailboxUnusable, poll
from ateliers.inbound.server import listening
from ateliers.outbox import OutboxMessage, deliver_due, open_transport
from tests import inbound_mails as mails
from tests import world
from tests.inbound_mails import PASS, RELAY
from tests.mail_server import mail_server
from tests.processes import Process, environment, free_port
from tests.test_inbound import again, event_of, kinds, post, written
from tests.web.test_find import _wall

pytestmark = pytest.mark.anyio
database = pytest.mark.usefixtures("database")
HUMAN = (
    b"From: Paul <paul@exemple.fr>\r\nTo: inscriptions@ateliers.example\r\nSubject: Bonjour\r\n\r\nUne question.\r\n"
)


async def booked(where: Post) -> Booking:
    """Chloé's place in a session of the days to come, for the doors have clocks of their own."""
    cast, now = await world.build(), utc_now()
    session = await world.session(cast.gueret, cast.workshop, _wall(4), published_at=now, counsellor=cast.amina)
    return await bookings.book(session.id, world.wish(), post=where, now=now)


async def decline(booking: Booking, **changes: object) -> bytes:
    return mails.answer(await event_of(booking), stamp=utc_now().replace(microsecond=0), **changes)


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[int]:
    """A mail server that writes down what it found, and hands on by LMTP to `port`: the answer is the next server's."""

    class Relay:
        async def handle_DATA(self, server: SMTP, session: Connection, envelope: Envelope) -> str:  # noqa: N802
            content = mails.relayed(envelope.original_content or b"")

            def hand_on() -> str:
                with smtplib.LMTP("127.0.0.1", port) as client:
                    client.sendmail(envelope.mail_from or "", envelope.rcpt_tos, content)
                return "250 OK"

            return await asyncio.to_thread(hand_on)

    loop = asyncio.get_running_loop()
    made = await loop.create_server(lambda: SMTP(Relay(), hostname=RELAY, loop=loop), "127.0.0.1", 0)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()
        await made.wait_closed()


@database
async def test_the_whole_way_of_a_decline_by_real_servers() -> None:
    where = post()
    booking = await booked(where)
    async with mail_server() as theirs, listening(where, "lmtp://127.0.0.1:0") as port, relay(port) as hop:
        await deliver_due(open_transport(theirs.url), utc_now(), compose=where.letter_of)
        event = mails.invitation(theirs.received[0].original_content or b"")
        raw = mails.answer(event, stamp=utc_now().replace(microsecond=0))
        sent = await aiosmtplib.send(
            raw, hostname="127.0.0.1", port=hop, sender="chloe@exemple.fr", recipients=["inscriptions@ateliers.example"]
        )
        assert sent[1] == "OK"
        # Committed when the client was told: nothing is waited for here.
        assert (await again(booking)).state == "cancelled"
        await deliver_due(open_transport(theirs.url), utc_now(), compose=where.letter_of)
        assert len(theirs.received) == 2
        cancelled = mails.invitation(theirs.received[1].original_content or b"")
        assert cancelled["UID"] == event["UID"]
        assert cancelled["STATUS"] == "CANCELLED"


@database
@pytest.mark.parametrize("scheme", ["smtp", "lmtp"])
async def test_each_protocol_answers_as_its_rfc_says(scheme: str) -> None:
    where = post()
    booking = await booked(where)
    raw = mails.relayed(await decline(booking))
    async with listening(where, f"{scheme}://127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def say(text: bytes, answers: int = 1) -> list[bytes]:
            writer.write(text + b"\r\n")
            found = []
            while len(found) < answers:
                line = await asyncio.wait_for(reader.readline(), 10)
                if line[3:4] != b"-":
                    found.append(line)
            return found

        assert (await reader.readline()).startswith(b"220")
        other = b"EHLO x" if scheme == "lmtp" else b"LHLO x"
        assert (await say(other))[0].startswith(b"500")
        await say(b"LHLO x" if scheme == "lmtp" else b"EHLO x")
        await say(b"MAIL FROM:<>")
        for name in (b"inscriptions", b"inscriptions+abc", b"nobody"):
            assert (await say(b"RCPT TO:<" + name + b"@ateliers.example>"))[0].startswith(b"250")
        assert (await say(b"DATA"))[0].startswith(b"354")
        answers = await say(raw + b"\r\n.", 3 if scheme == "lmtp" else 1)
        assert all(each.startswith(b"250 2.0.0") for each in answers)
        assert (await say(b"QUIT"))[0].startswith(b"221")  # and not a fourth answer
        writer.close()
        await writer.wait_closed()
    assert (await again(booking)).state == "cancelled"


@database
async def test_who_hangs_up_before_the_answer_comes_again_and_nothing_happens_twice() -> None:
    where = post()
    booking = await booked(where)
    raw = mails.relayed(await decline(booking))
    async with listening(where, "smtp://127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for line in (
            b"",
            b"EHLO x",
            b"MAIL FROM:<chloe@exemple.fr>",
            b"RCPT TO:<inscriptions@ateliers.example>",
            b"DATA",
        ):
            if line:
                writer.write(line + b"\r\n")
            while (await reader.readline())[3:4] == b"-":
                pass
        writer.write(raw + b"\r\n.\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()  # the relay's power goes: it does not know whether we have the message
        await asyncio.sleep(0.3)
        await _send(port, raw)
        await _send(port, raw)
    assert await kinds(booking) == ["confirmed", "cancelled"]


async def _send(port: int, raw: bytes) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
        await client.sendmail("chloe@exemple.fr", ["inscriptions@ateliers.example"], raw)


@database
async def test_what_is_too_big_is_swallowed_so_that_nobody_is_written_to() -> None:
    where = post()
    booking = await booked(where)
    raw = mails.relayed(await decline(booking))
    async with listening(where, "smtp://127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _command(reader, writer, b"EHLO x")
        for filling in (b"x" * 70 + b"\r\n", b"x" * 300_000):
            await _command(reader, writer, b"MAIL FROM:<victim@exemple.org>")
            await _command(reader, writer, b"RCPT TO:<inscriptions@ateliers.example>")
            await _command(reader, writer, b"DATA")
            many = filling * (20_000 if len(filling) < 100 else 2)
            answer = await _command(reader, writer, raw + b"\r\n" + many + b"\r\n.")
            assert answer.startswith(b"250")
        # The connection lives on.
        assert (await _command(reader, writer, b"NOOP")).startswith(b"250")
        writer.close()
        await writer.wait_closed()
    assert (await again(booking)).state == "confirmed"
    assert await OutboxMessage.all().count() == 1  # nothing to the victim


async def _command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    """Send one command; its last line, past the greeting."""
    writer.write(text + b"\r\n")
    await writer.drain()
    while True:
        line = await asyncio.wait_for(reader.readline(), 20)
        if line[3:4] != b"-" and not line.startswith(b"220"):
            return line


@database
async def test_only_the_relay_may_hand_mail_over() -> None:
    async with listening(post(inbound_relays=("192.0.2.0/24",)), "smtp://127.0.0.1:0") as port:
        with pytest.raises(aiosmtplib.SMTPResponseException) as refused:
            await _send(port, HUMAN)
        assert refused.value.code == 554


async def test_a_database_that_is_away_is_a_try_again() -> None:
    event = mails.invitation((await _letter_of_nobody()).as_bytes())
    async with listening(post(), "smtp://127.0.0.1:0") as port:
        with pytest.raises(aiosmtplib.SMTPDataError) as refused:
            await _send(port, mails.answer(event))
        assert refused.value.code == 451


async def _letter_of_nobody() -> Message:
    text = mails.answer_text(
        _event(),
        "ACCEPTED",
        method="REQUEST",
        uid=f"bk-{'a' * 32}@ateliers.example",
        attendee="mailto:chloe@exemple.fr",
    )
    return message_from_bytes(b"Content-Type: text/calendar; method=REQUEST\r\n\r\n" + text)


def _event() -> Any:
    from icalendar import Event

    event = Event()
    event.add("uid", "x")
    event.add("sequence", 0)
    event.add("organizer", "mailto:inscriptions@ateliers.example")
    event.add("attendee", "mailto:chloe@exemple.fr")
    event.add("dtstart", datetime(2026, 12, 1, 13, tzinfo=UTC))
    return event


@database
async def test_who_says_nothing_is_cut_off_and_a_crowd_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SECONDS", 0.3)
    monkeypatch.setattr(server, "MOST_AT_ONCE", 2)
    async with listening(post(), "smtp://127.0.0.1:0") as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, _ in silent:
            assert (await reader.readline()).startswith(b"220")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"421")
        writer.close()
        for reader, _ in silent:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        for _, writer in silent:
            writer.close()
        await _send(port, HUMAN)


# Dovecot too, where the machine has it (apt install dovecot-imapd), as the one that runs the whole suite.
_KINDS: list[Any] = ["pymap", *([pytest.param("dovecot", marks=pytest.mark.slow)] if shutil.which("dovecot") else [])]


@pytest.fixture(params=_KINDS)
def imap_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A real IMAP server with an empty INBOX: pymap, which keeps no keyword, and Dovecot, which does."""
    port = free_port()
    with (_pymap if request.param == "pymap" else _dovecot)(tmp_path, port):
        yield f"imap://inscriptions%40ville.example:s%3Acret@127.0.0.1:{port}/INBOX"


@contextmanager
def _pymap(folder: Path, port: int) -> Iterator[None]:
    command = [
        str(Path(sys.executable).parent / "pymap"), "--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict",
        "--demo-user", "inscriptions@ville.example", "--demo-password", "s:cret",
    ]  # fmt: skip
    with _running(command, folder, port):
        yield


@contextmanager
def _dovecot(folder: Path, port: int) -> Iterator[None]:
    nobody = os.getuid() == 0  # Dovecot reads no mail as root
    user = "nobody" if nobody else pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    # Sockets need a short path, and a folder that its user may enter.
    home = Path(tempfile.mkdtemp(prefix="dc-"))
    home.chmod(0o755)
    (home / "mail").mkdir()
    if nobody:
        shutil.chown(home / "mail", user, group)
    settings = home / "dovecot.conf"
    settings.write_text(f"""
protocols = imap
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{home}/mail/box
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
passdb {{
  driver = static
  args = password=s:cret
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""")
    try:
        with _running([shutil.which("dovecot") or "dovecot", "-F", "-c", str(settings)], home, port):
            yield
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "server.log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until, (folder / "server.log").read_text()
                time.sleep(0.05)
        yield
    finally:
        running.terminate()
        running.wait(15)


@contextmanager
def _client(url: str) -> Iterator[imaplib.IMAP4]:
    """The mail program of whoever reads that mailbox."""
    client = imaplib.IMAP4("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0]))
    client.login("inscriptions@ville.example", "s:cret")
    try:
        yield client
    finally:
        client.logout()


def _deliver(url: str, *raws: bytes) -> None:
    with _client(url) as client:
        for raw in raws:
            assert client.append("INBOX", "", "", raw)[0] == "OK"  # now, and no flag


def _flags(url: str) -> list[str]:
    """Of each message, in order: what a mail program sees."""
    with _client(url) as client:
        client.select("INBOX", readonly=True)
        _, found = client.fetch("1:*", "(FLAGS)")
    return [" ".join(sorted(each.decode().partition("FLAGS (")[2].partition(")")[0].split())) for each in found]


@database
async def test_a_mailbox_is_read_once_and_what_people_wrote_stays_unread_for_people(imap_url: str) -> None:
    where = post(inbound_imap=imap_url)
    booking = await booked(where)
    huge = HUMAN + b"x" * 76 + b"\r\n" * 700_000
    letter = written(await OutboxMessage.get(group_key=booking.uid))
    no = mails.relayed(await decline(booking))
    await OutboxMessage.all().update(sent_at=utc_now(), next_attempt_at=None)
    await asyncio.to_thread(_deliver, imap_url, HUMAN, no, mails.bounce(letter), huge, no)
    mailbox = Mailbox(imap_url)
    assert await poll(mailbox, where) == 5
    mine = await again(booking)
    assert (mine.state, mine.bounced_at is not None) == ("cancelled", True)
    assert await kinds(booking) == ["confirmed", "cancelled"]
    flags = await asyncio.to_thread(_flags, imap_url)
    seen = ["\\Seen" in each for each in flags]
    assert seen == [False, True, True, False, True]
    assert await poll(mailbox, where) == 0
    # Started again, it may look at what people have not read yet, and does nothing with it.
    keeps = any("AteliersRead" in each for each in flags)
    assert await poll(Mailbox(imap_url), where) == (0 if keeps else 2)
    assert await asyncio.to_thread(_flags, imap_url) == flags
    assert await kinds(booking) == ["confirmed", "cancelled"]


@database
async def test_a_crash_before_the_mark_reads_twice_and_does_once(
    imap_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = post(inbound_imap=imap_url)
    booking = await booked(where)
    await asyncio.to_thread(_deliver, imap_url, mails.relayed(await decline(booking)))

    def crash(self: Mailbox, uid: str, *, seen: bool) -> None:
        raise SystemError

    with monkeypatch.context() as crashing:
        crashing.setattr(Mailbox, "mark", crash)
        with pytest.raises(SystemError):
            await poll(Mailbox(imap_url), where)
    assert (await again(booking)).state == "cancelled"
    assert await asyncio.to_thread(_flags, imap_url) == [""]
    assert await poll(Mailbox(imap_url), where) == 1
    assert await kinds(booking) == ["confirmed", "cancelled"]


@database
async def test_two_that_look_at_once_free_the_place_once(imap_url: str) -> None:
    where = post(inbound_imap=imap_url)
    booking = await booked(where)
    await asyncio.to_thread(_deliver, imap_url, mails.relayed(await decline(booking)))
    await asyncio.gather(*(poll(Mailbox(imap_url), where) for _ in range(2)))
    assert await kinds(booking) == ["confirmed", "cancelled"]


async def test_a_mailbox_that_cannot_be_opened_says_why_without_its_password(imap_url: str) -> None:
    for wrong in (imap_url.replace("s%3Acret", "hunter2"), imap_url.replace("/INBOX", "/Nowhere")):
        with pytest.raises(MailboxUnusable) as refused:
            await poll(Mailbox(wrong), post())
        assert "hunter2" not in f"{refused.value!r}{refused.value.__context__!r}"
        assert "ville.example" not in str(refused.value)
    with pytest.raises(MailboxUnusable):
        await poll(Mailbox(f"imap://a:b@127.0.0.1:{free_port()}/INBOX"), post())


@database
async def test_the_loop_reads_until_it_is_told_to_stop(imap_url: str) -> None:
    where = post(inbound_imap=imap_url)
    booking = await booked(where)
    await asyncio.to_thread(_deliver, imap_url, mails.relayed(await decline(booking)))
    stopping = asyncio.Event()
    running = asyncio.create_task(imap.run(where, stopping))
    async with asyncio.timeout(20):
        while (await again(booking)).state != "cancelled":  # noqa: ASYNC110 - a row rings no bell
            await asyncio.sleep(0.05)
        stopping.set()
        await running


# Processes


@pytest.mark.slow
async def test_two_processes_race_one_is_killed_and_the_place_is_freed_once(database_url: str, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    processes = [
        Process(
            ["inbound"],
            environment(
                database_url, tmp_path, free_port(), INBOUND_LISTEN=f"smtp://127.0.0.1:{port}", INBOUND_AUTHSERV_ID=RELAY,
                MAIL_FROM="inscriptions@ateliers.example",
            ),
        )
        for port in ports
    ]  # fmt: skip
    async with open_database(database_url):
        cast, now = await world.build(), utc_now()
        session = await world.session(
            cast.gueret, cast.workshop, _wall(4), published_at=now, counsellor=cast.amina, capacity=20
        )
        people = [
            await bookings.book(session.id, world.wish(f"P {n}", email=f"p{n}@exemple.fr"), post=post(), now=now)
            for n in range(20)
        ]
        raws = [mails.relayed(await decline(each, sender=each.email), PASS) for each in people]
        try:
            for process in processes:
                await asyncio.to_thread(process.start)
            for port in ports:
                await _until_it_listens(port)
            # Every message goes to both; one of them is killed in the middle, and what it did not answer goes again.
            sending = asyncio.gather(*(_stubbornly(port, raw) for raw in raws for port in ports))
            await asyncio.sleep(0.15)
            processes[0].kill()
            await asyncio.to_thread(processes[0].start)
            await asyncio.wait_for(sending, 60)
        finally:
            for process in processes:
                process.stop()
        assert [process.running.returncode for process in processes if process.running] == [0, 0]
        for each in people:
            assert await kinds(each) == ["confirmed", "cancelled"]
        await session.refresh_from_db()
        assert session.seats_taken == 0
    said = (tmp_path / "processes.log").read_text()
    assert "a message was read: freed" in said
    assert "exemple.fr" not in said


async def _until_it_listens(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            await writer.wait_closed()
            return


async def _stubbornly(port: int, raw: bytes) -> None:
    """As a relay: until it is told 250."""
    while True:
        try:
            await _send(port, raw)
        except (aiosmtplib.SMTPException, OSError):
            await asyncio.sleep(0.1)
        else:
            return


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "INBOUND_LISTEN and INBOUND_IMAP are missing"),
        ({"INBOUND_LISTEN": "http://127.0.0.1:1"}, "only lmtp:// and smtp://"),
        ({"INBOUND_IMAP": "imaps://a:hunter2@host:x/INBOX"}, "INBOUND_IMAP cannot be used: its port"),
        ({"INBOUND_LISTEN": "smtp://192.0.2.1:2525"}, "INBOUND_LISTEN cannot be used"),
    ],
)
def test_a_wrong_setting_ends_with_its_sentence(
    sqlite_url: str, tmp_path: Path, more: dict[str, str], words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ateliers", "inbound"],
        env=environment(sqlite_url, tmp_path, free_port(), **more), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr
