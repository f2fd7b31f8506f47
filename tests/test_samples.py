"""The sample archives are what their README, their manifest and their builder say."""

import csv
import gzip
import hashlib
import re
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fastwarc.warc import ArchiveIterator as FastArchiveIterator
from fixtures.patience import patient
from warcio.archiveiterator import ArchiveIterator

NAMES = ("samples-00000.warc.gz", "samples-00001.warc.gz")
WANTED = frozenset(
    {"arb", "cmn", "deu", "ell", "eng", "fra", "hin", "ita", "jpn", "nld"}
    | {"pol", "por", "rus", "spa", "tha"}
)
UNWANTED = {"fin", "kor", "tur", "ukr"}
STAGES = frozenset(
    {"read_warc", "filter_url", "extract_text", "filter_language", "filter_quality"}
    | {"filter_toxicity", "deduplicate", "mix", "skipped"}
)
UNSPACED = {"cmn", "jpn", "tha"}

Row = dict[str, str]
Response = tuple[str, str, bytes]  # record id, URL, decoded body


@pytest.fixture(scope="module")
def manifest(samples: Path) -> list[Row]:
    return _tsv(samples / "manifest.tsv")


@pytest.fixture(scope="module")
def responses(samples: Path) -> list[Response]:
    """Every response and revisit as warcio reads it."""
    found = []
    for name in NAMES:
        with (samples / name).open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type in {"response", "revisit"}:
                    headers = record.rec_headers
                    found.append(
                        (
                            headers.get_header("WARC-Record-ID"),
                            headers.get_header("WARC-Target-URI"),
                            record.content_stream().read(),
                        )
                    )
    return found


