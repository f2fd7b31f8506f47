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

from tamis.cutoffs import find as cutoffs_find
from tamis.documents.parts import Part, Published
from tamis.errors import ConfigError
from tamis.mix import domains as mix_domains
from tamis.mix import pieces as mix_pieces
from tamis.mix import rows as mix_rows
from tamis.mix import shuffle as mix_shuffle
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


def mixed_by_ways(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: Any,
    cut: str,
    **settings: Any,
) -> Any:
    """The rows in one bucket, in several, and cut twice: the same shards by each way."""
    expected: dict[str, bytes] | None = None
    whole = getattr(mix_corpus, cut)
    for number, (bucket_bytes, max_ways) in enumerate(
        [(1 << 30, 256), (5_000, 256), (2_500, 3)]
    ):
        monkeypatch.setattr(mix_corpus, cut, partial(whole, max_ways=max_ways))
        storage, result = mixed(
            folder / str(number),
            rows,
            parts=1 + number,
            bucket_bytes=bucket_bytes,
            **settings,
        )
        expected = expected or shards(storage, result)
        assert shards(storage, result) == expected
    return storage, result


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("shard_bytes", [3_000, 12_000, 1 << 20])
def test_buckets_and_levels_change_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int
) -> None:
    rows = [row(id_) for id_ in range(80)]
    storage, _ = mixed_by_ways(
        tmp_path, monkeypatch, rows, "cut_of", shard_bytes=shard_bytes
    )
    levels = {name.split("/")[1] for name in storage.names("commits")}
    assert {"mix_corpus-rescatter-1", "mix_corpus-rescatter-2"} <= levels


@pytest.mark.usefixtures("small_pieces")
def test_each_language_has_a_folder_of_shuffled_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(id_) for id_ in range(240)]
    rows += [row(id_, language=None) for id_ in range(240, 250)]
    rows += [row(id_, language="../up") for id_ in range(250, 255)]
    storage, result = mixed_by_ways(
        tmp_path,
        monkeypatch,
        rows,
        "cut_by_folder",
        shard_bytes=6_000,
        layout="by_language",
    )
    names = [file.path for file in result.files]
    folders = sorted({name.split("/")[1] for name in names})
    assert folders == ["ara", "fra", "hin", "rus", "tha", "unknown", "zho"]
    assert [n.partition("-")[2][:6] for n in names if "/fra/" in n] == [
        *("000000", "000001", "000002", "000003")
    ]
    keys = shuffle_key(7, np.arange(255, dtype=np.uint64))
    for file in result.files:
        ids = [one["id"] for one in pq.read_table(storage.path(file.path)).to_pylist()]
        assert ids == sorted(ids, key=lambda id_: int(keys[id_]))
    found = rows_in(storage, result)
    assert sorted(row["id"] for row in found) == list(range(255))
    manifest = result.manifests["mix/_manifest.json"]
    assert [shard["path"] for shard in manifest["shards"]] == names


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
    assert found.count("giant.example") == 75
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


def test_weights_whose_sum_is_no_number_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match="the sum of the weights is too large"):
        MixCorpus(weights={"eng": 1e308, "fra": 1e308})


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
    tasks = Tasks(storage, InlineExecutor(), Noted())
    result = config.run(saved(storage, rows), tasks)
    assert notes == ["mix_corpus.weights: no document is in fra"]
    assert result.tally["alarms"] == [
        "mix_corpus: 2 of 2 languages are off their share by more than 2% of it: "
        "fra 0.00% instead of 50.00% (no documents), "
        "tha 100.00% instead of 50.00% (others have less)",
    ]


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


