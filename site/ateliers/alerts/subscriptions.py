"""An alert's life: asked for, confirmed by its address, told, ended. Nothing is sent before the address has confirmed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from tortoise import fields
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.models import Model

from ateliers import letters, modules
from ateliers.database import unit_of_work
from ateliers.letters import Recipient
from ateliers.limits import Limit, count
from ateliers.refusals import NotFound
from ateliers.search import Search
from ateliers.settings import Settings
from geo.geocoding import Place
from geo.points import Box, Point

PACES = ("now", "weekly")
LASTS = timedelta(days=182)  # without a word from its reader
WARNED = timedelta(days=14)  # before the end, its reader is asked whether it shall go on
UNCONFIRMED = timedelta(days=1)  # kept so long, then forgotten
AGAIN = timedelta(hours=1)  # the confirming letter goes to an address at most so often for one alert
MOST_ALIVE = 10  # of one address
PER_ADDRESS = Limit("alert:address", 20, timedelta(hours=1))
PER_CONTACT = Limit("alert:contact", 6, timedelta(days=1))  # letters to an address that nobody has proved


class Alert(Model):
    """A search, and whom to tell. The row goes when it ends: nothing of the person stays."""

    id = fields.BigIntField(primary_key=True)
    uid = fields.CharField(max_length=40, unique=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    email = fields.CharField(max_length=254, db_index=True)
    language = fields.CharField(max_length=5, default="fr")
    pace = fields.CharField(max_length=8)  # one of PACES
    query = fields.CharField(max_length=2000)  # `Search.query()`
    place: dict[str, Any] | None = fields.JSONField(null=True)  # what its words were found to be
    wish = fields.BooleanField(default=False)
    theme = fields.CharField(max_length=40, default="")  # of a wish
    lat = fields.FloatField(null=True)
    lon = fields.FloatField(null=True)
    department = fields.CharField(max_length=3, default="")
    created_at = fields.DatetimeField()
    confirmed_at = fields.DatetimeField(null=True)
    told_until = fields.DatetimeField()  # what was published since is news
    look_at = fields.DatetimeField(null=True)  # when to look for news again; None before it is confirmed
    expires_at = fields.DatetimeField()
    warned_at = fields.DatetimeField(null=True)
    hosts_told_at = fields.DatetimeField(null=True)  # of a wish: when counsellors learned of it

    class Meta:
        table = "alert"
        indexes = (("look_at",), ("expires_at",))

    def search(self) -> Search:
        """The search, located as it was: no address is looked up again."""
        found = Search.from_query(parse_qsl(self.query))
        return replace(found, place=_read_place(self.place)) if self.place else found


@dataclass(frozen=True)
class Asked:
    """What somebody asks for; the search is located already."""

    email: str
    search: Search
    pace: str = "weekly"
    language: str = "fr"
    wish: bool = False
    guard: str = ""  # whom the limits count with the address: the visitor's own


async def ask(asked: Asked, *, settings: Settings, secret: bytes, now: datetime) -> Alert:
    """Keep it, unconfirmed, and post the letter that confirms it. Asked again, the same alert gets the letter again.

    Raises TooMany. Whoever asks is told the same, whether the address has this alert already or not.
    """
    return await unit_of_work(_ask, asked, settings, secret, now)


async def _ask(tx: TransactionalDBClient, asked: Asked, settings: Settings, secret: bytes, now: datetime) -> Alert:
    email = asked.email.lower()
    if asked.guard:
        await count(tx, PER_ADDRESS, asked.guard, secret, now)
    await count(tx, PER_CONTACT, email, secret, now)
    query = asked.search.query()[:2000]
    theirs = Alert.filter(email=email).using_db(tx)
    alert = await theirs.filter(query=query, wish=asked.wish).first()
    if alert is None:
        for old in (await theirs.order_by("-id"))[MOST_ALIVE - 1 :]:  # the oldest make room
            await old.delete(using_db=tx)
        uid = f"al-{secrets.token_hex(16)}"
        place, center = asked.search.place, asked.search.center
        alert = await Alert.create(
            using_db=tx, uid=uid, token_hash=_hashed(token_of(uid, secret)), email=email, language=asked.language,
            pace=asked.pace if asked.pace in PACES else "weekly", query=query, place=_write_place(place),
            wish=asked.wish, theme=(asked.search.themes or ("",))[0] if asked.wish else "",
            lat=center.lat if center else None, lon=center.lon if center else None,
            department=asked.search.department or (place.department or "" if place else ""),
            created_at=now, told_until=now, expires_at=now + UNCONFIRMED,
        )  # fmt: skip
    hour = int(now.timestamp() // AGAIN.total_seconds())
    await letters.post(
        tx, settings=settings, template="alert_confirm", to=Recipient("", email, alert.language),
        context=context(alert, settings, secret), thread=alert.uid, dedupe=f"{alert.uid}:confirm:{hour}", now=now,
    )  # fmt: skip
    return alert


async def by_token(token: str) -> Alert:
    """The alert behind `/alertes/{token}`. Raises NotFound: there is none, or it has ended."""
    found = await Alert.get_or_none(token_hash=_hashed(token.lower())) if len(token) == 26 else None
    if found is None:
        raise NotFound
    return found


async def confirm(alert: Alert, now: datetime) -> None:
    """Its address says yes: tell from now on. Twice is once."""
    fresh = Alert.filter(id=alert.id, confirmed_at__isnull=True)
    await fresh.update(confirmed_at=now, told_until=now, look_at=_next(alert.pace, now), expires_at=now + LASTS)


async def extend(alert: Alert, now: datetime) -> None:
    """Another half year."""
    await Alert.filter(id=alert.id, confirmed_at__isnull=False).update(expires_at=now + LASTS, warned_at=None)


async def set_pace(alert: Alert, pace: str, now: datetime) -> None:
    """As soon as something is published, or once a week."""
    if pace in PACES and pace != alert.pace:
        await Alert.filter(id=alert.id, confirmed_at__isnull=False).update(pace=pace, look_at=_next(pace, now))


async def stop(alert: Alert) -> None:
    """No more: the row goes. Twice is once."""
    await Alert.filter(id=alert.id).delete()


async def forget(now: datetime) -> int:
    """Delete what nobody confirmed or prolonged; how many."""
    return await Alert.filter(expires_at__lte=now).delete()


def _next(pace: str, now: datetime) -> datetime:
    return now if pace == "now" else now + timedelta(days=7)


def token_of(uid: str, secret: bytes) -> str:
    """The unguessable end of an alert's own page: 130 bits, derived, so that each letter can name it."""
    digest = hmac.new(secret, b"alert:" + uid.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:26].lower()


def manage_url(alert: Alert, settings: Settings, secret: bytes) -> str:
    """Absolute address of the alert's own page, in its language."""
    prefix = "" if alert.language == "fr" else f"/{alert.language}"
    return f"{settings.base_url}{prefix}/alertes/{token_of(alert.uid, secret)}"


def context(alert: Alert, settings: Settings, secret: bytes) -> dict[str, Any]:
    """What each of its letters knows."""
    return {
        "alert": alert, "search": alert.search(), "manage_url": manage_url(alert, settings, secret),
        "help_email": settings.help_email, "base_url": settings.base_url,
        "catalogue": modules,
    }  # fmt: skip


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_place(place: Any) -> dict[str, Any] | None:
    return asdict(place) if place is not None else None


def _read_place(row: dict[str, Any]) -> Place:
    box = row.get("box")
    return Place(**{**row, "point": Point(**row["point"]), "box": Box(**box) if box else None})
