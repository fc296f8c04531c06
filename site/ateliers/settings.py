"""Every environment variable the site reads: typed, checked once, documented by `ateliers settings`."""

from __future__ import annotations

import ipaddress
import re
import secrets
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_PACKAGE = Path(__file__).resolve().parent
IGN_PLAN = (
    "https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2"
    "&STYLE=normal&FORMAT=image/png&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
)

DEMO_PHONE = "01 99 00 00 00"


class SettingsError(Exception):
    """A setting cannot be used. The message says which one and why, in one sentence a line."""


def resource_dir(name: str) -> Path:
    """The folder `templates` or `static`: inside an installed wheel, or beside `site/` in a checkout."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / name


class Settings(BaseSettings):
    """The site's settings. Each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: str = Field(
        "sqlite:///var/ateliers.db",
        description="sqlite:///relative/path, sqlite:////absolute/path, or postgres://user:password@host:5432/name",
    )
    database_replica_url: str = Field(
        "",
        description="postgres://… of a streaming replica of DATABASE_URL: search and public pages are read there; empty: none",
    )
    database_replica_max_lag: float = Field(
        0.5,
        gt=0,
        le=60,
        description="Seconds behind, at most, at which the replica is read; with PAGES_KEPT, what a page may be late by",
    )
    mail_url: str = Field(
        "maildir:var/mail",
        description="maildir:FOLDER, smtp://user:password@host:587 (STARTTLS when offered), or smtps://…:465",
    )
    mail_from: str = Field(
        "inscriptions@ateliers.example", description="Sender and calendar organiser: a mailbox that is read"
    )
    inbound_listen: str = Field(
        "",
        description="Where `ateliers inbound` takes the mail of MAIL_FROM: lmtp://127.0.0.1:8024 or smtp://…; empty: nowhere",
    )
    inbound_imap: str = Field(
        "",
        description="Or where it fetches it: imaps://user:password@host/INBOX (imap://: STARTTLS); @ in the user is %40",
    )
    inbound_relays: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"), description="Addresses, comma-separated, that may hand mail to INBOUND_LISTEN"
    )
    inbound_authserv_id: str = Field(
        "",
        description="Name by which your mail server signs Authentication-Results; it must remove those of others (RFC 8601 §5)",
    )
    inbound_plus: bool = Field(
        False,
        description="Organiser of new bookings: MAIL_FROM with a secret +tag. Your mail server must deliver such addresses",
    )
    sms_url: str = Field(
        "",
        description="Texts to phones: https+json://user:password@host/path (see ateliers/sms/gateways.py), "
        "ovh://key:secret@service?consumer=key, file:FOLDER, or none. Empty: none; in DEMO a folder in VAR_DIR",
    )
    sms_sender: str = Field(
        "Ateliers", description="Sender of texts: 3 to 11 letters and digits, agreed with the provider"
    )
    sms_budget: int = Field(200, ge=0, description="Texts a day at most; a fifth is kept for what is urgent")
    site_url: str = Field("", description="Public address of the site; by default http://HOST:PORT")
    host: str = Field("127.0.0.1", description="Address the server listens on")
    port: int = Field(8000, ge=1, le=65535, description="Port the server listens on")
    workers: int = Field(1, ge=1, le=64, description="Web processes (with SQLite, one is fastest)")
    pages_kept: float = Field(
        1.0, ge=0, le=2, description="Seconds that a process keeps a public page; 0: each is made anew"
    )
    search_index: bool = Field(
        True,
        description="Each web process keeps the coming sessions in memory, and searches there; no: in the database",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses, comma-separated, whose X-Forwarded-For and X-Forwarded-Proto are believed"
    )
    secret_key: str = Field(
        "",
        description="32 characters or more; signs forms and links. The demonstration makes its own in VAR_DIR",
    )
    var_dir: Path = Field(Path("var"), description="Folder of what the site writes: database, mail, tiles, communes")
    demo: bool = Field(True, description="Demonstration: banner, invented workshops, mailbox at /demo/courrier")
    tiles_url: str = Field(IGN_PLAN, description="Upstream of the map's tiles with {z} {x} {y}, or none")
    tiles_attribution: str = Field("© IGN – Géoplateforme", description="Credit shown on the map for these tiles")
    geocoder: str = Field("https://data.geopf.fr/geocodage", description="Address search (BAN protocol), or none")
    webhooks_private: bool = Field(
        False, description="Let webhooks reach http and addresses of one's own network: for tests and intranets"
    )
    operator_name: str = Field("", description="Legal name of the organisation that runs this site")
    operator_address: str = Field("", description="Its postal address")
    publication_director: str = Field("", description="Name of the publication director (legal notice)")
    hosting_provider: str = Field("", description="Host: name, address and phone (legal notice)")
    contact_email: str = Field("", description="Address for questions; by default MAIL_FROM")
    contact_phone: str = Field("", description="Phone number shown where a person needs help; a made-up one in DEMO")
    dpo_email: str = Field("", description="Data protection officer; by default CONTACT_EMAIL")
    proconnect_url: str = Field(
        "", description="ProConnect's issuer or its .well-known/openid-configuration; empty: not offered"
    )
    proconnect_client_id: str = Field("", description="What ProConnect calls this site")
    proconnect_client_secret: str = Field("", description="The secret that came with it")
    proconnect_pkce: bool = Field(
        False, description="Send PKCE where announced. ProConnect's guide allows no further parameter: leave it off"
    )

    @field_validator("trusted_proxies", "inbound_relays", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies", "inbound_relays")
    @classmethod
    def _addresses(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for address in value:
            if (
                address != "*" or info.field_name != "trusted_proxies"
            ):  # every address, as uvicorn writes it: behind a platform's own router
                try:
                    ipaddress.ip_network(address, strict=False)
                except ValueError:
                    raise ValueError("write IP addresses or networks, for example 127.0.0.1, 10.0.0.0/8") from None
        return value

    @field_validator("database_replica_url")
    @classmethod
    def _known_replica(cls, value: str) -> str:
        if value and value.partition(":")[0] not in {"postgres", "postgresql"}:
            raise ValueError("only a replica of PostgreSQL can be read: write postgres://user:password@host:5432/name")
        return cls._known_database(value) if value else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        scheme = value.partition(":")[0]
        if scheme not in {"sqlite", "postgres", "postgresql"}:
            raise ValueError(f"it starts with {scheme!r}, but only sqlite:/// and postgres:// are supported")
        if scheme == "sqlite" and not re.match(r"sqlite:///.+", value):
            raise ValueError("write sqlite:/// and then a path, for example sqlite:///var/ateliers.db")
        if scheme != "sqlite" and len(urlsplit(value).path) < 2:
            raise ValueError("it names no database, for example postgres://user:password@host:5432/ateliers")
        _check_port(value)
        return value

    @field_validator("mail_url")
    @classmethod
    def _known_mail(cls, value: str) -> str:
        scheme, _, rest = value.partition(":")
        if scheme not in {"maildir", "smtp", "smtps"}:
            raise ValueError(f"it starts with {scheme!r}, but only maildir:, smtp:// and smtps:// are supported")
        if not rest.strip("/") or (scheme != "maildir" and not urlsplit(value).hostname):
            raise ValueError("it names no folder (maildir:var/mail) or no host (smtp://host:587)")
        if scheme != "maildir":
            _check_port(value)
        return value

    @field_validator("inbound_listen", "inbound_imap")
    @classmethod
    def _known_mailbox(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return value
        known = ("lmtp", "smtp") if info.field_name == "inbound_listen" else ("imap", "imaps")
        parts = urlsplit(value)
        if parts.scheme not in known:
            raise ValueError(f"it starts with {parts.scheme!r}, but only {known[0]}:// and {known[1]}:// are supported")
        if not parts.hostname:
            raise ValueError("it names no host")
        _check_port(value)
        if info.field_name == "inbound_listen" and parts.port is None:
            raise ValueError("it names no port, for example lmtp://127.0.0.1:8024")
        if info.field_name == "inbound_imap" and not (parts.username and parts.password):
            raise ValueError("it needs a user and a password, with @ written %40 and / written %2F")
        if not value.isascii() or re.search(r"[\s\"\\\x00-\x1f]", value):
            raise ValueError("it has a space or a sign outside ASCII: write it with %")
        return value

    @field_validator("inbound_authserv_id")
    @classmethod
    def _host_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9._-]+", value):
            raise ValueError("write the one name that begins the header, for example mx.ville.fr")
        return value.lower()

    @field_validator("sms_url")
    @classmethod
    def _known_sms(cls, value: str) -> str:
        if value in {"", "none"}:
            return value
        scheme, _, rest = value.partition(":")
        if scheme not in {"file", "https+json", "http+json", "ovh"}:
            raise ValueError(f"it starts with {scheme!r}, but only file:, https+json:// and ovh:// are supported")
        if not rest.strip("/") or (scheme != "file" and not urlsplit(value).hostname):
            raise ValueError("it names no folder (file:var/sms) or no host")
        if scheme != "file":
            _check_port(value)
        return value

    @field_validator("sms_sender")
    @classmethod
    def _sender_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9 ]{3,11}", value):
            raise ValueError("write 3 to 11 letters and digits without accents")
        return value

    @field_validator("site_url", "geocoder")
    @classmethod
    def _web_address(cls, value: str, info: ValidationInfo) -> str:
        if value in {"", "none"} and not (info.field_name == "site_url" and value):
            return value
        parts = _web_parts(value)
        if info.field_name == "site_url" and parts.path.strip("/"):
            raise ValueError("the site must be at the root of its host: write no path")
        return value.rstrip("/")

    @field_validator("proconnect_url")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if not parts.hostname or (parts.scheme != "https" and not here):
            raise ValueError("write a whole address that starts with https://")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("write it without user, ? or #")
        return value

    @field_validator("tiles_url")
    @classmethod
    def _tile_template(cls, value: str) -> str:
        if value and value != "none" and not all(mark in value for mark in ("{z}", "{x}", "{y}")):
            raise ValueError("it must hold {z}, {x} and {y}, or be none")
        if value and value != "none":
            _web_parts(re.sub(r"\{\w+\}", "0", value))
        return value or "none"

    @field_validator("mail_from", "contact_email", "dpo_email")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+", value):
            raise ValueError("write one plain address, for example inscriptions@ville.fr")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError(f"it has {len(value)} characters: 32 are the least")
        return value

    @model_validator(mode="after")
    def _production_is_complete(self) -> Settings:
        if not self.demo and not self.secret_key:
            raise ValueError("SECRET_KEY is missing: with DEMO=no, set 32 random characters or more")
        if not self.demo and self.mail_from.endswith(".example"):
            raise ValueError("MAIL_FROM is missing: with DEMO=no, set the mailbox that sends and that is read")
        return self

    @model_validator(mode="after")
    def _replica_has_a_primary(self) -> Settings:
        if self.database_replica_url and self.database_url.startswith("sqlite:"):
            raise ValueError("DATABASE_REPLICA_URL cannot be used: DATABASE_URL is SQLite, which has no replica")
        return self

    @model_validator(mode="after")
    def _proconnect_is_whole(self) -> Settings:
        names = ("proconnect_url", "proconnect_client_id", "proconnect_client_secret")
        given = [name.upper() for name in names if getattr(self, name)]
        missing = [name.upper() for name in names if not getattr(self, name)]
        if given and missing:
            raise ValueError(f"{missing[0]} is missing: ProConnect needs it beside {' and '.join(given)}")
        return self

    @model_validator(mode="after")
    def _texts_have_room(self) -> Settings:
        if self.sms and len(self.base_url) > 45:
            raise ValueError("SITE_URL is too long for texts: with SMS_URL, 45 characters are the most")
        return self

    @property
    def sms(self) -> str:
        """Where texts leave, empty when none do."""
        if self.sms_url:
            return "" if self.sms_url == "none" else self.sms_url
        return f"file:{self.var_dir / 'sms'}" if self.demo else ""

    @property
    def base_url(self) -> str:
        """Where the site is, without a final slash."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return self.site_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def reads_answers(self) -> bool:
        """Whether somebody reads what calendars answer."""
        return bool(self.inbound_listen or self.inbound_imap)

    @property
    def communes_path(self) -> Path:
        """The commune gazetteer built at set-up."""
        return self.var_dir / "communes.db"

    @property
    def help_phone(self) -> str:
        """Whom to call; empty when nobody is there. Nobody has the demonstration's (Arcep, decision 2018-0881)."""
        return self.contact_phone or (DEMO_PHONE if self.demo else "")

    @property
    def help_email(self) -> str:
        return self.contact_email or self.mail_from

    def secret(self) -> bytes:
        """The signing key; a demonstration keeps a random one of its own, so that links outlive a restart."""
        if self.secret_key:
            return self.secret_key.encode()
        path = self.var_dir / "secret.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{secrets.token_hex(4)}")
            draft.write_text(secrets.token_urlsafe(48))
            draft.chmod(0o600)
            # A link fails where the file exists: of several processes that start at once, one key wins for all.
            try:
                path.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_bytes()


def _check_port(url: str) -> None:
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is not a number from 1 to 65535")


def _web_parts(url: str) -> SplitResult:
    """The parts of a web address. Raises ValueError with what is wrong."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write a whole address that starts with https:// or http://")
    if re.search(r"\s", url) or not re.fullmatch(r"[\w.:-]+", parts.hostname):  # a colon: IPv6
        raise ValueError("its host is not a name or an address: look for spaces and stray signs")
    _check_port(url)
    return parts


def load_settings(**overrides: Any) -> Settings:
    """Read the environment. Raises `SettingsError` with one sentence per wrong variable."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: Any) -> str:
    name = str(problem["loc"][0]).upper() if problem["loc"] else ""
    reason = str(problem["msg"]).removeprefix("Value error, ")
    # The value itself may be a password: it is never repeated.
    return f"{name} cannot be used: {reason[0].lower()}{reason[1:]}." if name else f"{reason}."
