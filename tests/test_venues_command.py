"""`ateliers venues`: what it says, what it writes, how it ends."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from ateliers.commands.venues import download, venues
from ateliers.venues.files import Unreadable
from geo.communes import Commune
from geo.communes.table import write_table
from geo.points import Point

Run = Callable[..., Result]
GUERET = Commune("23096", "Guéret", ("23000",), Point(46.1704, 1.8731), 12_734, "23", "75")
LIST = "id;nom;code_insee;latitude;longitude;date_maj\n1;Médiathèque;23096;46.17;1.87;2024-01-02\n"


@pytest.fixture
def run(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    write_table(tmp_path / "communes.db", [GUERET], "official")
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("SITE_URL", "https://ateliers.example")
    return lambda *arguments: CliRunner().invoke(venues, [str(argument) for argument in arguments])


def test_import_then_export(run: Run, tmp_path: Path) -> None:
    path, report, out = tmp_path / "list.csv", tmp_path / "report.csv", tmp_path / "out.csv"
    path.write_bytes((LIST + "2;Mairie;;;;\n").encode("cp1252"))
    first = run("import", path, "--source", "x", "--report", report)
    assert (first.exit_code, "2 rows: 1 added" in first.output, "Windows-1252" in first.output) == (3, True, True)
    with report.open(encoding="utf-8-sig") as file:
        assert [(line["row"], line["code"]) for line in csv.DictReader(file)] == [
            ("2", "bad_postcode"),
            ("3", "no_commune"),
        ]
    path.write_text(LIST, encoding="utf-8")
    second = run("import", path, "--source", "x")
    assert (second.exit_code, "1 unchanged" in second.output) == (0, True)
    assert run("export", out).exit_code == 0
    [row] = csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))
    assert (len(row), row["nom"], row["code_postal"]) == (32, "Médiathèque", "23000")
    assert row["prise_rdv"].startswith("https://ateliers.example/lieux/")
    assert run("export", "-").output.startswith("id,pivot,nom")
    assert list(tmp_path.glob(".out*")) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b\n1,2\n", "columns id and nom"),
        (b"", "empty"),
        (b"PK\x03\x04", "Excel"),
        (b'[{"id": "1", "nom": "A"', "not read to its end"),
    ],
)
def test_an_unreadable_file_ends_with_1_and_says_why(run: Run, tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    result = run("import", path, "--source", "x")
    assert (result.exit_code, why in result.output) == (1, True), result.output


def test_wrong_use(run: Run, tmp_path: Path) -> None:
    assert run("import", tmp_path / "absent.csv", "--source", "x").exit_code == 1
    assert run("import", tmp_path / "list.csv", "--source", "x" * 61).exit_code == 2
    assert run("import", tmp_path / ("x" * 61 + ".csv")).exit_code == 1  # the name is cut; the file is not there
    assert "Exit codes" in run("import", "--help").output
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "communes.db").unlink()
    assert "communes update" in run("import", tmp_path / "list.csv", "--source", "x").output


def test_without_options_the_file_names_the_list_and_a_report_is_written(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ma liste.csv"
    path.write_text(LIST + "2;Mairie;;;;\n", encoding="utf-8")
    result = run("import", path)
    assert result.exit_code == 3
    report = tmp_path / "import-ma-liste.csv"
    assert f"Row by row: {report}" in result.output
    assert "no_commune" in report.read_text(encoding="utf-8-sig")
    out = tmp_path / "out.csv"
    assert "1 venues" in run("export", out, "--source", "ma liste.csv").output


def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    nowhere = tmp_path / "nowhere" / "x.csv"
    report = run("import", path, "--report", nowhere)
    assert (report.exit_code, "--report" in report.output, "nowhere" in report.output) == (2, True, True)
    export = run("export", nowhere)
    assert (export.exit_code, export.output) == (1, f"Error: {nowhere} cannot be written: No such file or directory\n")


def test_invented_venues_are_exported_only_when_asked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    assert run("import", path, "--source", "real").exit_code == 0
    assert run("import", path, "--source", "demo").exit_code == 0
    out = tmp_path / "out.csv"
    assert "1 venues" in run("export", out).output
    assert "2 venues" in run("export", out, "--with-invented").output
    assert "1 venues" in run("export", out, "--source", "demo").output


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/list.csv" else 404)
        self.end_headers()
        self.wfile.write(LIST.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_import_from_an_address(run: Run, address: str) -> None:
    result = run("import", f"{address}/list.csv", "--source", "x")
    assert (result.exit_code, "1 added" in result.output) == (0, True), result.output
    result = run("import", f"{address}/gone.csv", "--source", "x")
    assert (result.exit_code, "HTTP 404" in result.output) == (1, True), result.output
    assert run("import", "http://127.0.0.1:1/x.csv", "--source", "x").exit_code == 1


def test_a_download_has_a_limit(address: str) -> None:
    with pytest.raises(Unreadable, match="longer than"):
        asyncio.run(download(f"{address}/list.csv", io.BytesIO(), most=10))
