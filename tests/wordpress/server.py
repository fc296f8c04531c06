"""Debian's WordPress in a folder that goes away: its own MariaDB on a socket, PHP's own server on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import free_port

SOURCE = Path("/usr/share/wordpress")
THEME = "twentytwentythree"
PACKAGES = ("wordpress", f"wordpress-theme-{THEME}", "php-cli", "php-mysql", "mariadb-server")
PASSWORD = "of a test, on loopback, for a minute"

_CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_CHARSET', 'utf8mb4');
define('DB_HOST', 'localhost:{socket}'); define('DB_COLLATE', '');
define('WP_HOME', '{url}'); define('WP_SITEURL', '{url}');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('WP_ACCESSIBLE_HOSTS', '127.0.0.1,localhost');
define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true); define('WP_DEBUG', false);
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT',
    'NONCE_SALT'] as $name) define($name, 'a salt of a test ' . $name);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""
# On the internet our site has a public address and port 443. Here it has neither, and WordPress asks no such site.
_PLUGIN = """<?php
add_filter('http_allowed_safe_ports', fn($ports) => [...$ports, {port}]);
add_filter('http_request_host_is_external', '__return_true');
"""
_INSTALL = """
define('WP_INSTALLING', true);
require $argv[1] . '/wp-load.php'; require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Ma commune', 'mairie', 'mairie@commune.example', false, '', $argv[2]);
switch_theme($argv[3]);
wp_insert_user(['user_login' => 'redactrice', 'user_pass' => $argv[2], 'role' => 'author']);
"""
# As somebody who may write but not paste HTML: an author without the capability unfiltered_html.
_POST = """
require $argv[1] . '/wp-load.php';
$author = get_user_by('login', 'redactrice');
wp_set_current_user($author->ID);
if (current_user_can('unfiltered_html')) exit(1);
kses_init_filters();
echo wp_insert_post(['post_title' => 'Nos ateliers', 'post_status' => 'publish', 'post_author' => $author->ID,
    'post_content' => wp_slash($argv[2])], true);
"""


@dataclass
class WordPress:
    """A running WordPress, at `url`; `folder` holds its files."""

    url: str
    folder: Path

    def post(self, content: str) -> str:
        """The address of a new post of an author's."""
        return f"{self.url}/?p={int(self.run(_POST, content))}"

    def run(self, script: str, *arguments: str) -> str:
        """What a PHP script of WordPress prints."""
        done = subprocess.run(
            ["php", "-r", script, "--", str(self.folder), *arguments],
            capture_output=True, text=True, check=False, timeout=120,
            env=os.environ | {"HTTP_HOST": self.url.removeprefix("http://")},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"PHP: {done.stdout}{done.stderr}")
        return done.stdout.strip()


def is_installed() -> bool:
    """Whether PHP, MariaDB, WordPress and its theme are here."""
    theme = SOURCE / "wp-content" / "themes" / THEME
    return theme.is_dir() and all(map(shutil.which, ("php", "mariadbd", "mariadb-install-db")))


def install() -> bool:
    """Have Debian's packages installed. False where that is not for us to do."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet, stdout=subprocess.DEVNULL)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    return subprocess.run(command, check=False, env=quiet, stdout=subprocess.DEVNULL).returncode == 0 and is_installed()


@contextmanager
def wordpress(folder: Path, site_port: int) -> Iterator[WordPress]:
    """A fresh WordPress in `folder`, which may ask our site at `site_port` of loopback."""
    socket, port = folder / "db.sock", free_port()
    data, files = folder / "db", folder / "wordpress"
    user = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", *user],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    shutil.copytree(SOURCE, files, symlinks=False, ignore_dangling_symlinks=True)
    url = f"http://localhost:{port}"
    (files / "wp-config.php").write_text(_CONFIG.format(socket=socket, url=url), encoding="utf-8")
    plugins = files / "wp-content" / "mu-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins / "loopback.php").write_text(_PLUGIN.format(port=site_port), encoding="utf-8")
    database = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking",
         f"--pid-file={folder}/db.pid", *user],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server = None
    try:
        _until(lambda: _query(socket, "CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4"), 60)
        site = WordPress(url, files)
        site.run(_INSTALL, PASSWORD, THEME)
        server = subprocess.Popen(
            ["php", "-S", f"localhost:{port}", "-t", str(files)],
            env=os.environ | {"PHP_CLI_SERVER_WORKERS": "4"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _until(lambda: _answers(url), 60)
        yield site
    finally:
        for process in (server, database):
            if process is not None:
                process.terminate()
                process.wait(30)


def _query(socket: Path, sql: str) -> bool:
    command = ["mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "-e", sql]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/?rest_route=/", timeout=10) as answer:  # noqa: S310 - of ours, on loopback
            return bool(json.loads(answer.read())["name"])
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _until(ready: object, seconds: float) -> None:
    assert callable(ready)
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)
