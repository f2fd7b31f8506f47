"""A folder whose files were damaged heals, or says in one line which file it is."""

import json
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
from fixtures.recipes import own_recipe

from tamis import Run
from tamis.errors import DamagedFile

Command = Callable[..., Any]
Damage = Callable[[bytes], bytes]

PUBLISHED = ("mix", "dropped", "duplicates")
# Written anew by every run, or read by none: nothing to say about them.
NOT_READ = {
    *("run.json", "tables.json", "report.html", "lock.json", "runs", "mix.json"),
    "status.json",
}
STEP = re.compile("commits/(deduplicate|mix_corpus)-")
SETTINGS = ("read_warc.split_bytes=64KiB", "mix_corpus.shard_bytes=100KB")


def flipped(content: bytes, place: float = 0.5) -> bytes:
    damaged = bytearray(content)
    damaged[int(len(content) * place)] ^= 4
    return bytes(damaged)


def flipped_where_it_is_read(content: bytes) -> bytes:
    """In a table's texts, if it has any: no later step reads every column."""
    if content.startswith(b"PAR1"):
        table = pq.ParquetFile(BytesIO(content)).metadata
        for number in range(table.num_columns if table.num_row_groups else 0):
            column = table.row_group(0).column(number)
            if column.path_in_schema == "text":
                middle = column.data_page_offset + column.total_compressed_size // 2
                return flipped(content, middle / len(content))
    return flipped(content)


def with_numbers(new: str) -> Damage:
    """Every number in a JSON file replaced."""
    return lambda content: re.sub(rb"(?<=[ :\[])\d+(?=[,\]}\n])", new.encode(), content)


# Each changes what a later run would take from the file.
DAMAGES: dict[str, Damage] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "last byte": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "bit": flipped_where_it_is_read,
    "object": lambda content: b"{}",
    "list": lambda content: b"[]",
    "null": lambda content: b"null",
    "text": lambda content: b'"x"',
    "nested": lambda content: b"[" * 200_000,
    "no utf-8": lambda content: b"\xff" * len(content),
    "other types": with_numbers('"7"'),
    "absurd numbers": with_numbers("9" * 40),
    "negative numbers": with_numbers("-1"),
}


class Folder(NamedTuple):
    """An output folder, what it was before anything was damaged, and how it is run."""

    tamis: Any
    pristine: Path
    command: Command

    @property
    def output(self) -> Path:
        output: Path = self.tamis.output
        return output

    def restore(self) -> None:
        shutil.rmtree(self.output, ignore_errors=True)
        shutil.copytree(self.pristine, self.output)

    def run(self) -> Any:
        """Run with notes on the terminal."""
        arguments = [a for a in self.tamis.arguments(*SETTINGS) if a != "--quiet"]
        return self.command(*arguments)

    def published(self) -> dict[str, bytes]:
        found: dict[str, bytes] = self.tamis.published(*PUBLISHED)
        return found

    def kinds(self) -> dict[str, Path]:
        """A file of each kind: its folder and suffix, the largest one."""
        files = [p for p in sorted(self.pristine.rglob("*")) if p.is_file()]
        files.sort(key=lambda path: path.stat().st_size)
        return {kind_of(path.relative_to(self.pristine)): path for path in files}

    def damage(self, name: Path, damage: Damage) -> bool:
        """Damage a file; false if that would not change it."""
        path = self.output / name.relative_to(self.pristine)
        before = path.read_bytes()
        path.write_bytes(damage(before))
        return path.read_bytes() != before

    def forget_what_reads(self, name: Path) -> None:
        """Remove the records that do not list a file, so that it is read again."""
        own = str(name.relative_to(self.pristine))
        for record in self.output.glob("commits/*/*.json"):
            listed = json.loads(record.read_text("utf-8"))["files"]
            if own not in [file["path"] for file in listed]:
                record.unlink()


def kind_of(name: Path) -> str:
    if len(name.parts) == 1:
        return name.name
    if name.parts[0] == "runs":
        return "runs"
    if name.parts[0] == "mix" and name.suffix == ".json":
        return "mix.json"
    return f"{name.parent}/{name.suffix}"


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    tamis_on: Callable[..., Any],
    command: Command,
    small_archive: bytes,
) -> Folder:
    """The recipe of the repository over a small archive in several splits."""
    base = tmp_path_factory.mktemp("damage")
    (base / "small.warc.gz").write_bytes(small_archive)
    text = re.sub(r"^input: \S+", f"input: {base}/*.warc.gz", own_recipe(), flags=re.M)
    (base / "stages.yaml").write_text(text, "utf-8")
    tamis = tamis_on(base / "out", base / "stages.yaml")
    tamis.run(*SETTINGS)
    shutil.copytree(tamis.output, base / "pristine")
    return Folder(tamis, base / "pristine", command)


def must_heal(folder: Folder, expected: dict[str, bytes], *, names: str) -> None:
    """The next run says the names in one line, and publishes the same bytes."""
    ended = folder.run()
    assert ended.code == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    said = [line for line in ended.stdout.splitlines() if names in line]
    assert said, ended.stdout
    assert all("damaged" in line or " bytes, and not " in line for line in said)
    assert folder.published() == expected
    after = folder.run()
    assert after.code == 0
    assert names not in after.stdout
    assert folder.published() == expected


