"""Personal data of every kind, planted in pages, is in nothing that a run shows or publishes.

docs/output.md says what is masked and what is not: the first test holds the one, the second the
other.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pyarrow.parquet as pq
import pytest
from fixtures.patience import patient

import tamis

ROOT = Path(__file__).resolve().parents[2]
# Valid by their check digits, and of the open internet.
PLANTED = {
    "email": "jane.doe@example.com",
    "ip": "81.2.69.142",
    "iban": "DE89 3704 0044 0532 0130 00",
    "card": "4242 4242 4242 4242",
    "phone": "+33 1 99 00 12 34",
}
# As they are written, without spaces, and as an address has them.
FORMS = {
    kind: {value, value.replace(" ", ""), quote(value), quote(value.replace(" ", ""))}
    for kind, value in PLANTED.items()
}
QUERY = "&".join(f"{k}={quote(v.replace(' ', ''))}" for k, v in PLANTED.items())
CONTACT = (
    f"Write to {PLANTED['email']} or call {PLANTED['phone']}. Pay to {PLANTED['iban']} or by "
    f"the card {PLANTED['card']}; the server is {PLANTED['ip']}."
)
LINES = {
    "eng": "In chapter {n} the ferry leaves the harbour when the fog has lifted over the {what}.",
    "fra": "Au chapitre {n} le bac quitte le port quand la brume se lève au-dessus du {what}.",
}
RECIPE = """
input: {inputs}
output: {output}
languages: [eng]
executor: inline
dropped: {{text: {whole}}}
stages:
  - read_warc: {{}}
  - decode_html: {{}}
  - extract_text: {{engine: blocks, markdown: true}}
  - identify_language: {{}}
  - filter_language: {{min_score: 0.5}}
  - save: extracted
  - measure_text: {{}}
  - mask_pii: {{}}
  - sign: {{}}
  - save: documents
  - filter_quality: {{preset: [], bounds: {{text_chars: [{least}, null]}}}}
  - deduplicate: {{}}
  - mix_corpus: {{}}
