"""The catalogue of what we publish: DCAT-AP 3.0 for data portals, schema.org Dataset for search engines.

https://semiceu.github.io/DCAT-AP/releases/3.0.0/ ; vocabularies of the Publications Office of the European Union.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ateliers.i18n import gettext, languages, using_language
from ateliers.opendata.columns import (
    CATALOGUE,
    DATASETS,
    FILES,
    FIRST_PUBLISHED,
    LICENCE,
    LICENCE_CODE,
    Dataset,
    File,
)
from ateliers.opendata.editions import Edition, FileMade
from ateliers.opendata.schemas import TABLE_SCHEMA
from ateliers.settings import Settings

Node = dict[str, Any]

NAMESPACES = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_EU = "http://publications.europa.eu/resource/authority"
_IANA = "https://www.iana.org/assignments/media-types"
_LANGUAGES = {
    "fr": "FRA", "en": "ENG", "es": "SPA", "pt": "POR", "tr": "TUR", "uk": "UKR", "ar": "ARA",
}  # fmt: skip


def dcat_ap(edition: Edition, settings: Settings) -> Node:
    """The catalogue as JSON-LD, one tree: a Catalog, its datasets, their files as distributions, the API as a service."""
    base = settings.base_url
    return {
        "@context": NAMESPACES,
        "@id": f"{base}/donnees",
        "@type": "dcat:Catalog",
        "dct:title": _words(CATALOGUE["title"]),
        "dct:description": _words(CATALOGUE["label"]),
        "dct:publisher": _publisher(settings),
        "dct:license": _licence(),
        "dct:issued": _literal(FIRST_PUBLISHED, "xsd:date"),
        "dct:modified": _moment(edition.made_at),
        "dct:language": [_typed(f"{_EU}/language/{_LANGUAGES[code]}", "dct:LinguisticSystem") for code in languages()],
        "dct:spatial": _typed(f"{_EU}/country/FRA", "dct:Location"),
        "dcat:themeTaxonomy": _typed(f"{_EU}/data-theme", "skos:ConceptScheme")
        | {"dct:title": {"@value": "Data theme", "@language": "en"}},
        "foaf:homepage": _typed(f"{base}/donnees", "foaf:Document", same=True),
        "dcat:dataset": [_dataset(each, edition, settings) for each in DATASETS.values()],
        "dcat:service": _service(settings),
    }


def _dataset(dataset: Dataset, edition: Edition, settings: Settings) -> Node:
    base = settings.base_url
    made = [edition.files[name] for name, file in FILES.items() if file.dataset == dataset.code]
    return {
        "@id": f"{base}/donnees#{dataset.code}",
        "@type": "dcat:Dataset",
        "dct:identifier": {"@value": f"{base}/donnees#{dataset.code}"},
        "dct:title": _words(dataset.title),
        "dct:description": _words(dataset.label),
        "dcat:keyword": [{"@value": word, "@language": "fr"} for word in dataset.keywords],
        "dcat:theme": [_typed(f"{_EU}/data-theme/{code}", "skos:Concept") | _label(code) for code in dataset.themes],
        "dct:publisher": {"@id": _publisher(settings)["@id"]},
        "dcat:contactPoint": {
            "@type": "vcard:Kind",
            "vcard:fn": {"@value": settings.operator_name or CATALOGUE["title"]},
            "vcard:hasEmail": {"@id": f"mailto:{settings.help_email}"},
        },
        "dct:accrualPeriodicity": _typed(f"{_EU}/frequency/DAILY", "dct:Frequency"),
        "dct:accessRights": _typed(f"{_EU}/access-right/PUBLIC", "dct:RightsStatement"),
        "dct:language": _typed(f"{_EU}/language/FRA", "dct:LinguisticSystem"),
        "dct:spatial": _typed(f"{_EU}/country/FRA", "dct:Location"),
        "dct:issued": _literal(FIRST_PUBLISHED, "xsd:date"),
        "dct:modified": _moment(max(each.modified for each in made)),
        "dct:conformsTo": _standard(dataset, base),
        "dcat:landingPage": _typed(f"{base}/donnees", "foaf:Document", same=True),
        "dcat:distribution": [_distribution(FILES[each.name], each, settings) for each in made],
    }


def _distribution(file: File, made: FileMade, settings: Settings) -> Node:
    base, address = settings.base_url, {"@id": f"{settings.base_url}/donnees/{file.name}"}
    node: Node = {
        "@id": f"{base}/donnees#{file.name}",
        "@type": "dcat:Distribution",
        "dct:title": _words(file.title),
        "dcat:accessURL": address,
        "dcat:downloadURL": address,
        "dct:license": {"@id": LICENCE},
        "dcat:mediaType": _typed(f"{_IANA}/{file.bare_media}", "dct:MediaType"),
        "dcat:byteSize": _literal(str(made.size), "xsd:nonNegativeInteger"),
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": _typed("http://spdx.org/rdf/terms#checksumAlgorithm_sha256", "spdx:ChecksumAlgorithm"),
            "spdx:checksumValue": _literal(made.sha256, "xsd:hexBinary"),
        },
        "dct:modified": _moment(made.modified),
        "dct:conformsTo": {"@id": _standard(DATASETS[file.dataset], base)["@id"]},
        "dcatap:availability": _typed(f"{_EU}/planned-availability/STABLE", "skos:Concept") | _label("STABLE"),
    }
    if file.format:
        node["dct:format"] = _typed(f"{_EU}/file-type/{file.format}", "dct:MediaTypeOrExtent")
    return node


def _service(settings: Settings) -> Node:
    base = settings.base_url
    return {
        "@id": f"{base}/api",
        "@type": "dcat:DataService",
        "dct:title": {"@value": f"API : {CATALOGUE['title']}", "@language": "fr"},
        "dcat:endpointURL": {"@id": f"{base}/api/v1"},
        "dcat:landingPage": _typed(f"{base}/api", "foaf:Document", same=True),
        "dcat:servesDataset": [{"@id": f"{base}/donnees#{code}"} for code in DATASETS],
        "dct:license": {"@id": LICENCE},
        "dct:publisher": {"@id": _publisher(settings)["@id"]},
    }


def _publisher(settings: Settings) -> Node:
    name = settings.operator_name or CATALOGUE["title"]
    return {
        "@id": f"{settings.base_url}/#editeur",
        "@type": "foaf:Agent",
        "foaf:name": {"@value": name, "@language": "fr"},
        "foaf:homepage": _typed(f"{settings.base_url}/", "foaf:Document"),
    }


def _licence() -> Node:
    return {
        "@id": LICENCE,
        "@type": "dct:LicenseDocument",
        "dct:title": {"@value": "Licence Ouverte / Open Licence version 2.0", "@language": "fr"},
        "dct:identifier": {"@value": LICENCE_CODE},
        "dct:type": _typed("http://purl.org/adms/licencetype/Attribution", "skos:Concept") | _label("Attribution"),
    }


def _standard(dataset: Dataset, base: str) -> Node:
    return _typed(dataset.conforms_to or f"{base}/donnees/{TABLE_SCHEMA}", "dct:Standard")


def _typed(address: str, kind: str, *, same: bool = False) -> Node:
    """A thing of another's vocabulary, with its class: a validator that cannot fetch it must still know what it is.

    `same`: it is a node of this tree already, so it takes a second class there.
    """
    return {"@id": address, "@type": [kind] if same else kind}


def _label(word: str) -> Node:
    return {"skos:prefLabel": {"@value": word, "@language": "en"}}


def _words(message: str) -> list[Node]:
    """A msgid in every language of the site."""
    said = []
    for code in languages():
        with using_language(code):
            said.append({"@value": gettext(message), "@language": code})
    return said


def _literal(value: str, kind: str) -> Node:
    return {"@value": value, "@type": kind}


def _moment(moment: datetime) -> Node:
    return _literal(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "xsd:dateTime")


def schema_org(edition: Edition, settings: Settings) -> Node:
    """The datasets for search engines, in the current language: https://developers.google.com/search/docs/data-types/dataset."""
    base = settings.base_url
    publisher = {"@type": "Organization", "name": settings.operator_name or gettext(CATALOGUE["title"]), "url": base}
    return {
        "@context": "https://schema.org",
        "@graph": [
            {
                "@type": "Dataset",
                "@id": f"{base}/donnees#{dataset.code}",
                "name": gettext(dataset.title),
                "description": gettext(dataset.label),
                "url": f"{base}/donnees",
                "license": LICENCE,
                "isAccessibleForFree": True,
                "inLanguage": "fr",
                "keywords": list(dataset.keywords),
                "creator": publisher,
                "spatialCoverage": {"@type": "Place", "name": "France"},
                "dateModified": edition.made_at.date().isoformat(),
                "includedInDataCatalog": {
                    "@type": "DataCatalog",
                    "name": gettext(CATALOGUE["title"]),
                    "url": f"{base}/donnees",
                },
                "distribution": [
                    {
                        "@type": "DataDownload",
                        "encodingFormat": file.bare_media,
                        "contentUrl": f"{base}/donnees/{name}",
                        "contentSize": str(edition.files[name].size),
                        "sha256": edition.files[name].sha256,
                    }
                    for name, file in FILES.items()
                    if file.dataset == dataset.code
                ],
            }
            for dataset in DATASETS.values()
        ],
    }
