"""The picture that goes with a shared link to a session."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ateliers.database import utc_now
from ateliers.printouts import picture
from ateliers.web.etags import answered
from ateliers.web.find.one import shown

MAX_AGE = 3600
PICTURES_KEPT, PICTURE_SECONDS = 256, 86_400.0  # some 20 kB each, and kept by what they say: they are never too old


async def session_png(request: Request) -> Response:
    """Open Graph's: 1200 × 630 px. Drawn once for what it says, and shown by any site."""
    wanted = picture.picture_of(await shown(request, utc_now()))

    async def make() -> bytes:
        from ateliers.printouts.drawing import draw  # here: 8 MB that most processes never need

        return await asyncio.to_thread(draw, wanted)

    png = await request.app.state.pictures.get(wanted, make)
    return answered(
        request, png, "image/png", max_age=MAX_AGE, headers={"Cross-Origin-Resource-Policy": "cross-origin"}
    )