def many_rows(rng: np.random.Generator, documents: int) -> list[Row]:
    """Texts from none to some thousand characters, in four languages, unevenly."""
    lengths = (rng.pareto(1.2, documents) * 90).clip(0, 5_000).astype(int)
    languages = rng.choice(
        ["eng", "fra", "jpn", "tha"], documents, p=[0.6, 0.3, 0.08, 0.02]
    )
    ids = rng.integers(0, 2**64, documents, dtype=np.uint64).tolist()
    return [
        row(id_, text="y" * length, language=str(language), cluster_size=int(size))
        for id_, length, language, size in zip(
            ids, lengths, languages, rng.choice([1, 2, 3, 9], documents), strict=True
        )
    ]


def in_key_order(taken: Sequence[Row], rows: Sequence[Row], times: float) -> bool:
    """Whether these are all copies of some epochs, and of the last one those with the
    smallest keys, of documents that are taken `times` an epoch each."""
    ids = np.array([one["id"] for one in rows], np.uint64)
    # The epoch of samples: which documents are taken does not follow the mix's order.
    keys = shuffle_key(7, ids, 2**62).tolist()
    every = sorted(
        ((copy + key / 2**64) / times, int(id_))
        for id_, key in zip(ids, keys, strict=True)
        for copy in range(50)
    )
    expected = sorted(id_ for _, id_ in every[: len(taken)])
    return sorted(one["id"] for one in taken) == expected


