"""Reading files of venues: encodings, separators, broken rows, in constant memory."""

from __future__ import annotations

import io
import json

import pytest

from ateliers.venues.files import GUESSED, BadRow, Row, Unreadable, rows, sniff


def read(content: bytes | str) -> list[Row | BadRow]:
    source = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return list(rows(source, sniff(source)))


def names(content: bytes | str) -> list[str]:
    return [row.values["nom"] if isinstance(row, Row) else f"{row.number}:{row.code}" for row in read(content)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(encoding: str, separator: str) -> None:
    text = separator.join(("id", "nom")) + "\r\n" + separator.join(("1", '"Médiathèque d’Évry"')) + "\r\n"
    assert names(text.encode(encoding)) == ["Médiathèque d’Évry"]


def test_one_foreign_byte_does_not_change_the_encoding_of_the_rest() -> None:
    lines = ["id,nom", *(f"{n},Médiathèque" for n in range(9))]
    content = "\n".join(lines).encode() + b"\n9,M\xe9diath\xe8que\n"
    source = io.BytesIO(content)
    assert sniff(source).damaged
    assert names(content) == ["Médiathèque"] * 9 + [f"M{GUESSED}édiath{GUESSED}èque"]


def test_a_nul_byte_costs_nothing_but_itself() -> None:
    content = b"id,nom\n" + b"".join(b"%d,Lieu\n" % n for n in range(100)) + b"x,Mai\x00rie\n"
    assert names(content) == ["Lieu"] * 100 + ["Mai\0rie"]
    assert names(content.replace(b"id,nom", b"id,n\x00om", 1)) == names(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"PK\x03\x04whatever", "Excel"),
        ("id,nom\n1,A".encode("utf-16"), "UTF-16"),
        (b"id,nom\n1,\x00\x00", "NUL"),
        (b'{"type": "FeatureCollection"}', "array"),
        (b"<!doctype html>", "array"),
    ],
)
def test_what_is_no_list_of_venues_is_explained(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(content)


def test_csv_rows_carry_the_line_they_start_on() -> None:
    found = read('id,nom\n\n1,"A\nA"\n2,B\n')
    assert [(row.number, row.values["nom"]) for row in found if isinstance(row, Row)] == [(3, "A\nA"), (5, "B")]


def test_broken_csv_costs_only_its_own_rows() -> None:
    assert names("id,nom\n1,A\n2,B,too many\n3\n4,D\n") == ["A", "3:wrong_columns", "4:wrong_columns", "D"]
    unclosed = 'id,nom\n1,A\n2,"B\n' + "".join(f"{n},N{n}\n" for n in range(3, 30_000))
    assert names(unclosed) == ["A", "3:broken_line", *(f"N{n}" for n in range(3, 30_000))]
    assert names('id,nom\n1,A\n2,"B\n') == ["A", "B\n"]  # closed by the end of the file: nothing is lost


def test_an_endless_line_is_passed_over() -> None:
    assert names("id,nom\n1,A\n2," + "x" * 3_000_000 + "\n3,C\n") == ["A", "3:line_too_long", "C"]


def test_json_entries() -> None:
    entries = [{"id": str(n), "nom": f"N{n}", "x": "y" * 700} for n in range(2_000)]
    assert names(json.dumps(entries, indent=1)) == [f"N{n}" for n in range(2_000)]
    assert names("[]") == []
    assert names('[{"nom": "A"}, 12, {"nom": NaN}, "x"]') == ["A", "2:not_an_object", None, "4:not_an_object"]


@pytest.mark.parametrize(
    "broken",
    [
        '{"nom": "B",}',
        '{"nom": "B" "x": 1}',
        '{"nom": B}',
        '{"nom": "B}',
        '{"nom": "B", "x": {"y": ]}',
        '{"nom": ' + "9" * 5_000 + "}",
        '{"nom": ' + "[" * 100_000 + "}",
    ],
)
def test_broken_json_costs_only_its_own_entry(broken: str) -> None:
    long = ",\n".join(json.dumps({"nom": f"N{n}", "x": "y" * 200}) for n in range(2_000))
    found = names(f'[{{"nom": "A"}},\n{broken},\n{{"nom": "C"}},\n{long}]')
    assert found == ["A", "2:broken_json", "C", *(f"N{n}" for n in range(2_000))]


@pytest.mark.parametrize("content", ['[{"nom": "A"}, {"nom": "B"', '[{"nom": "A"},', '[{"nom": "A"}'])
def test_a_cut_file_gives_what_it_has_and_says_so(content: str) -> None:
    source = io.BytesIO(content.encode())
    found = []
    with pytest.raises(Unreadable, match="cut short"):
        found += [row.number for row in rows(source, sniff(source))]
    stream = rows(source, sniff(source))
    assert next(stream) == Row(1, {"nom": "A"})
