"""The script that host pages load: one floating address, and one for good for each version, with its SRI digest."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from ateliers.refusals import NotFound
from ateliers.settings import resource_dir
from ateliers.web.etags import is_kept, tag_of

# A version is for ever: pages elsewhere hold its digest. A change is a new file static/js/embed/loader-X.Y.Z.js.
VERSIONS = ("1.0.0",)
LATEST = VERSIONS[-1]
OPEN = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


@cache
def source(version: str) -> bytes:
    """The script of one of VERSIONS."""
    return (resource_dir("static") / "js" / "embed" / f"loader-{version}.js").read_bytes()


@cache
def integrity(version: str) -> str:
    """Its digest, as the attribute `integrity` holds it (https://www.w3.org/TR/sri-2/)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(source(version)).digest()).decode()


async def floating(request: Request) -> Response:
    """`/embed/v1/loader.js`: the newest of this major version."""
    return _script(request, LATEST, "public, max-age=3600, stale-while-revalidate=86400")


async def pinned(request: Request) -> Response:
    """`/embed/1.0.0/loader.js`: this one, for a year and for good."""
    version = request.path_params["version"]
    if version not in VERSIONS:
        raise NotFound
    return _script(request, version, "public, max-age=31536000, immutable")


def _script(request: Request, version: str, kept: str) -> Response:
    etag = tag_of(source(version))
    headers = OPEN | {"ETag": etag, "Cache-Control": kept}
    if is_kept(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(source(version), media_type="text/javascript; charset=utf-8", headers=headers)
