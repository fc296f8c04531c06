"""Our own files: for a year under the digest of their content, and as they were compressed at the set-up."""

from __future__ import annotations

import stat
from mimetypes import guess_type

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

YEAR = 31_536_000
CODINGS = (("br", ".br"), ("gzip", ".gz"))  # the smaller first


class Files(StaticFiles):
    """Files with a digest in their address (`?v=`) never change: a year. The others: a day."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = self._compressed(path, scope) or await super().get_response(path, scope)
        versioned = b"v=" in scope.get("query_string", b"") or path.startswith("vendor/fonts/")
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR}, immutable" if versioned else "public, max-age=86400"
        )
        return response

    def _compressed(self, path: str, scope: Scope) -> Response | None:
        """The file as `ateliers vendor` has compressed it, where the browser reads that; None: as it is."""
        headers = Headers(scope=scope)
        # Part of a file means a part of what is on the disk.
        if scope["method"] not in {"GET", "HEAD"} or "range" in headers:
            return None
        whole, there = self.lookup_path(path)
        if there is None or not stat.S_ISREG(there.st_mode):
            return None
        for coding, suffix in CODINGS:
            made, found = self.lookup_path(path + suffix)
            # One that is older than its file is of an earlier version: somebody is at work on it.
            if found is None or found.st_mtime < there.st_mtime or not _accepts(headers, coding):
                continue
            kind = guess_type(whole)[0] or "application/octet-stream"
            answer = FileResponse(made, stat_result=found, media_type=kind)
            answer.headers["Content-Encoding"] = coding
            answer.headers["Vary"] = "Accept-Encoding"
            return NotModifiedResponse(answer.headers) if self.is_not_modified(answer.headers, headers) else answer
        return None


def _accepts(headers: Headers, coding: str) -> bool:
    """Whether `coding` is in Accept-Encoding, with a weight above nothing."""
    for part in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if name == coding:
            return weight.strip("0.") != "" or not weight
    return False
