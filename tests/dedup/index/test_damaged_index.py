"""An index that is damaged is named in one line, and nothing in it is taken for true."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tamis.dedup.index.folder import generations, index_at
from tamis.dedup.index.turn import TICKET, WRITER, holder

RECIPE = """
input: INPUT
output: OUTPUT
languages: [fra, eng, deu, spa, ita, jpn]
executor: {kind: inline}
stages:
  - read_warc: {}
  - decode_html: {}
  - extract_text: {engine: resiliparse}
  - identify_language: {}
  - sign: {bands: 4, rows: 5}
  - save: documents
  - deduplicate: {index: INDEX}
"""


class Two(NamedTuple):
    """Two crawls of the same pages; the first is in the index."""

    folder: Path
    command: Callable[..., Any]

    @property
    def index(self) -> Path:
        return self.folder / "index"

    def run(self, name: str) -> Any:
        text = RECIPE.replace("INPUT", str(self.folder / f"{name}.warc.gz"))
        text = text.replace("OUTPUT", str(self.folder / f"out-{name}"))
        recipe = self.folder / f"{name}.yaml"
        recipe.write_text(text.replace("INDEX", str(self.index)), "utf-8")
        return self.command("run", str(recipe))

    def duplicates(self) -> dict[str, bytes]:
        paths = (self.folder / "out-b/duplicates").iterdir()
        return {path.name: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def pristine(
    small_archive: bytes,
    tmp_path_factory: pytest.TempPathFactory,
    command: Callable[..., Any],
) -> Two:
    two = Two(tmp_path_factory.mktemp("two"), command)
    for name in "ab":
        (two.folder / f"{name}.warc.gz").write_bytes(small_archive)
    assert two.run("a").code == 0
    shutil.copytree(two.index, two.folder / "kept")
    assert two.run("b").code == 0
    shutil.copytree(two.folder / "out-b/duplicates", two.folder / "expected")
    return two


@pytest.fixture
def two(pristine: Two) -> Two:
    """Before the second crawl was run."""
    shutil.rmtree(pristine.index)
    shutil.copytree(pristine.folder / "kept", pristine.index)
    shutil.rmtree(pristine.folder / "out-b", ignore_errors=True)
    return pristine


def expected(two: Two) -> dict[str, bytes]:
    paths = (two.folder / "expected").iterdir()
    return {path.name: path.read_bytes() for path in paths}


def flipped(content: bytes, place: float = 0.5) -> bytes:
    damaged = bytearray(content)
    damaged[int(len(content) * place)] ^= 4
    return bytes(damaged)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "bit": flipped,
    "bit in the footer": lambda content: flipped(content, 0.97),
    "nested": lambda content: b"[" * 200_000,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["generations/*", "hashes/text_hash*", "keepers/*"])
def test_a_damaged_file_of_the_index_is_one_line_with_its_path(
    two: Two, kind: str, damage: str
) -> None:
    (path,) = two.index.glob(kind)
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    ended = two.run("b")
    assert ended.code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"tamis: {path} is damaged: ")
    assert "restore this file" in line
    path.write_bytes(whole)
    assert two.run("b").code == 0
    assert two.duplicates() == expected(two)


@pytest.mark.parametrize("damage", ["empty", "bit", "nested"])
@pytest.mark.parametrize("name", [WRITER, TICKET])
def test_a_turn_whose_record_is_damaged_is_taken_again(
    two: Two, name: str, damage: str
) -> None:
    """Of a run that was stopped by a damaged file of the index, and holds the turn."""
    (path,) = two.index.glob("keepers/*")
    whole = path.read_bytes()
    path.write_bytes(flipped(whole))
    assert two.run("b").code == 1
    path.write_bytes(whole)
    place = (two.index if name == WRITER else two.folder / "out-b") / name
    place.write_bytes(DAMAGES[damage](place.read_bytes()))
    ended = two.run("b")
    assert ended.code == 0, ended.stderr
    (note,) = [line for line in ended.stdout.splitlines() if name in line]
    assert note.startswith(f"{place} is damaged: ")
    assert two.duplicates() == expected(two)
    index = index_at(str(two.index))
    assert holder(index) is None
    assert len([run for own in generations(index) for run in own.runs]) == 2
