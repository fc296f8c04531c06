"""The outbox on both databases: nothing lost, nothing twice while a lease holds, order kept, the dead listed."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ateliers import outbox
from ateliers.database import unit_of_work, utc_now
from ateliers.outbox import Delayed, OutboxMessage, Refused, Unreachable, deliver_due, delivery
from ateliers.outbox.delivery import MOST_ATTEMPTS, retry_delay

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)


@dataclass
class Recorder:
    """A way out that keeps what it was given, and says no as it is told: recipient -> what to raise, in turn."""

    sent: list[bytes] = field(default_factory=list)
    trouble: dict[str, list[Exception]] = field(default_factory=dict)
    seconds: float = 0
    closed: int = 0
    patience: timedelta = timedelta(seconds=100)

    async def send(self, recipient: str, message: bytes) -> None:
        await asyncio.sleep(self.seconds)
        if self.trouble.get(recipient):
            raise self.trouble[recipient].pop(0)
        self.sent.append(message)

    async def close(self) -> None:
        self.closed += 1


async def letter(group: str, text: str, *, to: str = "chloe@example.org", at: datetime = NOW) -> bool:
    return await unit_of_work(
        outbox.put, now=at, group=group, dedupe=f"{group}:{text}", kind="confirmed", recipient=to, message=text.encode()
    )


async def test_a_letter_goes_once_and_its_text_is_forgotten(database: str) -> None:
    await letter("bk-1", "one")
    way = Recorder()
    assert (await deliver_due(way, NOW)).sent == 1
    assert (await deliver_due(way, NOW + timedelta(days=3))).idle
    row = await OutboxMessage.get(group_key="bk-1")
    assert (way.sent, row.message, row.attempts, row.lease_token) == ([b"one"], None, 1, "")
    assert row.sent_at is not None
    assert abs(row.sent_at - NOW) < timedelta(seconds=5)
    assert way.closed == 1


async def test_put_needs_its_own_transaction(database: str) -> None:
    arguments = {
        "now": NOW, "group": "bk-1", "dedupe": "d", "kind": "k", "recipient": "a@example.org", "message": b"",
    }  # fmt: skip
    with pytest.raises(outbox.OutsideTransaction):
        await outbox.put(None, **arguments)  # type: ignore[arg-type]
    kept = []

    async def leak(tx: object) -> None:
        kept.append(tx)

    await unit_of_work(leak)
    with pytest.raises(outbox.OutsideTransaction):
        await outbox.put(kept[0], **arguments)

    async def in_another(tx: object) -> None:
        await outbox.put(kept[0], **arguments)

    with pytest.raises(outbox.OutsideTransaction):
        await unit_of_work(in_another)
    assert await OutboxMessage.all().count() == 0


async def test_a_letter_lives_and_dies_with_its_transaction(database: str) -> None:
    async def fails(tx: object) -> None:
        await outbox.put(
            tx, now=NOW, group="g", dedupe="d", kind="k", recipient="a@example.org", message=b"x"  # type: ignore[arg-type]
        )  # fmt: skip
        raise LookupError

    with pytest.raises(LookupError):
        await unit_of_work(fails)
    assert await OutboxMessage.all().count() == 0


async def test_nobody_gets_two(database: str) -> None:
    assert await letter("bk-1", "one") is True
    assert await letter("bk-1", "one") is False
    await asyncio.gather(*(letter("bk-2", "same") for _ in range(8)))
    assert await OutboxMessage.filter(group_key="bk-2").count() == 1
    assert await OutboxMessage.all().count() == 2


async def test_order_is_kept_within_a_group_while_one_is_delayed(database: str) -> None:
    await letter("bk-1", "request", to="slow@example.org")
    await letter("bk-1", "cancel", to="slow@example.org")
    await letter("bk-2", "other")
    way = Recorder(trouble={"slow@example.org": [Delayed("451 later")]})
    done = await deliver_due(way, NOW)
    assert (done.sent, done.delayed, way.sent) == (1, 1, [b"other"])
    # Cancel is due, but request is not, and comes first.
    assert (await deliver_due(way, NOW + timedelta(seconds=20))).idle
    assert (await deliver_due(way, NOW + timedelta(minutes=1))).sent == 1
    assert (await deliver_due(way, NOW + timedelta(minutes=1))).sent == 1
    assert way.sent == [b"other", b"request", b"cancel"]


async def test_one_full_mailbox_keeps_no_letter_of_somebody_else(database: str) -> None:
    await letter("bk-1", "to who booked", to="slow@example.org")
    await letter("bk-1", "to who comes", to="rosa@example.org")
    way = Recorder(trouble={"slow@example.org": [Delayed("451 later")]})
    assert (await deliver_due(way, NOW)).delayed == 1
    assert way.sent == [b"to who comes"]
    assert (await deliver_due(way, NOW + timedelta(minutes=1))).sent == 1


async def test_a_dead_letter_blocks_nobody_and_is_listed_with_its_reason(database: str) -> None:
    await letter("bk-1", "request", to="gone@example.org")
    await letter("bk-1", "cancel", to="gone@example.org")
    way = Recorder(trouble={"gone@example.org": [Refused("550 no such user")]})
    assert (await deliver_due(way, NOW)).dead == 1
    [dead] = await outbox.dead_letters()
    assert (dead.last_error, dead.attempts, dead.message) == ("550 no such user", 1, b"request")
    assert (await deliver_due(way, NOW)).sent == 1
    assert way.sent == [b"cancel"]
    # Sent now, the old request would bring back what the cancelling removed.
    with pytest.raises(outbox.Overtaken):
        await outbox.retry(dead.id, NOW)


async def test_a_dead_letter_can_be_tried_again(database: str) -> None:
    await letter("bk-1", "request", to="gone@example.org")
    way = Recorder(trouble={"gone@example.org": [Refused("550 no such user")]})
    await deliver_due(way, NOW)
    [dead] = await outbox.dead_letters()
    assert await outbox.retry(dead.id, NOW) is True
    assert await outbox.retry(dead.id, NOW) is False
    assert (await deliver_due(way, NOW)).sent == 1
    assert await outbox.dead_letters() == []


async def test_delays_end_in_death_after_about_two_days(database: str) -> None:
    await letter("bk-1", "one", to="full@example.org")
    way = Recorder(trouble={"full@example.org": [Delayed("452 mailbox full")] * 50})
    now, tries = NOW, 0
    while (row := await OutboxMessage.get(group_key="bk-1")).next_attempt_at is not None:
        now = row.next_attempt_at
        await deliver_due(way, now)
        tries += 1
    assert tries == MOST_ATTEMPTS
    assert timedelta(days=1.5) < now - NOW < timedelta(days=2.5)
    assert row.last_error == "452 mailbox full"


def test_delays_double_and_vary() -> None:
    means = [sum((retry_delay(n) for _ in range(200)), timedelta()) / 200 for n in (1, 2, 3, 30)]
    assert [round(mean.total_seconds() / 60, 0) for mean in means] == pytest.approx([0.5, 1, 2, 240], rel=0.2, abs=0.6)
    assert len({retry_delay(1) for _ in range(10)}) > 1


async def test_an_unreachable_server_costs_no_letter_an_attempt(database: str) -> None:
    for n in range(3):
        await letter(f"bk-{n}", "x", to="a@example.org")
    way = Recorder(trouble={"a@example.org": [Unreachable("no connection")]})
    done = await deliver_due(way, NOW)
    assert (done.unreachable, done.sent, done.released) == ("no connection", 0, 3)
    assert set(await OutboxMessage.all().values_list("attempts", flat=True)) == {0}
    assert (await deliver_due(way, NOW)).sent == 3


async def test_a_crash_leaves_a_lease_that_runs_out(database: str) -> None:
    await letter("bk-1", "one")
    dying = asyncio.create_task(deliver_due(Recorder(seconds=30), NOW))
    await asyncio.sleep(0.3)
    dying.cancel()  # between the lease and the mark, as kill -9 does
    with pytest.raises(asyncio.CancelledError):
        await dying
    way = Recorder()
    assert (await deliver_due(way, NOW + timedelta(minutes=4))).idle
    assert (await deliver_due(way, NOW + timedelta(minutes=5))).sent == 1
    assert way.sent == [b"one"]


async def test_many_workers_send_each_letter_once_and_in_order(database: str) -> None:
    groups, each = 12, 4
    for text in range(each):
        await asyncio.gather(*(letter(f"bk-{n}", f"bk-{n}:{text}") for n in range(groups)))
    way = Recorder(seconds=0.002)

    async def worker() -> None:
        while await OutboxMessage.filter(next_attempt_at__isnull=False).exists():
            await deliver_due(way, NOW, limit=3)

    await asyncio.gather(*(worker() for _ in range(4)))
    texts = [message.decode() for message in way.sent]
    assert Counter(texts).most_common(1)[0][1] == 1
    assert len(texts) == groups * each
    for n in range(groups):
        mine = [text for text in texts if text.startswith(f"bk-{n}:")]
        assert mine == sorted(mine)


async def test_stopping_gives_back_what_has_not_begun(database: str) -> None:
    for n in range(3):
        await letter(f"bk-{n}", "x")
    stopping = asyncio.Event()
    stopping.set()
    assert (await deliver_due(Recorder(), NOW, stopping=stopping)).released == 3
    assert (await deliver_due(Recorder(), NOW)).sent == 3


async def test_health_sees_what_is_due_and_only_that(database: str) -> None:
    assert await outbox.waiting_since(NOW) is None
    await letter("bk-1", "one", to="slow@example.org")
    assert await outbox.waiting_since(NOW + timedelta(seconds=90)) == timedelta(seconds=90)
    await deliver_due(Recorder(trouble={"slow@example.org": [Delayed("451 later")]}), NOW)
    assert await outbox.waiting_since(NOW + timedelta(seconds=10)) is None


async def test_the_past_is_purged_what_waits_never(database: str) -> None:
    await letter("bk-1", "sent")
    await deliver_due(Recorder(), NOW)
    await letter("bk-2", "waits")
    assert await outbox.purge(NOW + timedelta(days=89)) == 0
    assert await outbox.purge(NOW + timedelta(days=91)) == 1
    assert await OutboxMessage.all().values_list("group_key", flat=True) == ["bk-2"]


async def test_the_worker_delivers_into_a_maildir_and_stops_when_told(database: str, tmp_path: Path) -> None:
    import mailbox
    from types import SimpleNamespace

    settings, stopping = SimpleNamespace(mail_url=f"maildir:{tmp_path}/mail"), asyncio.Event()
    worker = asyncio.create_task(outbox.run_worker(settings, stopping))  # type: ignore[arg-type]
    await asyncio.sleep(0.4)
    await letter("bk-1", "Subject: one\r\n\r\nun\r\n", at=utc_now())
    async with asyncio.timeout(5):
        while await OutboxMessage.filter(sent_at__isnull=True).exists():  # noqa: ASYNC110 - the row tells
            await asyncio.sleep(0.02)
    stopping.set()
    async with asyncio.timeout(2):
        await worker
    [message] = mailbox.Maildir(tmp_path / "mail")
    assert message["Subject"] == "one"
    assert (await OutboxMessage.get(group_key="bk-1")).message is None
    assert [path.name for path in (tmp_path / "mail" / "tmp").iterdir()] == []


async def test_no_send_begins_that_could_outlive_its_lease(database: str) -> None:
    for n in range(6):
        await letter(f"bk-{n}", "x")
    way = Recorder(seconds=0.25, patience=timedelta(seconds=0.4))  # a lease of 1.2 s: after 0.8 s nothing may begin
    done = await deliver_due(way, NOW)
    assert done.sent + done.released == 6
    assert 2 <= done.sent <= 4


async def test_a_send_that_hangs_is_given_up_and_tried_later(database: str) -> None:
    await letter("bk-1", "x")
    assert (await deliver_due(Recorder(seconds=9, patience=timedelta(seconds=0.1)), NOW)).delayed == 1
    assert (await OutboxMessage.get(group_key="bk-1")).last_error == "no answer in time"


async def test_who_read_the_row_before_it_was_leased_does_not_get_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await letter("bk-1", "x")
    slow = asyncio.create_task(deliver_due(first := Recorder(seconds=0.3), NOW))
    await asyncio.sleep(0.1)
    # What a worker sees that read just before the other's UPDATE: the row, free.
    monkeypatch.setattr(delivery, "due", lambda now, channel="mail": OutboxMessage.filter(next_attempt_at__lte=now))
    assert (await deliver_due(second := Recorder(), NOW)).idle
    await slow
    assert (first.sent, second.sent) == ([b"x"], [])
