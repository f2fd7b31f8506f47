"""croissant.json: a mix for machines, as Croissant 1.1 wants it.

http://mlcommons.org/croissant/1.1. Every shard is a FileObject with its sha256, the shards
that are read together are a FileSet, and a RecordSet says which columns they have. From
what the corpus is made is said in the words of PROV.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tamis.language.codes import short_language
from tamis.publishing.facts import DEFAULT, MISSING, Facts, Group
from tamis.tally import UNKNOWN_LANGUAGE

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
_PARQUET = "application/x-parquet"  # the one that mlcroissant and Hugging Face know
_JSON = {"@type": "@json"}
_OF_CROISSANT = (
    *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract"),
    *(
        "field",
        "fileProperty",
        "fileObject",
        "fileSet",
        "format",
        "includes",
        "isArray",
    ),
    *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
    *(
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
    ),
    *("subField", "transform"),
)
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", **_JSON},
    "examples": {"@id": "cr:examples", **_JSON},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
    **{name: f"cr:{name}" for name in _OF_CROISSANT},
}
_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "uint32": "cr:UInt32",
    "uint64": "cr:UInt64",
    "float": "cr:Float32",
    "double": "cr:Float64",
}


def croissant_of(facts: Facts, description: str) -> dict[str, Any]:
    """The content of croissant.json."""
    card = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": facts.said("title"),
        "description": description,
        "license": _licence(facts),
        "url": facts.said("address"),
        "creator": _somebody(facts),
        "publisher": _somebody(facts),
        "datePublished": facts.said("date"),
        "inLanguage": [
            short_language(code) for code in facts.languages if code != UNKNOWN_LANGUAGE
        ],
        "isLiveDataset": False,
        "keywords": ["text", "web", "training"],
        "version": facts.publisher.version,
        "citeAs": facts.publisher.citation,
        **_provenance(facts),
        "distribution": [*_files(facts.whole), *map(_file_set, facts.groups)],
        "recordSet": [_records(group, facts.schema) for group in facts.groups],
    }
    return {name: value for name, value in card.items() if value not in (None, [])}


def _licence(facts: Facts) -> str:
    licence = facts.said("licence")
    is_named = licence != MISSING and "://" not in licence
    return f"https://spdx.org/licenses/{licence}" if is_named else licence


def _somebody(facts: Facts) -> dict[str, str]:
    named = {"@type": "sc:Organization", "name": facts.said("name")}
    contact = facts.said("contact")
    if "://" in contact:
        return {**named, "url": contact}
    return {**named, "email": contact}


def _provenance(facts: Facts) -> dict[str, Any]:
    crawls = [crawl for crawl in facts.crawls if crawl is not None]
    recipes = ", ".join(
        f"{run} {hash_}".strip() for run, hash_ in facts.recipes.items()
    )
    return {
        "prov:wasDerivedFrom": [
            {"@type": "prov:Entity", "prov:label": crawl} for crawl in crawls
        ],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"tamis {facts.summary.get('tamis', '')}, recipe {recipes}",
        },
    }


def _files(group: Group) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": one.shard["path"],
            "name": one.shard["path"],
            "contentUrl": one.shard["path"],
            "contentSize": f"{one.shard['bytes']} B",
            "encodingFormat": _PARQUET,
            "sha256": one.sha256,
        }
        for one in group.shards
    ]


def _file_set(group: Group) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": _set_id(group),
        "name": _set_id(group),
        "includes": group.pattern,
        "encodingFormat": _PARQUET,
    }


def _set_id(group: Group) -> str:
    return "shards" if group.name == DEFAULT else f"shards-{group.name}"


def _records(group: Group, schema: pa.Schema) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": group.name,
        "name": group.name,
        "description": f"{group.rows} rows, each a document as often as it was drawn",
        "field": [_field(group, field) for field in schema],
    }


def _field(group: Group, field: pa.Field) -> dict[str, Any]:
    type_ = field.type
    found: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{group.name}/{field.name}",
        "name": field.name,
        "dataType": _type(type_.value_type if pa.types.is_list(type_) else type_),
        "source": {
            "fileSet": {"@id": _set_id(group)},
            "extract": {"column": field.name},
        },
    }
    if pa.types.is_list(type_):
        found |= {"isArray": True, "arrayShape": "-1"}
    return found


def _type(type_: pa.DataType) -> str:
    return "sc:DateTime" if pa.types.is_timestamp(type_) else _TYPES[str(type_)]
