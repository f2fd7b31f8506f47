"""A card says what the records hold, and others read it: Hugging Face and Croissant."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import xxhash
import yaml
from conftest import ROOT

import tamis
from tamis.publishing.card import _size_category
from tamis.recipe.top import Publisher
from tamis.storage.records import sealed

PUBLISHER = Publisher(
    name="Les Archives du canal",
    contact="corpus@canal.example",
    licence="ODC-By-1.0",
    title="Canal | 2026",
    address="https://canal.example/corpus",
    date="2026-11-30",
    version="1.2.0",
    citation="Canal, 2026",
    model="Péniche 7B",
)


def header(folder: Path) -> dict[str, Any]:
    text = (folder / "README.md").read_text("utf-8")
    found: dict[str, Any] = yaml.safe_load(text.split("\n---\n")[0])
    return found


def croissant(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_text("utf-8"))
    return found


@pytest.fixture
def card(out: Path) -> Path:
    assert tamis.card(out, publisher=PUBLISHER) == []
    return out


@pytest.fixture
def by_language(out: Path) -> Path:
    """The mix, a folder for each language."""
    manifest = json.loads((out / "mix" / "_manifest.json").read_text("utf-8"))
    del manifest["digest"]
    mix = pa.concat_tables(
        [pq.read_table(out / shard["path"]) for shard in manifest["shards"]]
    )
    shutil.rmtree(out / "mix")
    manifest["shards"] = []
    for language in manifest["languages"]:
        path = out / "mix" / language / "shard-000000.parquet"
        path.parent.mkdir(parents=True)
        own = mix.filter(pc.equal(mix["language"], language))
        pq.write_table(own, path)
        about = {"path": f"mix/{language}/{path.name}", "rows": own.num_rows}
        digest = f"xxh3_64:{xxhash.xxh3_64_hexdigest(path.read_bytes())}"
        size = path.stat().st_size
        manifest["shards"].append({**about, "bytes": size, "digest": digest})
    (out / "mix" / "_manifest.json").write_bytes(sealed(manifest, indent=1))
    assert tamis.card(out, publisher=PUBLISHER) == []
    return out


def test_the_header_says_what_the_manifest_has(card: Path) -> None:
    manifest = json.loads((card / "mix" / "_manifest.json").read_text("utf-8"))
    shards = manifest["shards"]
    found = header(card)
    assert found["pretty_name"] == "Canal | 2026"
    assert found["license"] == "odc-by"
    assert {"fr", "en", "ar", "zh"} <= set(found["language"])
    assert len(found["language"]) == len(manifest["languages"])
    assert found["size_categories"] == ["n<1K"]
    assert found["source_datasets"] == ["original"]  # the samples are of no crawl
    assert [one["config_name"] for one in found["configs"]] == ["default"]
    (info,) = found["dataset_info"]
    (split,) = info["splits"]
    assert split["num_examples"] == sum(shard["rows"] for shard in shards)
    assert info["download_size"] == sum(shard["bytes"] for shard in shards)
    schema = pq.read_schema(card / shards[0]["path"])
    assert [one["name"] for one in info["features"]] == schema.names


def test_the_header_parses_as_hugging_face_parses_it(card: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is absent")
    parsed = hub.DatasetCard.load(card / "README.md").data.to_dict()
    assert parsed["pretty_name"] == "Canal | 2026"
    assert parsed["license"] == "odc-by"
    assert parsed["task_categories"] == ["text-generation"]


def test_what_only_the_publisher_knows_is_never_invented(
    out: Path, command: Callable[..., Any]
) -> None:
    ended = command("card", str(out))
    assert ended.code == 0
    names = ("name", "contact", "licence", "title", "address", "date")
    assert ended.stderr.splitlines() == [
        f"publisher.{name}: TO BE PROVIDED" for name in names
    ]
    assert header(out)["license"] == header(out)["pretty_name"] == "TO BE PROVIDED"
    found = croissant(out)
    assert found["creator"]["name"] == found["datePublished"] == "TO BE PROVIDED"
    assert found["license"] == found["url"] == "TO BE PROVIDED"
    text = (out / "README.md").read_text("utf-8")
    for title in ("published by", "contact", "licence", "address", "date"):
        assert f"| {title} | TO BE PROVIDED |" in text


def test_the_publisher_of_the_recipe_is_that_of_the_run(
    tmp_path: Path, tamis_on: Callable[..., Any], small_archive: bytes
) -> None:
    (tmp_path / "small.warc.gz").write_bytes(small_archive)
    run = tamis_on(tmp_path / "out").run(
        f"input={tmp_path}/small.warc.gz", "publisher.name=Canal", "publisher.title=K"
    )
    assert run["recipe"]["publisher"] == {"name": "Canal", "title": "K"}
    missing = tamis.card(tmp_path / "out")
    assert missing == ["contact", "licence", "address", "date"]
    assert croissant(tmp_path / "out")["publisher"]["name"] == "Canal"


def test_a_recipe_gives_a_publisher_to_a_run_that_ended(
    out: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    recipe = tmp_path / "stages.yaml"
    text = (ROOT / "stages.yaml").read_text("utf-8")
    text = text.replace("samples/", f"{ROOT}/samples/")
    recipe.write_text(f"{text}\npublisher: {{licence: CC-BY-4.0}}\n", "utf-8")
    ended = command("card", str(out), "--recipe", str(recipe))
    assert ended.code == 0, ended.stderr
    assert "licence" not in ended.stderr
    assert header(out)["license"] == "cc-by-4.0"
    assert croissant(out)["license"] == "https://spdx.org/licenses/CC-BY-4.0"


def test_a_licence_that_hugging_face_does_not_know_is_linked(out: Path) -> None:
    tamis.card(out, publisher=Publisher(licence="EUPL-1.2"))
    found = header(out)
    assert found["license"] == "other"
    assert found["license_link"] == "https://spdx.org/licenses/EUPL-1.2"
    tamis.card(out, publisher=Publisher(licence="https://canal.example/terms"))
    assert header(out)["license_link"] == "https://canal.example/terms"
    assert croissant(out)["license"] == "https://canal.example/terms"


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (123_456, "100K<n<1M"),
        (2_000_000_000, "1B<n<10B"),
        (10**12, "n>1T"),
    ],
)
def test_sizes_are_those_of_hugging_face(rows: int, category: str) -> None:
    assert _size_category(rows) == category


def test_every_shard_has_its_sha256(card: Path) -> None:
    files = {
        one["contentUrl"]: one["sha256"]
        for one in croissant(card)["distribution"]
        if one["@type"] == "cr:FileObject"
    }
    assert files == {
        f"mix/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (card / "mix").glob("*.parquet")
    }
    assert tamis.verify(card).wrong == []


def test_a_card_of_another_mix_is_found_by_verify(card: Path) -> None:
    text = (card / "croissant.json").read_text("utf-8")
    sha256 = croissant(card)["distribution"][0]["sha256"]
    changed = text.replace(sha256, sha256[::-1])
    (card / "croissant.json").write_text(changed, "utf-8")
    (line,) = tamis.verify(card).wrong
    assert "sha256 that croissant.json has" in line
    (card / "croissant.json").write_text("[]", "utf-8")
    (line,) = tamis.verify(card).wrong
    assert "is no card that `tamis card` wrote" in line


def test_a_card_is_the_same_every_time(card: Path) -> None:
    before = [(card / name).read_bytes() for name in ("README.md", "croissant.json")]
    tamis.card(card, publisher=PUBLISHER)
    after = [(card / name).read_bytes() for name in ("README.md", "croissant.json")]
    assert before == after


def test_a_card_names_no_folder_of_the_machine(card: Path) -> None:
    for name in ("README.md", "croissant.json"):
        text = (card / name).read_text("utf-8")
        assert str(ROOT) not in text
        assert str(card) not in text
    assert "- blocklists" in (card / "README.md").read_text("utf-8")


def test_a_readme_of_somebody_else_stays(out: Path) -> None:
    (out / "README.md").write_text("My own words.", "utf-8")
    with pytest.raises(tamis.TamisError, match="is no card"):
        tamis.card(out)
    assert (out / "README.md").read_text("utf-8") == "My own words."
    assert not (out / "croissant.json").exists()


def test_words_of_the_publisher_are_no_markup(out: Path) -> None:
    tamis.card(out, publisher=Publisher(title="<b>A</b> | [b](c)\n---\nlicense: mit"))
    assert header(out)["license"] == "TO BE PROVIDED"
    text = (out / "README.md").read_text("utf-8")
    assert text.count("\n---\n") == 1
    assert "<b>" not in text.split("\n---\n")[1]


def test_a_release_has_a_card_of_all_its_runs(corpus: Path) -> None:
    release = next((corpus / "releases").iterdir())
    tamis.card(release, publisher=PUBLISHER)
    text = (release / "README.md").read_text("utf-8")
    made = json.loads((release / "release.json").read_text("utf-8"))
    assert all(f"{run} `{hash_}`" in text for run, hash_ in made["runs"].items())
    stages = made["figures"]["stages"]
    assert f"| read_warc | {stages['read_warc']['in']:,} |" in text
    assert tamis.verify(corpus).wrong == []


def test_a_run_without_a_mix_has_no_card(corpus: Path) -> None:
    with pytest.raises(tamis.TamisError, match="a card is for a mix"):
        tamis.card(corpus / "runs" / "crawl-0")


def test_a_mix_by_language_has_a_config_for_each(by_language: Path) -> None:
    found = header(by_language)
    languages = sorted(path.name for path in (by_language / "mix").glob("*/"))
    names = [one["config_name"] for one in found["configs"]]
    assert names == ["default", *languages]
    infos = {one["config_name"]: one for one in found["dataset_info"]}
    for name in languages:
        (split,) = infos[name]["splits"]
        path = by_language / "mix" / name / "shard-000000.parquet"
        assert split["num_examples"] == pq.read_metadata(path).num_rows
    ids = [one["@id"] for one in croissant(by_language)["recordSet"]]
    assert ids == names


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_the_folder(card: Path, tmp_path: Path, streaming: bool) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is absent")
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(
        str(card), split="train", streaming=streaming, cache_dir=cache
    )
    expected = tamis.Run(card).mix().to_table()
    rows = list(loaded)
    assert len(rows) == expected.num_rows
    ids = sorted(row["id"] for row in rows)
    assert ids == sorted(expected["id"].to_pylist())
    assert loaded.features.arrow_schema.names == expected.schema.names
    assert rows[0].keys() == set(expected.schema.names)


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_a_language_by_its_name(
    by_language: Path, tmp_path: Path, streaming: bool
) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is absent")
    cache = str(tmp_path / "cache")
    place = str(by_language)
    assert datasets.get_dataset_config_names(place)[0] == "default"
    own = datasets.load_dataset(
        place, "fra", split="train", streaming=streaming, cache_dir=cache
    )
    assert {row["language"] for row in own} == {"fra"}
    every = datasets.load_dataset(
        place, split="train", streaming=streaming, cache_dir=cache
    )
    assert len({row["language"] for row in every}) > 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib
@pytest.mark.parametrize("layout", ["card", "by_language"])
def test_croissant_validates_and_reads_records(
    layout: str, request: pytest.FixtureRequest
) -> None:
    croissants = pytest.importorskip("mlcroissant", reason="mlcroissant is absent")
    folder: Path = request.getfixturevalue(layout)
    place = folder / "croissant.json"
    script = "from mlcroissant.scripts.validate import main; from absl import app; app.run(main)"
    ended = subprocess.run(
        [sys.executable, "-c", script, f"--jsonld={place}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "error(s)" not in ended.stderr
    assert "warning(s)" not in ended.stderr
    dataset = croissants.Dataset(str(place))
    names = [one.uuid for one in dataset.metadata.record_sets]
    rows = list(dataset.records(names[-1]))
    pattern = "*.parquet" if layout == "card" else f"{names[-1]}/*.parquet"
    expected = [
        id_
        for path in (folder / "mix").glob(pattern)
        for id_ in pq.read_table(path, columns=["id"])["id"].to_pylist()
    ]
    assert sorted(row[f"{names[-1]}/id"] for row in rows) == sorted(expected)
    assert all(row[f"{names[-1]}/text"] for row in rows)
