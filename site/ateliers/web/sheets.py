"""Tables that a spreadsheet opens: CSV line by line, XLSX through a file, both with little memory however long they are.

No cell can become a formula: OWASP ASVS 5.0, 1.2.10 (a quote before what starts with = + - @, a tab or NUL).
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import IO, TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

Cell = str | int
Chunks = AsyncIterator[Sequence[Sequence[Cell]]]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their wide twins
_BLOCK = 65_536  # bytes
_WIDTH = 22  # characters: what most names and titles need


def safe(cell: Cell) -> Cell:
    """`cell` so that no spreadsheet computes it. Some trim spaces before they look, so what follows them counts."""
    if isinstance(cell, str) and (cell.startswith(_STARTS) or cell.lstrip(" ").startswith(_STARTS)):
        return f"'{cell}"
    return cell


def csv_answer(name: str, header: Sequence[str], chunks: Chunks) -> Response:
    """`name`.csv as French spreadsheets read it: UTF-8 with a byte order mark, semicolons (RFC 4180 otherwise)."""

    async def lines() -> AsyncIterator[bytes]:
        yield b"\xef\xbb\xbf" + _csv([header])
        async for rows in chunks:
            yield _csv(rows)

    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=_attached(f"{name}.csv"))


def _csv(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


async def xlsx_answer(name: str, header: Sequence[str], chunks: Chunks) -> Response:
    """`name`.xlsx: one sheet, its first line frozen. It is written row by row to a file without a name, sent from there."""
    from xlsxwriter import Workbook  # here: processes of public pages never need it

    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the answer, once it is sent
    try:
        book = Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(header) - 1, _WIDTH)
        for column, title in enumerate(header):
            sheet.write_string(0, column, title, bold)
        line = 1
        async for rows in chunks:
            await asyncio.to_thread(_write, sheet, rows, line)
            line += len(rows)
        await asyncio.to_thread(book.close)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = _attached(f"{name}.xlsx") | {"Content-Length": str(size)}
    return StreamingResponse(_read(file), media_type=XLSX, headers=headers)


def _write(sheet: Worksheet, rows: Sequence[Sequence[Cell]], line: int) -> None:
    for number, row in enumerate(rows, line):
        for column, cell in enumerate(map(safe, row)):
            if isinstance(cell, str):
                sheet.write_string(number, column, cell)
            else:
                sheet.write_number(number, column, cell)


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
