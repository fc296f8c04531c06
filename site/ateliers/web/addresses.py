"""How a path names a session. Imported where such routes are made: Starlette must know it before it reads one."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request

from ateliers.refusals import NotFound
from ateliers.workshops import Session, public_session

SHOWN_AFTER_END = timedelta(days=30)  # how long the page of a past session still answers 200


class SessionAddress(Convertor[tuple[int, str]]):
    """`12`, or `12-key` for a private one; the handler gets (number, key)."""

    regex = "[0-9]+(?:-[a-z0-9]{8,32})?"

    def convert(self, value: str) -> tuple[int, str]:
        number, _, key = value.partition("-")
        return int(number), key

    def to_string(self, value: tuple[int, str]) -> str:
        return f"{value[0]}-{value[1]}" if value[1] else str(value[0])


register_url_convertor("session", SessionAddress())


async def named_session(request: Request, now: datetime) -> Session:
    """The session of the path `…/{session:session}/…`, loaded. Raises NotFound when no citizen may see it."""
    number, key = request.path_params["session"]
    session = await public_session(number, key, now)
    if session is None:
        raise NotFound
    return session
