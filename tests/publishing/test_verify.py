"""What was published is as its records say, or `tamis verify` says what is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

import tamis
from tamis.storage.parquet import footer_digest

Change = Callable[[Path, Callable[[dict[str, Any]], None]], None]


def first(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[0]


def renamed_by_content(path: Path) -> Path:
    """The file under the name that a writer would have given it."""
    stem = path.name.rpartition("-")[0]
    with path.open("rb") as file:
        footer = footer_digest(file)
    digest = xxhash.xxh3_64_hexdigest(path.read_bytes())
    return path.rename(path.with_name(f"{stem}-{digest}{footer}.parquet"))


def test_a_run_is_as_its_records_say(out: Path, command: Callable[..., Any]) -> None:
    ended = command("verify", str(out))
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("verified: ")
    found = tamis.verify(out)
    published = ("mix", "dropped", "documents", "extracted", "duplicates", "mixed")
    files = [path for name in published for path in (out / name).glob("*.parquet")]
    assert found.files >= len(files)
    assert found.bytes >= sum(path.stat().st_size for path in files)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    "folder", ["mix", "dropped", "documents", "extracted", "decisions", "duplicates"]
)
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_flip, "its content has not the digest"),
        (_cut, "on record"),
        (Path.unlink, "the file is not there"),
    ],
)
def test_a_file_that_is_not_as_it_was_is_named(
    out: Path, folder: str, spoil: Callable[[Path], None], said: str
) -> None:
    path = first(out, f"{folder}/*.parquet")
    spoil(path)
    (line,) = tamis.verify(out).wrong
    assert line.startswith(f"{folder}/{path.name}: ")
    assert said in line


def test_the_command_ends_with_1_and_a_list(
    out: Path, command: Callable[..., Any]
) -> None:
    spoiled = [first(out, f"{name}/*.parquet") for name in ("mix", "documents")]
    for path in spoiled:
        _flip(path)
    ended = command("verify", str(out))
    assert ended.code == 1
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == [
        f"documents/{spoiled[1].name}",
        f"mix/{spoiled[0].name}",
    ]
    assert "2 things are wrong" in ended.stderr


def test_a_stage_whose_numbers_do_not_add_up_is_named(
    out: Path, change: Change
) -> None:
    def keep_one_more(run: dict[str, Any]) -> None:
        run["stages"]["filter_quality"]["documents_out"] += 1

    change(out / "run.json", keep_one_more)
    wrong = tamis.verify(out).wrong
    assert any("filter_quality was given" in line for line in wrong)
    assert any("filter_quality kept" in line for line in wrong)
    assert any("other numbers than the records of the inputs" in line for line in wrong)


def test_a_dropped_page_that_is_not_in_dropped_is_missed_by_input(
    out: Path, change: Change
) -> None:
    """One row is taken out, and every record of the file says so: the counts do not."""
    path = first(out, "dropped/*.parquet")
    table = pq.read_table(path)
    gone = table.slice(0, 1).to_pylist()[0]
    pq.write_table(table.slice(1), path)
    new = renamed_by_content(path)

    def rename(tables: dict[str, Any]) -> None:
        for own in tables["inputs"].values():
            if own["dropped"] == f"dropped/{path.name}":
                own["dropped"] = f"dropped/{new.name}"

    def relist(record: dict[str, Any]) -> None:
        (file,) = record["files"]
        about = {"path": f"dropped/{new.name}", "rows": table.num_rows - 1}
        file |= {**about, "bytes": new.stat().st_size}

    change(out / "tables.json", rename)
    name = path.name.rpartition("-")[0]
    change(first(out, f"commits/dropped/{name}-*.json"), relist)
    wrong = tamis.verify(out).wrong
    own = f"{gone['stage']} dropped"
    assert [line.split(":")[0] for line in wrong] == ["run.json", name]
    assert all(own in line and gone["reason"] in line for line in wrong)


def test_another_document_in_the_mix_is_found(out: Path, change: Change) -> None:
    """A shard with another id, and a manifest that has its digest: the ids do not fit."""
    path = first(out, "mix/*.parquet")
    table = pq.read_table(path)
    ids = table["id"].to_pylist()
    ids[5] ^= 1
    table = table.set_column(0, table.schema.field("id"), pa.array(ids, pa.uint64()))
    pq.write_table(table, path)
    new = renamed_by_content(path)

    def relist(shards: list[dict[str, Any]], name: str) -> None:
        digest = f"xxh3_64:{new.name.rpartition('-')[2][:16]}"
        for shard in shards:
            if shard["path"] == f"mix/{path.name}":
                shard |= {"path": f"mix/{new.name}", "bytes": new.stat().st_size}
                shard |= {"digest": digest} if name == "shards" else {}

    change(out / "mix/_manifest.json", lambda m: relist(m["shards"], "shards"))
    for record in (out / "commits").rglob("*.json"):
        if path.name in record.read_text("utf-8"):
            change(record, lambda r: relist(r["files"], "files"))
    wrong = tamis.verify(out).wrong
    assert wrong == ["mix/: its rows are not those of the documents that the mix took"]


def test_counts_of_the_manifest_are_held_against_the_shards(
    out: Path, change: Change
) -> None:
    def lie(manifest: dict[str, Any]) -> None:
        manifest["languages"]["fra"]["tokens"] += 7
        manifest["languages"]["eng"]["rows"] -= 1

    change(out / "mix/_manifest.json", lie)
    wrong = tamis.verify(out).wrong
    assert len(wrong) == 2
    assert "rows in eng" in wrong[0]
    assert "tokens in fra" in wrong[1]


def test_what_is_in_mix_and_in_no_manifest_is_named(out: Path) -> None:
    (out / "mix" / "shard-extra.parquet").write_bytes(b"PAR1")
    (line,) = tamis.verify(out).wrong
    assert line.startswith("mix/shard-extra.parquet: ")


def test_a_record_that_is_gone_is_named(out: Path) -> None:
    record = first(out, "commits/decisions/*.json")
    record.unlink()
    wrong = tamis.verify(out).wrong
    assert f"commits/decisions/{record.name}: the record is not there" in wrong[0]


@pytest.mark.parametrize("name", ["run.json", "tables.json", "mix/_manifest.json"])
def test_a_record_with_a_flipped_bit_is_named(out: Path, name: str) -> None:
    _flip(out / name)
    (line,) = tamis.verify(out).wrong
    assert name in line
    assert "is damaged" in line


def test_an_empty_folder_has_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(tamis.TamisError, match=r"run\.json"):
        tamis.verify(tmp_path)


def test_a_corpus_is_verified_run_by_run_and_release_by_release(
    corpus: Path, command: Callable[..., Any]
) -> None:
    ended = command("verify", str(corpus))
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.strip().endswith("3 runs and releases")
    shard = first(corpus, "releases/*/mix/*.parquet")
    _flip(shard)
    saved = first(corpus, "runs/crawl-1/documents/*.parquet")
    saved.unlink()
    lines = tamis.verify(corpus).wrong
    release = shard.parent.parent.name
    assert lines == [
        f"runs/crawl-1: documents/{saved.name}: the file is not there",
        f"releases/{release}: mix/{shard.name}: its content has not the digest that its "
        f"name has",
    ]


def test_a_release_alone_is_verified_without_records(
    corpus: Path, change: Change
) -> None:
    release = first(corpus, "releases/*")
    assert not (release / "commits").exists()
    assert tamis.verify(release).wrong == []
    first(release, "ids/*.parquet").unlink()
    (line,) = tamis.verify(release).wrong
    assert line.startswith("ids/")

    def lie(made: dict[str, Any]) -> None:
        made["figures"]["documents"] += 1

    change(release / "release.json", lie)
    assert any(
        line.startswith("release.json: ") for line in tamis.verify(release).wrong
    )


def test_what_readers_are_told_must_be_there(corpus: Path, change: Change) -> None:
    change(corpus / "latest.json", lambda latest: latest.update(release="2020-01-01-a"))
    assert tamis.verify(corpus).wrong == [
        "latest.json: the release 2020-01-01-a is not there"
    ]
    assert json.loads((corpus / "corpus.json").read_text("utf-8"))["releases"]


def test_a_run_that_lost_records_adds_up(
    tmp_path: Path, samples: Path, tamis_on: Callable[..., Any]
) -> None:
    content = bytearray((samples / "samples-00000.warc.gz").read_bytes())
    for place in (60_000, 200_000, 480_000):
        content[place : place + 40] = bytes(40)
    (tmp_path / "damaged.warc.gz").write_bytes(content)
    (tmp_path / "none.warc.gz").write_bytes(b"no archive")
    run = tamis_on(tmp_path / "out").run(
        f"input={tmp_path}/*.warc.gz", "max_lost=1", "allow_missing_inputs=1"
    )
    assert run["lost"]["records"] > 0
    assert run["missing_inputs"]
    assert tamis.verify(tmp_path / "out").wrong == []
