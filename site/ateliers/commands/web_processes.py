"""Web processes: one, or several on one socket under a parent that starts a new one where one has died."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from ateliers.settings import Settings

log = logging.getLogger("ateliers.serve")
HEARD_OUT = 0.3  # seconds
FIRST_INHERITED = 3  # of file descriptors, by sd_listen_fds(3)


def server_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is started with."""
    return {
        "host": settings.host,
        "port": settings.port,
        "log_level": "warning",
        "access_log": False,  # addresses hold search words and tokens: the reverse proxy's log is the place, masked
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "server_header": False,
        # A connection that idles is closed by the proxy (after 60 s in nginx), never by us at the moment it is used.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 10,
        "timeout_worker_healthcheck": 20,
    }


def run(settings: Settings, *, with_worker: bool) -> None:
    """Serve until SIGTERM or Ctrl+C; requests in flight are answered first. SIGHUP replaces several processes one by one."""
    options, sockets = server_options(settings), inherited()
    if settings.workers > 1:
        config = uvicorn.Config("ateliers.app:from_environment", factory=True, workers=settings.workers, **options)
        processes = Processes(config, sockets or [config.bind_socket()])
        processes.run()
        if processes.failed:
            sys.exit(STARTUP_FAILURE)
        return
    from ateliers.app import create_app

    server = Server(uvicorn.Config(create_app(settings, with_worker=with_worker), **options))
    server.run(sockets or None)
    if not server.started:
        sys.exit(1)


class Server(uvicorn.Server):
    """uvicorn's, which hears out who has just come before it closes: their request may still be on its way."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nobody new, wait a moment, answer what is in flight."""
        for listening in self.servers:
            listening.close()
        for each in sockets or []:
            each.close()
        await asyncio.sleep(HEARD_OUT)
        await super().shutdown(sockets)


class WebProcess(multiprocess.Process):
    """One of several, with that server."""

    @property
    def server(self) -> Server:
        """The server of the process itself, made there."""
        if self._server is None:
            self._server = Server(config=self.config)
        assert isinstance(self._server, Server)  # noqa: S101 - made here alone
        return self._server


class Processes(multiprocess.Multiprocess):
    """uvicorn's, which says in the log when one has died, and whether none can start."""

    failed = False

    def run(self) -> None:
        """Until SIGTERM or Ctrl+C."""
        multiprocess.Process = WebProcess  # type: ignore[misc]  # it makes its own by that name, and has no other way
        super().run()

    def keep_subprocess_alive(self) -> None:
        """A new process in the place of each that is dead or answers no more."""
        before = {process.pid: process for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before.keys() - {process.pid for process in self.processes}:
            log.error("web process %s is gone (%s): another one is started", pid, before[pid].exitcode)
        self.failed = any(process.exitcode == STARTUP_FAILURE for process in self.processes)

    def terminate_all(self) -> None:
        """Take nobody new at once: while this parent kept the socket open, connections would wait there for no answer."""
        for each in self.sockets:
            each.close()
        super().terminate_all()


def inherited() -> list[socket.socket]:
    """Sockets that systemd listens on for us (a `.socket` unit): they stay open while we restart, so nobody is refused."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return [socket.socket(fileno=FIRST_INHERITED + number) for number in range(count)]
