"""The barrier on documents made by hand."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tamis.documents.parts import Part, Published
from tamis.errors import ConfigError
from tamis.mix import domains as mix_domains
from tamis.mix import pieces as mix_pieces
from tamis.mix import rows as mix_rows
from tamis.mix import shuffle as mix_shuffle
from tamis.mix.kernels.cut import cut_of
from tamis.mix.kernels.order import shuffle_key
from tamis.stages import mix_corpus
from tamis.stages.mix_corpus import MixCorpus
from tamis.storage import Storage
from tamis.work.commits import Outputs, fingerprint_of
from tamis.work.executors import InlineExecutor
from tamis.work.tasks import Silent, Tasks

TEXTS = (
    "Bonjour à tous",
    "Привет всем",
    "你好，大家",
    "مرحبا بالجميع",
    "สวัสดีทุกคน",
    "नमस्ते",
)
DOCUMENTS = pa.schema(
    [
        ("id", pa.uint64()),
        ("url", pa.string()),
        ("domain", pa.string()),
        ("warc_path", pa.string()),
        ("text", pa.string()),
        ("text_chars", pa.int64()),
        ("language", pa.string()),
        ("drop_reason", pa.string()),
    ]
)
DECISIONS = pa.schema([DOCUMENTS.field(name) for name in ("id", "drop_reason")])
Row = dict[str, Any]


def row(id_: int, **columns: Any) -> Row:
    text = columns.get("text", f"{TEXTS[id_ % 6]} {id_}")
    language = ("fra", "rus", "zho", "ara", "tha", "hin")[id_ % 6]
    known = {"id": id_, "text": text, "text_chars": len(text), "language": language}
    return {**known, "domain": f"d{id_ % 5}.example", **columns}


def saved(
    storage: Storage, rows: Sequence[Row], *, parts: int = 1, more: Any = ()
) -> list[Part]:
    schema = pa.schema([*DOCUMENTS, *more])
    found = []
    for number, some in enumerate(np.array_split(np.arange(len(rows)), parts)):
        outputs = Outputs(storage, f"part-{number}")
        table = pa.Table.from_pylist([rows[index] for index in some], schema)
        with outputs.parquet("documents", schema) as writer:
            writer.write_table(table, row_group_size=7)
        with outputs.parquet("decisions", DECISIONS) as writer:
            writer.write_table(table.select(["id", "drop_reason"]))
        documents, decisions = outputs.files
        fingerprint = fingerprint_of([documents.path, decisions.path])
        found.append(Part(outputs.key, fingerprint, (documents,), (decisions,)))
    return found


def mixed(
    folder: Path,
    rows: Sequence[Row],
    *,
    parts: int = 1,
    more: Any = (),
    **settings: Any,
) -> tuple[Storage, Published]:
    storage = Storage(str(folder))
    config = MixCorpus(**{"seed": 7, "alpha": 1.0, **settings})
    documents = saved(storage, rows, parts=parts, more=more)
    return storage, config.run(documents, Tasks(storage, InlineExecutor()))


def rows_in(storage: Storage, result: Published) -> list[Row]:
    return [
        row
        for file in result.files
        for row in pq.read_table(storage.path(file.path)).to_pylist()
    ]


def shards(storage: Storage, result: Published) -> dict[str, bytes]:
    return {file.path: storage.open(file.path).read() for file in result.files}


def test_the_mix_is_in_the_order_of_its_shuffle_keys(tmp_path: Path) -> None:
    rows = [row(id_) for id_ in range(300)]
    storage, result = mixed(tmp_path, rows, parts=3, shard_bytes=20_000)
    found = rows_in(storage, result)
    keys = shuffle_key(7, np.arange(300, dtype=np.uint64))
    assert [row["id"] for row in found] == np.argsort(keys).tolist()
    assert {row["id"]: row["text"] for row in found} == {
        row["id"]: row["text"] for row in rows
    }
    assert len(result.files) > 5
    assert result.files[0].path.startswith("mix/shard-000000-")


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so low that some hundred rows reach them."""
    monkeypatch.setattr(mix_shuffle, "_ROW_GROUP_ROWS", 13)
    monkeypatch.setattr(mix_shuffle, "_ROW_GROUP_BYTES", 300)
    monkeypatch.setattr(mix_pieces, "_WAITING_BYTES", 2000)
    monkeypatch.setattr(mix_rows, "_BATCH_BYTES", 100)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("shard_bytes", [3_000, 12_000, 1 << 20])