"""
Command = Callable[..., Any]


def page(language: str, lines: int, what: str) -> bytes:
    body = "".join(
        f"<p>{LINES[language].format(n=n, what=what)} {CONTACT if n % 3 == 0 else ''}</p>"
        for n in range(lines)
    )
    head = f"<head><meta charset=utf-8><title>{what}: {CONTACT}</title></head>"
    block = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    return f"{block}<html>{head}<body><main>{body}</main></body></html>".encode()


@pytest.fixture(scope="module")
def archive(
    tmp_path_factory: pytest.TempPathFactory, response_record: Callable[..., bytes]
) -> Path:
    """Pages that are kept, too short, of another language, and copies."""
    pages = [
        ("eng", 12, "quay"),
        ("eng", 12, "quay"),  # a duplicate
        ("eng", 14, "river"),
        ("eng", 4, "bridge"),
        ("eng", 2, "mill"),
        ("fra", 9, "quai"),
    ]
    records = [
        response_record(
            f"http://site{number}.example/{what}?{QUERY}", "2024-01-01", page(*one)
        )
        for number, one in enumerate(pages)
        if (what := one[2])
    ]
    path = tmp_path_factory.mktemp("planted") / "a.warc.gz"
    path.write_bytes(b"".join(records))
    return path


def ran(command: Command, archive: Path, output: Path, **settings: Any) -> str:
    given = {"whole": "false", "least": 600, **settings}
    recipe = output.with_suffix(".yaml")
    recipe.write_text(RECIPE.format(inputs=archive, output=output, **given), "utf-8")
    return told(command, "run", str(recipe))


def told(command: Command, *arguments: str) -> str:
    ended = command(*arguments)
    assert ended.code == 0, ended.stderr
    return str(ended.stdout + ended.stderr)


def rows_of(folder: Path) -> dict[str, str]:
    """Every row of the Parquet files of a folder, as text."""
    return {
        f"{path.parent.name}/{path.name}:{number}": repr(row)
        for path in sorted(folder.rglob("*.parquet"))
        for number, row in enumerate(pq.read_table(path).to_pylist())
    }


def files_of(folder: Path) -> dict[str, str]:
    """What is no Parquet file at the top of a run, and beside its shards."""
    paths = [*folder.glob("*"), *folder.glob("mix/*"), *folder.glob("summary/*")]
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in paths
        if path.is_file() and path.suffix != ".parquet"
    }


def planted_in(shown: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (name, kind)
        for name, content in shown.items()
        for kind, forms in FORMS.items()
        if any(form in content for form in forms)
    ]


def notebook_of(run: Path) -> str:
    """All that the notebook of the repository shows of a run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbclient import NotebookClient

        notebook = nbformat.read(ROOT / "notebooks" / "explore_run.ipynb", as_version=4)
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = f"RUN = {str(run)!r}"
        client = NotebookClient(
            notebook, timeout=int(patient(120)), kernel_name="python3"
        )
        client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return json.dumps(outputs, ensure_ascii=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("whole", ["false", "true"])
def test_nothing_that_is_published_or_shown_has_a_planted_value(
    whole: str, archive: Path, tmp_path: Path, command: Command
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    shown = {
        "run": ran(command, archive, out, whole=whole),
        "other": ran(command, archive, other, whole=whole, least=1900),
    }
    kept = pq.read_table(out / "mix")
    sample = kept.to_pylist()[0]
    asked = [("inspect", str(out), "-n", "100")]
    stages = ("filter_language", "filter_quality", "deduplicate")
    asked += [("inspect", str(out), "--stage", stage) for stage in stages]
    asked += [
        ("inspect", str(out), "--cluster", str(id_)) for id_ in kept["id"].to_pylist()
    ]
    asked += [("status", str(out)), ("verify", str(out)), ("report", str(out))]
    asked += [("card", str(out)), ("summary", str(out))]
    asked += [("trace", str(out), str(sample["id"]), "--json")]
    asked += [("lookup", str(out), "site2.example")]
    page, found = tmp_path / "compare.html", tmp_path / "compare.json"
    written = ("--page", str(page), "--json", str(found))
    asked += [("compare", str(out), str(other), *written)]
    shown |= {" ".join(one): told(command, *one) for one in asked}
    shown |= {path.name: path.read_text("utf-8") for path in (page, found)}
    shown |= files_of(out)
    for folder in ("mix", "dropped", "duplicates"):
        shown |= rows_of(out / folder)
    shown |= rows_of(out / "summary")
    opened = tamis.Run(str(out))
    shown["in a notebook"] = opened._repr_html_() + repr(opened)
    if whole == "false":  # it takes some seconds
        shown["the notebook"] = notebook_of(out)
    assert {"README.md", "report.html", "run.json", "mix/_manifest.json"} <= set(shown)
    assert planted_in(shown) == []
    # What was planted has come so far: in its place are the names of its kinds.
    assert all(f"<{kind.upper()}>" in sample["text"] for kind in PLANTED)
    assert all(f"<{kind.upper()}>" in sample["title"] for kind in PLANTED)
    assert all(f"{kind}={kind.upper()}" in sample["url"] for kind in PLANTED)
    dropped = pq.read_table(out / "dropped").to_pylist()
    assert {row["stage"] for row in dropped} == set(stages)
    texts = [row["text"] for row in dropped if row["text"]]
    assert all("<EMAIL>" in text and "<IBAN>" in text for text in texts)
    assert len(texts) == 4
    assert "&lt;EMAIL&gt;" in shown["report.html"]
    assert "EMAIL" in shown["compare.html"]


def test_what_is_not_masked_is_what_the_docs_say(
    archive: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    ran(command, archive, out)
    every = set(PLANTED)
    extracted = pq.read_table(out / "extracted").to_pylist()
    saved = pq.read_table(out / "documents").to_pylist()
    for name, rows, masked in (
        ("extracted", extracted, set()),
        ("documents", saved, {"text", "title", "markdown"}),
    ):
        for column in ("text", "title", "markdown", "url"):
            content = {column: repr([row[column] for row in rows])}
            kinds = {kind for _, kind in planted_in(content)}
            assert kinds == (set() if column in masked else every), (name, column)
    told(command, "export", str(out), "--kept", "-o", str(tmp_path / "export"))
    rows = pq.read_table(tmp_path / "export").to_pylist()
    assert planted_in({"text": repr([row["text"] for row in rows])}) == []
    assert {k for _, k in planted_in({"url": repr([r["url"] for r in rows])})} == every


def test_a_page_that_one_names_is_explained_as_each_stage_has_it(
    tmp_path: Path, command: Command
) -> None:
    named = tmp_path / "page.html"
    named.write_bytes(page("eng", 12, "quay").partition(b"\r\n\r\n")[2])
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        RECIPE.format(inputs=named, output=tmp_path / "o", whole="false", least=600)
    )
    shown = told(command, "explain", str(named), str(recipe))
    before, _, after = shown.partition("\nmask_pii ")
    assert PLANTED["email"] in before
    assert "<EMAIL>" in after
    assert planted_in({"after": after}) == []
