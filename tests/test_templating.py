"""Addresses in the current language, versioned files, data blocks that no text can leave, undefined names that fail."""

from __future__ import annotations

import json
import re

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from ateliers.i18n import using_language
from ateliers.templating import environment, in_language, json_ld, static_url, url


def rendered(source: str, **context: object) -> str:
    return environment.from_string(source).render(**context)


def test_an_address_in_the_current_language() -> None:
    assert url("/") == "/"
    assert url("/ateliers", ou="Guéret", rayon=20) == "/ateliers?ou=Gu%C3%A9ret&rayon=20"
    assert url("/ateliers", ou="", rayon=None) == "/ateliers"
    assert url("/ateliers", theme=["sante", "email"]) == "/ateliers?theme=sante&theme=email"
    with using_language("en"):
        assert url("/") == "/en/"
        assert url("/ateliers", ou="Lille") == "/en/ateliers?ou=Lille"


def test_the_same_page_in_another_language() -> None:
    assert in_language("en", "/ateliers", "ou=Lille") == "/en/ateliers?ou=Lille"
    assert in_language("fr", "/ateliers") == "/ateliers"
    assert in_language("en", "/") == "/en/"


def test_a_file_has_the_digest_of_its_content_in_its_address() -> None:
    assert re.fullmatch(r"/static/css/site\.css\?v=[0-9a-f]{10}", static_url("css/site.css"))
    with pytest.raises(FileNotFoundError):
        static_url("css/none.css")


def test_no_text_leaves_a_data_block() -> None:
    hostile = "</script><script>alert(1)</script> & \u2028 <!--"
    block = str(json_ld({"name": hostile}))
    inside = block.removeprefix('<script type="application/ld+json">').removesuffix("</script>")
    assert not re.search("[<>&\u2028\u2029]", inside)
    assert json.loads(inside) == {"name": hostile}
    assert isinstance(json_ld({}), Markup)


def test_texts_are_escaped_and_what_is_missing_fails() -> None:
    assert rendered("{{ name }}", name="<b>") == "&lt;b&gt;"
    assert rendered('{{ _("%(name)s", name=name) }}', name="<b>") == "&lt;b&gt;"
    assert rendered("{{ name }}", name=None) == ""
    with pytest.raises(UndefinedError):
        rendered("{{ nobody_gave_it }}")


def test_plurals_in_templates() -> None:
    source = "{% trans n=count %}{{ n }} place{% pluralize %}{{ n }} places{% endtrans %}"
    assert [rendered(source, count=n) for n in (0, 1, 2)] == ["0 place", "1 place", "2 places"]


def test_what_a_counsellor_wrote_is_marked_as_french_elsewhere() -> None:
    written = environment.filters["written"]
    assert written("Atelier <couture>") == "Atelier <couture>"  # the template escapes it
    with using_language("en"):
        assert str(written("Atelier <couture>")) == '<bdi lang="fr">Atelier &lt;couture&gt;</bdi>'
        assert written("Réserver ma place") == "Book my place"
        assert written("") == ""