def test_buckets_and_levels_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int
) -> None:
    rows = [row(id_) for id_ in range(80)]
    expected: dict[str, bytes] | None = None
    for number, (bucket_bytes, max_ways) in enumerate(
        [(1 << 30, 256), (5_000, 256), (2_500, 3)]
    ):
        limited = partial(cut_of, max_ways=max_ways)
        monkeypatch.setattr(mix_corpus, "cut_of", limited)
        storage, result = mixed(
            tmp_path / str(number),
            rows,
            parts=1 + number,
            shard_bytes=shard_bytes,
            bucket_bytes=bucket_bytes,
        )
        expected = expected or shards(storage, result)
        assert shards(storage, result) == expected
    levels = {name.split("/")[1] for name in storage.names("commits")}
    assert {"mix_corpus-rescatter-1", "mix_corpus-rescatter-2"} <= levels


@pytest.mark.usefixtures("small_pieces")
def test_a_row_group_ends_by_rows_or_by_bytes(tmp_path: Path) -> None:
    rows = [row(id_, text="x" * (10 if id_ < 26 else 301)) for id_ in range(30)]
    storage, result = mixed(tmp_path, rows)
    metadata = pq.read_metadata(storage.path(result.files[0].path))
    groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sum(groups) == 30
    assert max(groups) <= 13
    texts = pq.read_table(storage.path(result.files[0].path))["text"].to_pylist()
    ends = np.cumsum(groups).tolist()
    # Each long text ends the row group that it stands in.
    assert [n + 1 for n, text in enumerate(texts) if len(text) == 301] == [
        end for end in ends if len(texts[end - 1]) == 301
    ]


def test_documents_are_repeated_for_the_copies_that_there_were(tmp_path: Path) -> None:
    sizes = [("cluster_size", pa.uint32())]
    copies = {1: 1, 2: 2, 3: 4, 4: 50, 5: 500, 6: 5000, 7: None}
    rows = [row(id_, language="fra", cluster_size=n) for id_, n in copies.items()]
    storage, result = mixed(tmp_path, rows, more=sizes, rehydrate="fineweb2")
    taken: dict[int, list[int]] = {}
    for found in rows_in(storage, result):
        taken.setdefault(found["id"], []).append(found["epoch"])
    times = {1: 1, 2: 2, 3: 3, 4: 5, 5: 8, 6: 1, 7: 1}
    assert {id_: sorted(epochs) for id_, epochs in taken.items()} == {
        id_: list(range(n)) for id_, n in times.items()
    }
    counted = result.manifests["mix/_manifest.json"]["languages"]["fra"]
    assert (counted["documents"], counted["rows"]) == (7, 21)


def test_copies_weigh_before_languages_do(tmp_path: Path) -> None:
    """French brings 1 document of 9 copies taken 9 times, German 3 taken once: 3 to 1."""
    sizes = [("cluster_size", pa.uint32())]
    rows = [row(1, language="fra", text="x" * 58, cluster_size=9)]
    rows += [row(n, language="deu", text="x" * 58, cluster_size=1) for n in (2, 3, 4)]
    _, result = mixed(tmp_path, rows, more=sizes, rehydrate={2: 9}, budget_tokens=10**9)
    languages = result.manifests["mix/_manifest.json"]["languages"]
    assert {name: about["rows"] for name, about in languages.items()} == {
        "fra": 36,  # and all of it as often as max_epochs allows
        "deu": 12,
    }


def test_a_size_of_weight_nought_is_left_out(tmp_path: Path) -> None:
    sizes = [("cluster_size", pa.uint32())]
    rows = [row(n, language="fra", cluster_size=n) for n in (1, 1000)]
    storage, result = mixed(tmp_path, rows, more=sizes, rehydrate={1000: 0})
    assert [found["id"] for found in rows_in(storage, result)] == [1]
    layer = pq.read_table(storage.path(result.layers[0].path)).to_pylist()
    assert [found["drop_reason"] for found in layer] == [None, "not_sampled"]


def test_repeats_need_cluster_sizes() -> None:
    assert "cluster_size" in MixCorpus(rehydrate="fineweb2").columns_read()
    assert "cluster_size" not in MixCorpus().columns_read()
    with pytest.raises(ValidationError):
        MixCorpus(rehydrate={0: 2})