@pytest.fixture
def expected(folder: Folder) -> dict[str, bytes]:
    folder.restore()
    found = folder.published()
    assert {name.partition("/")[0] for name in found} == set(PUBLISHED)
    return found


@pytest.mark.parametrize("damage", ["empty", "half", "list", "nested"])
def test_a_folder_of_damaged_records_makes_the_same_mix(
    folder: Folder, expected: dict[str, bytes], damage: str
) -> None:
    """Every JSON file at once."""
    for path in folder.pristine.rglob("*.json"):
        assert folder.damage(path, DAMAGES[damage])
    must_heal(folder, expected, names="plan.json")


@pytest.mark.parametrize("damage", ["half", "longer"])
def test_cut_tables_are_made_again(
    folder: Folder, expected: dict[str, bytes], damage: str
) -> None:
    """Every Parquet file and every piece at once."""
    for suffix in ("parquet", "piece"):
        for path in folder.pristine.rglob(f"*.{suffix}"):
            assert folder.damage(path, DAMAGES[damage])
    must_heal(folder, expected, names="/documents/")


@pytest.mark.parametrize(
    ("kind", "place"),
    [("extracted/.parquet", 0.5), ("documents/.parquet", 0.99), ("piece", 0.3)],
)
def test_a_flipped_bit_in_what_is_read_is_found_and_healed(
    folder: Folder, expected: dict[str, bytes], kind: str, place: float
) -> None:
    """In a page of a text, in a footer, in a row of a piece."""
    path = next(p for k, p in folder.kinds().items() if k.endswith(kind))
    folder.forget_what_reads(path)
    assert folder.damage(path, lambda content: flipped(content, place))
    must_heal(folder, expected, names=path.name)


@pytest.mark.parametrize("place", [0.02, 0.3, 0.5, 0.9])
def test_a_flipped_bit_in_the_list_of_tables_is_said_and_made_again(
    folder: Folder, expected: dict[str, bytes], place: float
) -> None:
    """A name of a file, or of an input, would be another one."""
    folder.restore()
    assert folder.damage(
        folder.pristine / "tables.json", lambda content: flipped(content, place)
    )
    out = str(folder.output)
    for arguments in (["inspect", out], ["report", out]):
        ended = folder.command(*arguments)
        assert ended.code == 1
        (line,) = ended.stderr.splitlines()
        assert f"{out}/tables.json is damaged" in line
    assert folder.run().code == 0
    assert folder.command("inspect", out).code == 0
    assert folder.published() == expected


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_flipped_bit_in_the_footer_of_a_published_table_is_named(
    folder: Folder, table: str
) -> None:
    """Arrow checks pages alone; statistics in the footer say which of them to read."""
    folder.restore()
    path = next(folder.pristine.glob(f"{table}/*.parquet"))
    assert folder.damage(path, lambda content: flipped(content, 1 - 64 / len(content)))
    with pytest.raises(DamagedFile, match=f"{path.name} is damaged") as raised:
        getattr(Run(folder.output), table)()
    assert "\n" not in str(raised.value)


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGES)
def test_each_kind_of_file_heals_from_each_damage(
    folder: Folder, expected: dict[str, bytes], damage: str
) -> None:
    wrong = {}
    for kind, path in folder.kinds().items():
        folder.restore()
        is_table = path.suffix in (".parquet", ".piece")
        is_whole = damage in ("bit", "no utf-8")
        if is_table and is_whole and kind.startswith(PUBLISHED):
            continue  # of these no step reads every page; a reader of them does
        if is_table:
            folder.forget_what_reads(path)
        elif step := STEP.match(kind):
            # Records of steps are read where that of the whole barrier is missing.
            shutil.rmtree(folder.output / "commits" / step[1])
        if not folder.damage(path, DAMAGES[damage]):
            continue  # no number in it
        try:
            if kind in NOT_READ:
                assert folder.run().code == 0
                assert folder.published() == expected
            else:
                must_heal(folder, expected, names=path.name)
        except AssertionError as error:
            wrong[kind] = str(error)[-600:]
    assert wrong == {}


@pytest.mark.long
@pytest.mark.parametrize("place", [0.0, 0.01, 0.2, 0.35, 0.6, 0.75, 0.9, 0.97, 0.9999])
def test_a_flipped_bit_anywhere_changes_nothing_else(
    folder: Folder, expected: dict[str, bytes], place: float
) -> None:
    """Healed, or in bytes that no step reads."""
    wrong = {}
    for kind, path in folder.kinds().items():
        folder.restore()
        if path.suffix in (".parquet", ".piece"):
            folder.forget_what_reads(path)
        folder.damage(path, lambda content: flipped(content, place))
        ended = folder.run()
        found = folder.published()
        itself = str(path.relative_to(folder.pristine))
        same = {name: found.get(name) == expected[name] for name in expected}
        different = [name for name, is_same in same.items() if not is_same]
        if ended.code or len(found) != len(expected) or set(different) - {itself}:
            wrong[kind] = (ended.stderr, different)
    assert wrong == {}