@pytest.fixture(scope="module")
def rebuilt(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rebuilt")
    command = [sys.executable, str(samples / "build.py"), "--output", str(folder)]
    subprocess.run(command, check=True, timeout=patient(120))
    return folder


@pytest.fixture(scope="module")
def proses(samples: Path) -> dict[tuple[str, str], str]:
    """Articles by language and slug, read from the text files by this test alone."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sorted((samples / "texts").glob("???.txt")):
        slug = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("== "):
                slug = line[3:].split(" | ")[0]
            elif slug and line and not line.startswith(("    ", "| ")):
                found[path.stem, slug].append(re.sub(r"^\[\w+\] ", "", line))
    return {key: "\n".join(lines) for key, lines in found.items()}


@pytest.mark.skipif(
    "ng" in zlib.ZLIB_RUNTIME_VERSION, reason="zlib-ng packs the same bytes otherwise"
)
@pytest.mark.parametrize("name", [*NAMES, "manifest.tsv"])
def test_rebuilding_gives_the_committed_bytes(
    samples: Path, rebuilt: Path, name: str
) -> None:
    assert _sha256((rebuilt / name).read_bytes()) == _sha256(
        (samples / name).read_bytes()
    )


def test_the_archives_stay_under_2_mb(samples: Path) -> None:
    assert sum((samples / name).stat().st_size for name in NAMES) < 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_every_record_is_a_gzip_member_without_a_time(samples: Path, name: str) -> None:
    packed = (samples / name).read_bytes()
    plain, members = b"", 0
    while packed:
        assert packed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
        inflate = zlib.decompressobj(31)
        member = inflate.decompress(packed)
        assert member.startswith(b"WARC/1.1\r\n")
        plain, packed, members = plain + member, inflate.unused_data, members + 1
    assert members == 1 + 3 * sum(1 for _ in _responses_of(samples, name))
    assert plain == gzip.decompress((samples / name).read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_records_come_in_the_order_of_commoncrawl(samples: Path, name: str) -> None:
    with (samples / name).open("rb") as stream:
        kinds = [record.rec_type for record in ArchiveIterator(stream)]
    assert kinds[0] == "warcinfo"
    assert kinds[1::3] == ["request"] * len(kinds[1::3])
    assert set(kinds[2::3]) <= {"response", "revisit"}
    assert kinds[3::3] == ["metadata"] * len(kinds[1::3])


def test_fastwarc_reads_what_warcio_reads(
    samples: Path, manifest: list[Row], responses: list[Response]
) -> None:
    """Bodies too, but for those in transfer or content coding: left as they came."""
    found = []
    for name in NAMES:
        with (samples / name).open("rb") as stream:
            records = FastArchiveIterator(stream, strict_mode=False, auto_decode="none")
            for record in records:
                if record.headers["WARC-Type"] in {"response", "revisit"}:
                    record_id = record.headers["WARC-Record-ID"]
                    url = record.headers["WARC-Target-URI"]
                    found.append((record_id, url, record.reader.read()))
    coded = 0
    for row, mine, theirs in zip(manifest, found, responses, strict=True):
        assert mine[:2] == theirs[:2]
        is_coded = row["kind"] in {"gzip_body", "chunked_body", "gzip_chunked_body"}
        assert (mine[2] != theirs[2]) == is_coded, row["url"]
        coded += is_coded
    assert coded == 3


def test_digests_are_those_of_the_records(samples: Path) -> None:
    for name in NAMES:
        with (samples / name).open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                record.content_stream().read()


def test_the_manifest_names_every_response_once_and_in_order(
    manifest: list[Row], responses: list[Response]
) -> None:
    listed = [(row["record_id"], row["url"]) for row in manifest]
    assert listed == [(record_id, url) for record_id, url, _ in responses]
    assert len({record_id for record_id, _ in listed}) == len(listed)


def test_the_manifest_expects_only_what_stages_can_do(manifest: list[Row]) -> None:
    for row in manifest:
        assert set(row["expected"].split("|")) <= STAGES, row["url"]
        assert row["language"] in WANTED | UNWANTED | {""}


def test_every_host_is_reserved_for_examples(manifest: list[Row]) -> None:
    hosts = {row["url"].split("/")[2] for row in manifest}
    assert {host.rsplit(".", 1)[1] for host in hosts} == {"example"}


def test_every_language_has_its_articles(manifest: list[Row]) -> None:
    kept = [row for row in manifest if row["expected"] == "mix"]
    assert set(_languages(kept, at_least=10)) == WANTED
    others = [row for row in manifest if row["language"] in UNWANTED]
    assert set(_languages(others, at_least=2)) == UNWANTED
    assert {row["expected"] for row in others} == {"filter_language"}


def test_of_each_group_one_capture_stays(manifest: list[Row]) -> None:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in manifest:
        if row["group"]:
            groups[row["group"]].append(row)
    assert len(groups) == 23
    for rows in groups.values():
        outcomes = Counter(row["expected"] for row in rows)
        assert outcomes == {"mix": 1, "deduplicate": len(rows) - 1}


def test_exact_duplicates_are_the_bytes_of_an_earlier_page(
    manifest: list[Row], responses: list[Response]
) -> None:
    body_of = {record_id: body for record_id, _, body in responses}
    originals = {row["group"]: row for row in manifest if row["expected"] == "mix"}
    copies = [row for row in manifest if row["kind"] == "exact_duplicate"]
    assert len(copies) == 18
    for copy in copies:
        original = originals[copy["group"]]
        assert body_of[copy["record_id"]] == body_of[original["record_id"]]
        assert copy["url"] != original["url"]
        assert copy["fetched_at"] > original["fetched_at"]


def test_near_duplicates_have_the_jaccard_that_is_stated(
    samples: Path, proses: dict[tuple[str, str], str]
) -> None:
    for edit in _tsv(samples / "texts" / "edits.tsv"):
        language, prose = edit["language"], proses[edit["language"], edit["slug"]]
        assert prose.count(edit["old"]) == 1
        copy = prose.replace(edit["old"], edit["new"])
        found = _jaccard(_shingles(language, prose), _shingles(language, copy))
        assert found == pytest.approx(float(edit["jaccard"]), abs=0.0005)
        assert found >= 0.85
        assert len(copy) < len(prose), "the original must be the longest"


def test_a_dropped_sentence_is_counted_by_hand(
    samples: Path, proses: dict[tuple[str, str], str]
) -> None:
    """The last 10 words of 216 go: 202 of 212 five-grams are left."""
    prose = proses["fra", "moulin-maree"]
    assert len(re.findall(r"\w+", prose)) == 216
    edits = _tsv(samples / "texts" / "edits.tsv")
    (edit,) = [edit for edit in edits if edit["slug"] == "moulin-maree"]
    assert len(re.findall(r"\w+", edit["old"])) == 10
    assert float(edit["jaccard"]) == pytest.approx(202 / 212, abs=5e-4)


def test_pages_of_different_groups_are_no_near_duplicates(
    manifest: list[Row],
    responses: list[Response],
    proses: dict[tuple[str, str], str],
) -> None:
    """By the paragraphs of the text files that each page's bytes hold."""
    body_of = {record_id: body for record_id, _, body in responses}
    pages: dict[str, list[tuple[str, str, set[str]]]] = defaultdict(list)
    for row in manifest:
        if row["kind"] in {"article", "digest", "refetched"}:
            html = body_of[row["record_id"]].decode().replace("&#39;", "'")
            html = html.replace("&#34;", '"')
            paragraphs = [
                line
                for (language, _), prose in proses.items()
                if language == row["language"]
                for line in prose.split("\n")
                if line in html
            ]
            assert len(paragraphs) == 3 or row["expected"] == "deduplicate", row["url"]
            shingles = _shingles(row["language"], "\n".join(paragraphs))
            pages[row["language"]].append((row["url"], row["group"], shingles))
    compared = 0
    for of_language in pages.values():
        for (url, group, left), (other, other_group, right) in combinations(
            of_language, 2
        ):
            if not group or group != other_group:
                assert _jaccard(left, right) < 0.4, (url, other)
                compared += 1
    assert compared > 1500


def test_the_readme_counts_the_kinds(samples: Path, manifest: list[Row]) -> None:
    readme = (samples / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| ([^|]+) \| .+ \|$", readme, re.MULTILINE
    )
    stated = {kind: (int(count), outcome.strip()) for kind, count, outcome in rows}
    counted = Counter(row["kind"] for row in manifest)
    assert {kind: count for kind, (count, _) in stated.items()} == counted
    for row in manifest:
        for stage in row["expected"].split("|"):
            assert stage in stated[row["kind"]][1], row["url"]


@pytest.mark.parametrize(
    ("kind", "charset"),
    [
        pytest.param("charset_header", "gb18030", id="Chinese"),
        pytest.param("charset_header", "windows-1252", id="French"),
        pytest.param("charset_meta", "koi8-r", id="Russian"),
        pytest.param("charset_meta", "iso-8859-2", id="Polish"),
        pytest.param("charset_undeclared", "shift_jis", id="Japanese"),
        pytest.param("charset_header_wrong", "iso-8859-7", id="Greek"),
    ],
)
def test_a_page_of_each_charset_is_not_valid_utf_8(
    manifest: list[Row], responses: list[Response], kind: str, charset: str
) -> None:
    body_of = {record_id: body for record_id, _, body in responses}
    bodies = [body_of[row["record_id"]] for row in manifest if row["kind"] == kind]
    readable = []
    for body in bodies:
        with pytest.raises(UnicodeDecodeError):
            body.decode("utf-8")
        try:
            readable.append(body.decode(charset))
        except UnicodeDecodeError:
            continue
    assert readable


def test_bodies_of_odd_size_are_what_their_kind_says(
    manifest: list[Row], responses: list[Response]
) -> None:
    body_of = {record_id: body for record_id, _, body in responses}
    body = {row["kind"]: body_of[row["record_id"]] for row in manifest}
    assert body["empty_body"] == b""
    assert 3 << 20 < len(body["too_large"]) < (3 << 20) + 65_536
    assert body["deep"].count(b"<div>" * 2500) == 1
    assert not body["truncated"].rstrip().endswith(b"</html>")
    assert body["pdf"].startswith(b"%PDF-1.4")
    assert ElementTree.fromstring(body["xhtml"]).tag.endswith("}html")


def _tsv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in stream if not line.startswith("#")]
    reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return list(reader)


def _responses_of(samples: Path, name: str) -> list[Row]:
    return [row for row in _tsv(samples / "manifest.tsv") if row["warc"] == name]


def _languages(rows: list[Row], *, at_least: int) -> list[str]:
    counts = Counter(row["language"] for row in rows if row["language"])
    return [language for language, count in counts.items() if count >= at_least]


def _shingles(language: str, text: str) -> set[str]:
    """Word 5-grams; character 5-grams in languages that put no spaces."""
    if language in UNSPACED:
        text = re.sub(r"\s+", " ", text)
        return {text[start : start + 5] for start in range(len(text) - 4)}
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[start : start + 5]) for start in range(len(words) - 4)}


def _jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