def test_the_mix_carries_what_the_recipe_measured(tmp_path: Path) -> None:
    rights = pa.struct([("tdm", pa.bool_()), ("license", pa.string())])
    more = [
        ("quality_score", pa.float32()),
        ("rights", rights),
        ("markdown", pa.string()),
    ]
    licensed = {"license": "cc-by-4.0"}
    rows = [
        row(1, quality_score=0.5, rights=licensed, markdown="# Гавань"),
        row(2),
    ]
    storage, result = mixed(tmp_path / "a", rows, more=more)
    found = {row["id"]: row for row in rows_in(storage, result)}
    assert (found[1]["quality_score"], found[1]["rights_license"]) == (0.5, "cc-by-4.0")
    assert (found[2]["quality_score"], found[2]["rights_license"]) == (None, None)
    assert [found[id_]["markdown"] for id_ in (1, 2)] == ["# Гавань", None]
    storage, result = mixed(tmp_path / "b", [row(1)])
    (only,) = rows_in(storage, result)
    assert (only["quality_score"], only["rights_license"]) == (None, None)
    assert only["markdown"] is None


def domain_rows() -> list[Row]:
    """One domain with 300 of 600 documents, 250 of small ones, 50 of none."""
    rows = []
    for id_ in range(600):
        domain: str | None = f"small{id_}.example"
        domain = "giant.example" if id_ < 300 else domain
        domain = None if id_ >= 550 else domain
        rows.append(row(id_, language="eng", text="y" * 40, domain=domain))
    return rows


def test_no_domain_has_more_than_its_share(tmp_path: Path) -> None:
    """The giant may keep c = 0.2 (c + 300 documents) = 75 of its 300."""
    storage, result = mixed(tmp_path, domain_rows(), max_share_per_domain=0.2)
    found = [row["domain"] for row in rows_in(storage, result)]
    assert found.count("giant.example") == pytest.approx(75, abs=20)
    assert len(found) - found.count("giant.example") == 300
    layer = pq.read_table(storage.path(result.layers[0].path)).to_pylist()
    assert {row["drop_reason"] for row in layer[300:]} == {None}
    assert "domain_share" in {row["drop_reason"] for row in layer[:300]}


def test_domains_are_summed_alike_however_many_tasks_do_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = shards(*mixed(tmp_path / "a", domain_rows(), max_share_per_domain=0.01))
    monkeypatch.setattr(mix_domains, "_MERGED_ROWS", 20)
    storage, result = mixed(
        tmp_path / "b", domain_rows(), parts=8, max_share_per_domain=0.01
    )
    assert shards(storage, result) == expected
    merged = storage.names("commits/mix_corpus-largest")
    assert len(merged) > 5


def test_a_language_has_one_weight() -> None:
    with pytest.raises(ValidationError, match="eng and en are one language"):
        MixCorpus(weights={"eng": 1, "fra": 2, "en": 5})
    with pytest.raises(ValidationError, match="zh and cmn are one language"):
        MixCorpus(weights={"zh": 1, "cmn": 1})


def test_weights_that_no_document_has_are_a_mistake(tmp_path: Path) -> None:
    rows = [row(id_, language="tha") for id_ in range(9)]
    weights = {"deu": 1.0, "fra": 2.0, "tha": 0.0}
    with pytest.raises(ConfigError, match="for deu, fra, and the documents are in tha"):
        mixed(tmp_path / "a", rows, weights=weights)
    _, result = mixed(tmp_path / "b", [], weights=weights)
    assert result.files == ()


def test_a_weight_without_documents_is_noted(tmp_path: Path) -> None:
    notes: list[str] = []

    class Noted(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    storage = Storage(str(tmp_path))
    rows = [row(id_, language="tha") for id_ in range(9)]
    config = MixCorpus(weights={"tha": 1.0, "fra": 1.0, "deu": 0.0})
    config.run(saved(storage, rows), Tasks(storage, InlineExecutor(), Noted()))
    assert notes == ["mix_corpus.weights: no document is in fra"]


def test_another_version_finds_its_caps_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def records() -> set[str]:
        storage, _ = mixed(tmp_path, domain_rows(), max_share_per_domain=0.2)
        return {
            name
            for group in ("domains", "largest", "caps")
            for name in storage.names(f"commits/mix_corpus-{group}")
        }

    before = records()
    assert records() == before
    monkeypatch.setattr(MixCorpus, "version", MixCorpus.version + 1)
    assert len(records() - before) == len(before) == 3


def test_nothing_to_mix_makes_no_shard(tmp_path: Path) -> None:
    rows = [row(1, drop_reason="toxic_words")]
    for number, some in enumerate(([], rows)):
        storage, result = mixed(tmp_path / str(number), some)
        assert result.files == ()
        assert len(result.layers) == 1
    table = pq.read_table(storage.path(result.layers[0].path))
    assert table["copies"].to_pylist() == [0]
