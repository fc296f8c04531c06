"""nginx with the configuration that docs/deploy proposes, on ports of its own, before servers that a test starts."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ateliers.database import utc_now
from tests.processes import ROOT, free_port

EXAMPLE = ROOT / "docs" / "deploy" / "nginx.conf"
_AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    set_real_ip_from 127.0.0.1;  # a test's visitors come from many addresses, which it says itself
    real_ip_header X-Visitor;
    include {folder}/ateliers.conf;
}}
"""


def nginx() -> str | None:
    """The program, where it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def write_configuration(folder: Path, upstreams: list[int], plain: int, tls: int) -> Path:
    """The example with other ports and folders, and nothing else changed; the file nginx is started with."""
    _certificate(folder)
    text = EXAMPLE.read_text()
    for number, port in enumerate(upstreams, 1):
        text = text.replace(f"127.0.0.1:800{number} ", f"127.0.0.1:{port} ")
    text = re.sub(r"listen (\[::\]:)?80;", lambda found: f"listen {found[1] or ''}{plain};", text)
    text = re.sub(r"listen (\[::\]:)?443 ", lambda found: f"listen {found[1] or ''}{tls} ", text)
    text = text.replace("/etc/ssl/ateliers", str(folder)).replace("/var/log/nginx", str(folder))
    (folder / "ateliers.conf").write_text(text)
    main = folder / "nginx.conf"
    main.write_text(_AROUND.format(folder=folder))
    return main


def _certificate(folder: Path) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), utc_now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ateliers.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@contextmanager
def proxied(folder: Path, upstreams: list[int]) -> Iterator[int]:
    """nginx before these ports; yields the one it answers on, with TLS."""
    program = nginx()
    assert program is not None
    folder.mkdir(parents=True, exist_ok=True)
    tls = free_port()
    main = write_configuration(folder, upstreams, free_port(), tls)
    with (folder / "said.log").open("wb") as log:
        running = subprocess.Popen([program, "-c", str(main), "-p", str(folder)], stdout=log, stderr=log)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", tls), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert running.poll() is None, (folder / "said.log").read_text()
                time.sleep(0.02)
        yield tls
    finally:
        running.terminate()
        running.wait(20)
