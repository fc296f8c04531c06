"""`ateliers people`: the first administrator, invitations from the server, who has a desk."""

from __future__ import annotations

import asyncio

import click
from tortoise.backends.base.client import TransactionalDBClient

from ateliers.database import open_database, unit_of_work, utc_now
from ateliers.people import Counsellor, Organisation, Stay, factor, team
from ateliers.people.counsellors import ROLES, Coordination, by_email
from ateliers.people.joining import invite
from ateliers.people.notices import tell_invited
from ateliers.settings import load_settings
from ateliers.web.forms import clean, email_address
from geo.territories import DEPARTMENTS


def _address(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        return email_address(value.strip()).lower()
    except ValueError:
        raise click.BadParameter("write an e-mail address, for example amina@ville.fr") from None


@click.group()
def people() -> None:
    """Name an administrator, invite somebody, list who has a desk."""


@people.command()
@click.argument("email", callback=_address)
@click.option("--name", default="", help="First and last name, for a new account.")
def admin(email: str, name: str) -> None:
    """Make EMAIL an administrator; the account is made if there is none. They enter by a link from the sign-in page."""

    async def run() -> str:
        settings = load_settings()
        async with open_database(settings.database_url):
            _, is_new = await team.make_admin(email, clean(name), utc_now())
        made = "A new account" if is_new else "The account"
        return f"{made} {email} is an administrator. To enter: {settings.base_url}/pro/connexion"

    click.echo(asyncio.run(run()))


@people.command("invite")
@click.argument("email", callback=_address)
@click.option("--name", default="", help="First and last name.")
@click.option("--organisation", default="", help="Name of the employer, made in the département if there is none.")
@click.option("--department", required=True, type=click.Choice(list(DEPARTMENTS)), metavar="CODE", help="23, 2A, 974 …")
@click.option("--role", default="counsellor", type=click.Choice([*ROLES, "coordinator"]), show_default=True)
def invite_command(email: str, name: str, organisation: str, department: str, role: str) -> None:
    """Send an invitation to EMAIL: into an organisation, or (role coordinator) to coordinate the département."""
    if (role == "coordinator") == bool(organisation.strip()):
        raise click.UsageError("Give --organisation for a counsellor or a manager, and none for a coordinator.")
    settings = load_settings()

    async def work(tx: TransactionalDBClient) -> None:
        now, place = utc_now(), None
        if organisation.strip():
            wanted = clean(organisation)[:200]
            known = Organisation.filter(name__iexact=wanted, department=department).using_db(tx)
            place = await known.order_by("id").first() or await Organisation.create(
                using_db=tx, name=wanted, department=department, created_at=now
            )
        made, token = await invite(
            tx, email=email, name=clean(name)[:120], role=role, organisation=place,
            department="" if place else department, by=None, now=now,
        )  # fmt: skip
        await tell_invited(tx, settings, made, token, now)

    async def run() -> None:
        async with open_database(settings.database_url):
            await unit_of_work(work)

    asyncio.run(run())
    click.echo(f"An invitation to {email} waits in the outbox.")


@people.command("list")
def list_command() -> None:
    """Everyone who has a desk, with their places of today."""

    async def run() -> list[str]:
        lines = []
        today = utc_now().date()
        async with open_database(load_settings().database_url):
            async for each in Counsellor.filter(left_at__isnull=True).order_by("id"):
                stays = await Stay.on(today).filter(counsellor_id=each.id).select_related("organisation").order_by("id")
                led = await Coordination.on(today).filter(counsellor_id=each.id).order_by("department")
                places = [f"{stay.role} at {stay.organisation.name}" for stay in stays]
                places += [f"coordinator of {one.department}" for one in led]
                places += ["administrator"] if each.admin_since else []
                lines.append(
                    f"{each.id:>6}  {each.email or '(no address)'}  {each.name}: {', '.join(places) or 'nowhere'}"
                )
        return lines

    lines = asyncio.run(run())
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} {'person' if len(lines) == 1 else 'people'}.")


@people.command("reset-factor")
@click.argument("email", callback=_address)
def reset_factor(email: str) -> None:
    """Sign EMAIL in without a code from now on: they lost their phone and the recovery codes. Be sure who asks.

    Every browser they are signed in with is signed out.
    """

    async def run() -> bool:
        async with open_database(load_settings().database_url):
            return await factor.reset(await _known(email), utc_now())

    done = asyncio.run(run())
    click.echo(f"{email} signs in by the link alone." if done else f"{email} had no second factor.")


@people.command("end-coordination")
@click.argument("email", callback=_address)
@click.option("--department", required=True, type=click.Choice(list(DEPARTMENTS)), metavar="CODE", help="23, 2A, 974 …")
def end_coordination(email: str, department: str) -> None:
    """Let EMAIL no longer coordinate the département, from today on. What they did stays."""

    async def run() -> bool:
        async with open_database(load_settings().database_url):
            return await team.end_coordination(await _known(email), department, utc_now().date())

    if not asyncio.run(run()):
        raise click.ClickException(f"{email} does not coordinate {department}.")
    click.echo(f"{email} no longer coordinates {department}.")


async def _known(email: str) -> Counsellor:
    found = await by_email(email)
    if found is None:
        raise click.ClickException(f"Nobody here has the address {email}.")
    return found
