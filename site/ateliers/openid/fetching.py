"""Asking the provider: in bounded time and size, with no redirect, no cookie and no surprise but `ProviderDown`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from ateliers.openid.refused import ProviderDown


@dataclass(frozen=True, slots=True)
class Answer:
    """`media_type` is lower case and without parameters. `repr` never shows the body: it may hold tokens."""

    what: str
    status: int
    media_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer of {self.what}: {self.status} {self.media_type}, {len(self.body)} bytes>"

    def json(self) -> dict[str, Any]:
        """The body, a JSON object. Raises ProviderDown where it is none."""
        # Deep nesting ends in RecursionError, not in ValueError.
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            raise ProviderDown(f"{self.what}: not JSON") from None
        if not isinstance(found, dict):
            raise ProviderDown(f"{self.what}: not a JSON object")
        return found


class Fetcher:
    """One HTTP session. `timeout` is in seconds for a whole request, `max_bytes` bounds the body of an answer."""

    def __init__(self, timeout: float, max_bytes: int) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            # Compressed, a small answer may grow without bound: ask for it plain, and inflate nothing.
            headers={"User-Agent": "ateliers/1.0", "Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),  # the session serves everyone: nobody's cookie may reach another
            trust_env=True,  # a town hall's server often reaches the world through a proxy only
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def get(self, what: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """`what` names the question in errors. Raises ProviderDown, also on a redirect and on a status of 5xx."""
        return await self._ask("GET", what, url, headers or {}, None)

    async def post(self, what: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """A form, as `get` is without one."""
        return await self._ask("POST", what, url, headers, form)

    async def _ask(
        self, method: str, what: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("a Provider is opened with `async with`")
        try:
            async with self._session.request(
                method, url, headers=headers, data=form, allow_redirects=False
            ) as response:
                body = await self._read(what, response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderDown(f"{what}: {type(error).__name__}") from None
        if response.status >= 500 or 300 <= response.status < 400:
            raise ProviderDown(f"{what}: status {response.status}")
        return Answer(what, response.status, response.content_type.lower(), body)

    async def _read(self, what: str, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                response.close()
                raise ProviderDown(f"{what}: more than {self._max_bytes} bytes")
        return bytes(body)
