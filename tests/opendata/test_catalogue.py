"""The catalogue: both of its forms say the same, and DCAT-AP's own shapes find nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from rdflib import DCAT, DCTERMS, RDF, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic

from ateliers.opendata import FILES, Edition
from ateliers.opendata.catalogue import dcat_ap, schema_org
from ateliers.opendata.columns import LICENCE
from ateliers.opendata.turtle import turtle
from tests import world
from tests.opendata.conftest import Making

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning"),  # rdflib's readers of its own classes
]
SHAPES = Path(__file__).with_name("dcat-ap-3.0.0-shapes.ttl")
SPDX = Namespace("http://spdx.org/rdf/terms#")
ODD = 'Ville d’« Exemple »\\ "numérique"\n<script>'


def _graph(edition: Edition, **changes: Any) -> Graph:
    return Graph().parse(data=turtle(dcat_ap(edition, world.settings(**changes))), format="turtle")


def _conforms(graph: Graph) -> tuple[bool, str]:
    # What can be known of every resource is inferred (rdfs:Resource): the shapes ask for it by name.
    conforms, _, text = pyshacl.validate(graph, shacl_graph=str(SHAPES), inference="rdfs")
    return bool(conforms), str(text)


@pytest.mark.parametrize("operator", ["", ODD])
async def test_both_forms_say_the_same(making: Making, operator: str) -> None:
    await world.build()
    edition = await making()
    tree = dcat_ap(edition, world.settings(operator_name=operator))
    graph = _graph(edition, operator_name=operator)
    assert isomorphic(graph, Graph().parse(data=json.dumps(tree), format="json-ld"))
    if operator:
        assert Literal(ODD, lang="fr") in set(graph.objects())


async def test_the_shapes_of_dcat_ap_find_nothing(making: Making) -> None:
    await world.build()
    graph = _graph(await making())
    conforms, text = _conforms(graph)
    assert conforms, text
    for needed in (DCTERMS.title, DCAT.accessURL, DCTERMS.publisher):
        poorer = Graph() + graph
        poorer.remove((None, needed, None))
        assert not _conforms(poorer)[0], needed


async def test_each_file_is_described_as_it_is(making: Making) -> None:
    await world.build()
    edition = await making()
    graph = _graph(edition)
    found = {}
    for distribution in graph.subjects(RDF.type, DCAT.Distribution):
        address = str(graph.value(distribution, DCAT.downloadURL))
        checksum = graph.value(distribution, SPDX.checksum)
        size = graph.value(distribution, DCAT.byteSize)
        found[address.removeprefix("https://ateliers.example/donnees/")] = (
            int(str(size)),
            str(graph.value(checksum, SPDX.checksumValue)),
            str(graph.value(distribution, DCTERMS.license)),
            str(graph.value(distribution, DCAT.mediaType)).removeprefix(
                "https://www.iana.org/assignments/media-types/"
            ),
        )
    for name, file in FILES.items():
        content = edition.path(name).read_bytes()
        assert found[name] == (len(content), hashlib.sha256(content).hexdigest(), LICENCE, file.bare_media)
    daily = URIRef("http://publications.europa.eu/resource/authority/frequency/DAILY")
    assert len(set(graph.subjects(DCTERMS.accrualPeriodicity, daily))) == 2


async def test_search_engines_read_a_dataset(making: Making) -> None:
    """https://developers.google.com/search/docs/appearance/structured-data/dataset: required and recommended."""
    await world.build()
    edition = await making()
    for dataset in schema_org(edition, world.settings())["@graph"]:
        assert {"name", "description", "license", "creator", "distribution", "url", "isAccessibleForFree"} <= set(
            dataset
        )
        assert 50 <= len(dataset["description"]) <= 5000
        for download in dataset["distribution"]:
            assert download["contentUrl"].startswith("https://ateliers.example/donnees/")
            assert download["encodingFormat"]
