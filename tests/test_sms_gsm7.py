"""The alphabet of texts: what it holds and costs, what stands in for what it lacks, and that nothing is ever longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ateliers.sms.gsm7 import BASIC, EXTENDED, LONGEST, cut, fits_alphabet, normal, septets, size


def test_the_alphabet_is_the_standard_s() -> None:
    assert len(BASIC) == 127  # 128 with the escape
    assert len(EXTENDED) == 10
    for sign in "éèàùìòÇäöüñÉ£¥§¿¡":
        assert septets(sign) == 1
    for sign in "€[]{}|^~\\":
        assert septets(sign) == 2
    for sign in "êçœ’«…âîôûëïŒ–":
        assert not fits_alphabet(sign)
        with pytest.raises(ValueError, match="alphabet"):
            septets(sign)


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("L’œuvre d’été : « forêt »…", 'L\'oeuvre d\'été : " foret "...'),
        ("Garçon, ça, Ç", "Garcon, ca, Ç"), ("14\u202fh\u00a030", "14 h 30"), ("Noël – Œil", "Noel - OEil"),
        ("deux\nlignes\r\n et\ttrois", "deux lignes et trois"), ("e\u0301cole", "école"), ("½ €", "1/2 €"),
        ("ﬁn № 5", "fin No 5"), ("Київ مرحبا 😀", ""), ("Şişli ığ", "Sisli ig"), ("Łódź", "Lódz".replace("ó", "o")),
        ("\u202eabc\u0000", "abc"),
    ],
)  # fmt: skip
def test_what_stands_in(said: str, plain: str) -> None:
    assert normal(said) == plain


@given(st.text())
def test_normal_text_is_in_the_alphabet_in_one_line_and_stays(said: str) -> None:
    plain = normal(said)
    assert fits_alphabet(plain)
    assert normal(plain) == plain
    assert "\n" not in plain
    assert plain == plain.strip()


@given(st.text(alphabet=sorted(BASIC | EXTENDED), max_size=300), st.integers(0, 200))
def test_a_cut_text_is_never_too_long(said: str, most: int) -> None:
    short = cut(said, most)
    assert septets(short) <= most
    assert short == said if septets(said) <= most else not short or short.endswith("...")


@given(st.text(max_size=400))
def test_a_size_is_what_a_phone_would_count(said: str) -> None:
    told = size(said)
    assert told.wide is not fits_alphabet(said)
    each, alone = (67, 70) if told.wide else (153, LONGEST)
    assert told.parts == (1 if told.units <= alone else -(-told.units // each))