@pytest.mark.parametrize("seed", range(6))
def test_each_language_has_its_share_to_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Any weights, budgets and repeats; in any parts, with little room or much."""
    rng = np.random.default_rng(seed)
    rows = many_rows(rng, 600)
    weights = {name: int(rng.integers(1, 100)) for name in ("eng", "fra", "jpn", "tha")}
    settings: dict[str, Any] = {
        "weights": weights,
        "max_epochs": float(rng.uniform(1, 9)),
    }
    if seed % 3:
        settings["budget_tokens"] = int(rng.integers(3_000, 60_000))
    times = [1.0, 2.0, 1.5][seed % 3] if seed % 2 else 1.0
    if times != 1:
        settings["rehydrate"] = {1: times}
    sizes = [("cluster_size", pa.uint32())]
    storage, result = mixed(tmp_path / "a", rows, more=sizes, **settings)
    languages = result.manifests["mix/_manifest.json"]["languages"]
    found = rows_in(storage, result)
    largest = dict.fromkeys(weights, 0)
    for one in found:
        largest[one["language"]] = max(largest[one["language"]], one["tokens"])
    total = sum(weights.values())
    is_short = False
    for name, about in languages.items():
        taken = [one for one in found if one["language"] == name]
        assert about["got"]["tokens"] == sum(one["tokens"] for one in taken)
        assert about["wanted"]["share"] == pytest.approx(
            weights[name] / total, abs=1e-6
        )
        assert in_key_order(taken, [r for r in rows if r["language"] == name], times)
        epochs = settings["max_epochs"]
        own = [one for one in taken if one["epoch"] >= np.ceil(epochs * times)]
        assert own == []
        if about["reason"] == "max_epochs":
            is_short = True
            assert about["got"]["tokens"] < about["wanted"]["tokens"] + largest[name]
    assert weights.keys() == languages.keys()
    for name, about in languages.items():
        if is_short and "budget_tokens" in settings:
            break  # the others have what the short ones leave
        if about["reason"] != "max_epochs":
            over = about["got"]["tokens"] - about["wanted"]["tokens"]
            assert -1 <= over <= largest[name]
    expected = shards(storage, result)
    for number, (parts, most) in enumerate([(7, 1 << 22), (3, 50), (1, 0)]):
        monkeypatch.setattr(cutoffs_find, "_MOST_GATHERED", most)
        shuffled = [rows[n] for n in rng.permutation(len(rows))]
        folder = tmp_path / str(number)
        again = mixed(folder, shuffled, parts=parts, more=sizes, **settings)
        assert shards(*again) == expected
        assert again[1].manifests == result.manifests


def test_sixty_thirty_ten_is_sixty_thirty_ten(tmp_path: Path) -> None:
    rng = np.random.default_rng(60)
    names = rng.choice(["eng", "fra", "deu"], 8000, p=[0.2, 0.7, 0.1]).tolist()
    rows = [
        row(n, language=name, text="z" * int(size))
        for n, (name, size) in enumerate(
            zip(names, rng.lognormal(4, 0.8, 8000), strict=True)
        )
    ]
    weights = {"eng": 60, "fra": 30, "deu": 10}
    _, result = mixed(tmp_path, rows, weights=weights, budget_tokens=80_000)
    languages = result.tally["languages"]
    got = {name: about["got"]["share"] for name, about in languages.items()}
    assert got == pytest.approx({"eng": 0.6, "fra": 0.3, "deu": 0.1}, abs=0.002)
    assert {about["reason"] for about in languages.values()} == {None}


def test_a_share_that_cannot_be_reached_says_why(tmp_path: Path) -> None:
    """French is of one domain, German three pages, and Dutch nothing; two epochs."""
    rows = [
        row(
            n,
            text="x" * 40,
            language=language,
            domain="giant.example" if language == "fra" else f"d{n}.example",
        )
        for n, language in enumerate(["eng"] * 60 + ["fra"] * 60 + ["deu"] * 3)
    ]
    rows += [row(n, text="x" * 40, language="fra") for n in range(200, 203)]
    settings: dict[str, Any] = {
        "weights": {"eng": 0.3, "fra": 0.3, "deu": 0.3, "nld": 0.1},
        "budget_tokens": 3_000,
        "max_epochs": 2,
        "max_share_per_domain": 0.4,
    }
    _, result = mixed(tmp_path, rows, **settings)
    languages = result.tally["languages"]
    assert {name: about["reason"] for name, about in languages.items()} == {
        "deu": "max_epochs",
        "eng": "others",
        "fra": "max_share_per_domain",
        "nld": "no_documents",
    }
    assert languages["nld"]["wanted"] == {"share": 0.1, "tokens": 300}
    assert languages["nld"]["got"] == {"share": 0.0, "tokens": 0}


def test_a_language_is_drawn_from_what_its_domains_may_keep(tmp_path: Path) -> None:
    """The giant is cut to a fifth first; the budget then takes half of what is left."""
    budget = 300 * 10
    rows = domain_rows()
    storage, result = mixed(
        tmp_path, rows, max_share_per_domain=0.2, budget_tokens=budget
    )
    found = rows_in(storage, result)
    tokens = sum(one["tokens"] for one in found)
    assert 0 <= tokens - budget < found[0]["tokens"]
    giant = sum(one["domain"] == "giant.example" for one in found)
    assert giant / len(found) == pytest.approx(0.2, abs=0.05)
    layer = pq.read_table(storage.path(result.layers[0].path)).to_pylist()
    reasons = [one["drop_reason"] for one in layer]
    assert reasons.count("domain_share") == 225
    assert reasons.count("not_sampled") == 375 - len(found)


def test_documents_without_tokens_stay_if_nothing_is_left_out(tmp_path: Path) -> None:
    rows = [row(n, language="fra", text="" if n % 3 else "mot " * n) for n in range(30)]
    storage, result = mixed(tmp_path, rows)
    assert len(rows_in(storage, result)) == 30


def test_a_share_that_only_a_cut_document_would_meet_is_no_alarm(
    tmp_path: Path,
) -> None:
    """Half of 40 tokens is less than one of the English documents has."""
    rows = [row(n, language="eng", text="x" * 130) for n in range(3)]
    rows += [row(n, language="fra", text="x" * 40) for n in range(3, 12)]
    weights = {"eng": 1, "fra": 1}
    _, result = mixed(tmp_path, rows, weights=weights, budget_tokens=40)
    reasons = {
        name: about["reason"] for name, about in result.tally["languages"].items()
    }
    assert reasons == dict.fromkeys(weights, "whole_documents")
    assert result.tally["alarms"] == []
