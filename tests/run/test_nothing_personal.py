"""What a run publishes has no personal data that mask_pii was asked to mask."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Command = Callable[..., Any]

SECRET = "jane.doe"
MAIL = f"{SECRET}@example.com"
RECIPE = """
languages: [eng, rus, arb, cmn, hin, tha]
executor: inline
stages:
  - read_warc: {}
  - decode_html: {}
  - extract_text: {engine: blocks, markdown: true}
  - identify_language: {}
  - filter_language: {min_score: 0.5}
  - save: extracted
  - deduplicate_urls: {}
  - measure_text: {}
  - MASK
  - sign: {}
  - save: documents
  - filter_quality: {preset: [], bounds: {text_chars: [300, null]}}
  - deduplicate: {}
  - mix_corpus: {}
"""
# Mail addresses in the middle of each script: what touches them differs.
TEXTS = {
    "eng": f"The ferry leaves the harbour at seven; write to {MAIL} before the fog comes back to the quay.",
    "rus": f"Паром выходит из гавани в семь часов; пишите на {MAIL} до того, как вернётся туман.",
    "arb": f"تغادر العبارة الميناء في الساعة السابعة، اكتبوا إلى {MAIL} قبل أن يعود الضباب إلى الرصيف.",
    "cmn": f"渡轮七点钟离开港口，雾散了以后才回来，请写信给{MAIL}告诉我们您想去哪里，我们会等您。",
    "hin": f"नाव सात बजे बंदरगाह छोड़ती है और कोहरा हटने पर लौटती है, कृपया {MAIL} पर लिखें और बताएँ।",
    "tha": f"เรือข้ามฟากออกจากท่าเรือตอนเจ็ดโมงและกลับมาเมื่อหมอกจาง กรุณาเขียนถึง{MAIL}ก่อนที่หมอกจะกลับมา",
    "fra": f"Le bac quitte le port à sept heures et revient quand la brume s'est levée ; écrivez à {MAIL} avant.",
}
# Numbers without their country, which language tells, in a sentence behind.
NUMBERS = {
    "eng": "(212) 555-0147",
    "rus": "8 (495) 123-45-67",
    "arb": "050 123 4567",
    "cmn": "010-12345678",
    "hin": "011 2345 6789",
    "fra": "05 36 49 00 21",
}


def page(text: str, times: int) -> bytes:
    head = f"<head><meta charset=utf-8><title>{text[:16]} {MAIL}</title></head>"
    body = "".join(f"<p>{n}. {text}</p>" for n in range(times))
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; a={MAIL}\r\n\r\n"
    return (block + f"<html>{head}<body><main>{body}</main></body></html>").encode()


@pytest.fixture(scope="module")
def corpus(
    tmp_path_factory: pytest.TempPathFactory, response_record: Callable[..., bytes]
) -> Path:
    """Long pages that are kept, short ones and French ones that are not, and a copy."""
    folder = tmp_path_factory.mktemp("personal")
    records = []
    for language, sentence in TEXTS.items():
        text = f"{sentence} {NUMBERS.get(language, '')}"
        for times, where in ((12, f"?email={MAIL}"), (1, f"#{SECRET}%40example.com")):
            url = f"http://{language}.example/{times}/{MAIL}/{where}"
            records.append(response_record(url, "2024-01-01", page(text, times)))
    # Addresses that differ by what is masked alone are two pages.
    for name, what in (("a", "boat"), ("b", "tram")):
        words = f"A {what} of the city has no timetable, says {MAIL}, and nobody minds the {what}."
        body = page(f"{words} {what} after {what}, {name} and {name} again.", 14)
        url = f"http://two.example/?email={name}.{SECRET}@example.com"
        records.append(response_record(url, "2024-01-01", body))
    (folder / "a.warc.gz").write_bytes(b"".join(records))
    return folder


def run(corpus: Path, out: Path, command: Command, mask: str, text: str) -> str:
    top = f"input: {corpus}/a.warc.gz\noutput: {out}\ndropped: {{text: {text}}}\n"
    recipe = out.with_suffix(".yaml")
    recipe.write_text(top + RECIPE.replace("MASK", mask), "utf-8")
    ended = command("run", str(recipe))
    assert ended.code == 0, ended.stderr
    shown = command("inspect", str(out), "-n", "100").stdout
    shown += command("inspect", str(out), "--stage", "filter_language").stdout
    (kept, *_) = rows(out, "mix")
    shown += command("inspect", str(out), "--cluster", str(kept["id"])).stdout
    return str(ended.stdout + ended.stderr + shown)


def rows(out: Path, folder: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((out / folder).glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


def published(out: Path) -> dict[str, str]:
    """Everything but what stays inside the folder, by name."""
    found = {
        f"{folder}/{row['id']}": repr(row)
        for folder in ("mix", "dropped", "duplicates")
        for row in rows(out, folder)
    }
    for name in ("report.html", "run.json", "tables.json", "mix/_manifest.json"):
        found[name] = (out / name).read_text("utf-8")
    return found


@pytest.mark.parametrize("text", ["true", "false"])
def test_nothing_that_is_published_or_shown_has_a_mail_address(
    text: str, corpus: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    printed = run(corpus, out, command, "mask_pii: {}", text)
    assert SECRET not in printed
    assert [name for name, content in published(out).items() if SECRET in content] == []
    everything = printed + "".join(published(out).values())
    assert [number for number in NUMBERS.values() if number in everything] == []
    mix, dropped = rows(out, "mix"), rows(out, "dropped")
    assert {row["language"] for row in mix} == set(TEXTS) - {"fra"}
    for row in mix:
        assert row["text"].count("<EMAIL>") >= 12
        assert "<EMAIL>" in row["title"]
        assert "<EMAIL>" in row["markdown"]
        assert "EMAIL" in row["url"]
        assert row["http_content_type"] == "text/html; a=<EMAIL>"
    assert {row["stage"] for row in dropped} == {"filter_language", "filter_quality"}
    assert all("<EMAIL>" in row["text"] for row in dropped)
    # The ids, and what deduplicate_urls compared, are those of the whole addresses.
    assert sum(row["host"] == "two.example" for row in mix if row["epoch"] == 0) == 2
    saved = rows(out, "documents")
    assert {row["id"] for row in saved} >= {row["id"] for row in mix}
    assert all(SECRET in row["url"] for row in saved)


def test_a_page_is_found_by_its_whole_address_or_by_the_published_one(
    corpus: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    run(corpus, out, command, "mask_pii: {}", "false")
    for url in (
        f"http://eng.example/12/{MAIL}/?email={MAIL}",
        "http://eng.example/12/EMAIL/?email=EMAIL",
    ):
        ended = command("inspect", str(out), "--url", url)
        assert ended.code == 0, ended.stderr
        assert ended.stdout.startswith("== in the mix")
        assert SECRET not in ended.stdout


def test_a_kind_that_mask_pii_leaves_stays_in_the_files_and_is_not_shown(
    corpus: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    run(corpus, out, command, "mask_pii: {email: null}", "true")
    for folder in ("mix", "dropped"):
        assert all(MAIL in row["text"] for row in rows(out, folder))
        assert all(SECRET in row["url"] for row in rows(out, folder))
    assert SECRET not in (out / "report.html").read_text("utf-8")


def test_a_new_placeholder_is_written_without_reading_an_archive_again(
    corpus: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    run(corpus, out, command, "mask_pii: {}", "true")
    run(corpus, out, command, "mask_pii: {email: '[mail]'}", "true")
    executed = json.loads((out / "run.json").read_text("utf-8"))["tasks_executed"]
    assert "extracted" not in executed
    texts = [row["text"] for row in rows(out, "dropped")]
    assert all("[mail]" in text for text in texts)
    assert not any("<EMAIL>" in text or SECRET in text for text in texts)
