"""No webhook reaches into our own network: neither by a literal address, nor by a name that resolves to one.

The name is resolved by us at each connection, and the connection goes to the very address that was checked: a name that
answers otherwise the second time (DNS rebinding) gains nothing. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult


class UnsafeAddress(ValueError):
    """Nothing is sent there. `reason` is a code for the form: "url_bad", "url_http", "url_private"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_address(url: str, *, private: bool = False) -> None:
    """Raise UnsafeAddress unless `url` is https to a public host. `private` allows http, and addresses of one's own network."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UnsafeAddress("url_bad") from None
    host = parts.hostname or ""
    bare = url.isascii() and url.isprintable() and " " not in url and not parts.username and not parts.fragment
    if parts.scheme not in {"http", "https"} or not host or not bare or len(url) > 500 or port == 0:
        raise UnsafeAddress("url_bad")
    if private:
        return
    if parts.scheme != "https":
        raise UnsafeAddress("url_http")
    if _is_literal(host):
        if not is_public(host.strip("[]")):
            raise UnsafeAddress("url_private")
    elif "." not in host.rstrip(".") or host.rstrip(".").endswith((".local", ".localhost", ".internal", ".home.arpa")):
        raise UnsafeAddress("url_private")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        # 127.1, 0x7f000001 and 2130706433 are addresses too, to a resolver.
        return host.replace(".", "").isdigit() or host.lower().startswith("0x")
    return True


def is_public(address: str) -> bool:
    """Whether the whole internet knows this IP address as one host's."""
    try:
        found: Any = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if found.version == 6:
        # Addresses of IPv4 in other clothes: mapped, 6to4, NAT64.
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.ip_address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return bool(found.is_global and not found.is_multicast)


class PublicResolver(AbstractResolver):
    """Names to their public addresses alone."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError when the name has no public address."""
        loop = asyncio.get_running_loop()
        rows = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        found = [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in rows
            if is_public(str(address[0]))
        ]  # fmt: skip
        if not found:
            raise OSError("no public address")
        return found

    async def close(self) -> None:
        """Nothing is open."""
