import gzip
from pathlib import Path

import pytest

from tamis.errors import ConfigError
from tamis.stages.filter_url import FilterUrl
from tamis.urls.keys import entry_keys
from tamis.urls.sources import Source, entries_in, entries_of, harmless, sources


@pytest.fixture
def ut1(tmp_path: Path) -> Path:
    for category, name in (
        ("adult", "domains"),
        ("adult", "urls"),
        ("adult", "usage"),
        ("press", "domains"),
        ("mine", "domains"),
    ):
        (tmp_path / category).mkdir(exist_ok=True)
        (tmp_path / category / name).write_text(f"{category}.example\n")
    (tmp_path / "porn").symlink_to("adult")
    (tmp_path / "own.txt").write_text("own.example\n")
    (tmp_path / ".hidden").write_text("x")
    return tmp_path


def found(lists: Path | str, *categories: str) -> list[str]:
    return [
        f"{source.category} {source.path.name}"
        for source in sources((str(lists),), categories)
    ]


def test_a_folder_of_categories_gives_all_that_harm(ut1: Path) -> None:
    assert found(ut1) == ["adult domains", "adult urls", "mine domains", "own own.txt"]


def test_named_categories_are_taken_whatever_they_are(ut1: Path) -> None:
    assert found(ut1, "press") == ["press domains"]


@pytest.mark.parametrize("name", ["press.txt", "bank.gz", "chat"])
def test_a_file_that_is_named_always_counts(tmp_path: Path, name: str) -> None:
    """UT1 lists the press, banks, chats for other reasons than harm; this is no UT1."""
    (tmp_path / name).write_text("a.example\n")
    category = name.partition(".")[0]
    for place in (tmp_path / name, tmp_path):
        assert [source.category for source in sources((str(place),))] == [category]
    chosen = sources((str(tmp_path / name), *_adult(tmp_path)), ("adult",))
    assert [source.category for source in chosen] == [category, "adult"]


def _adult(folder: Path) -> list[str]:
    (folder / "ut1/adult").mkdir(parents=True)
    (folder / "ut1/adult/domains").write_text("b.example\n")
    return [str(folder / "ut1")]


def test_a_harmless_category_counts_if_its_folder_is_named(ut1: Path) -> None:
    assert found(ut1 / "press") == ["press domains"]
    assert harmless((str(ut1),), ()) == "press"


def test_a_category_of_which_one_file_is_empty_is_a_list(ut1: Path) -> None:
    (ut1 / "adult/urls").write_text("")
    counts = {
        s.path.name: len(e.keys) for s, e in entries_of(sources((str(ut1 / "adult"),)))
    }
    assert counts == {"domains": 1, "urls": 0}
    (ut1 / "adult/domains").write_text("# nothing\n")
    with pytest.raises(ConfigError, match=r"list .*adult has no entry"):
        entries_of(sources((str(ut1),)))


def test_an_unknown_category_is_a_mistake(ut1: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"'adlut'; there are: adult, mine, own, press; did you mean adult\?",
    ):
        found(ut1, "adlut")


def test_a_category_folder_and_a_file_are_lists_themselves(ut1: Path) -> None:
    assert found(ut1 / "adult") == ["adult domains", "adult urls"]
    assert found(ut1 / "own.txt") == ["own own.txt"]


def test_a_missing_list_and_an_empty_folder_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere does not exist"):
        found(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="holds no lists"):
        found(tmp_path)


def test_lines_are_read_as_people_write_them(tmp_path: Path) -> None:
    lines = [
        "# a comment",
        "",
        "plain.example",
        "Upper.Example\r",
        "  spaced.example  # why",
        "0.0.0.0 hosts-file.example",
        "127.0.0.1\ttabbed.example",
        "*.wildcard.example",
        ".dotted.example",
        "www.site.example",
        "bücher.example",
        "page.example/a",
        "word",
        "no-line-end.example",
    ]
    expected = [
        *("plain.example", "upper.example", "spaced.example", "hosts-file.example"),
        *("tabbed.example", "wildcard.example", "dotted.example", "www.site.example"),
        *("xn--bcher-kva.example", "page.example/a", "no-line-end.example"),
    ]
    keys = sorted(entry_keys(expected).tolist())
    content = "\n".join(lines).encode()
    (tmp_path / "list.txt").write_bytes(content)
    (tmp_path / "list.gz").write_bytes(gzip.compress(content))
    for name in ("list.txt", "list.gz"):
        assert sorted(entries_in(Source("list", tmp_path / name)).keys.tolist()) == keys


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("192.168.0.1 a.example", ["a.example"]),
        ("10.1.2.3\tA.Example b.example", ["a.example", "b.example"]),
        ("0 a.example", ["a.example"]),
        ("127.1 a.example", ["a.example"]),
        ("::1 a.example", ["a.example"]),
        ("::a.example", []),
        ("fe80::1%lo0 a.example", ["a.example"]),
        ("2001:DB8:0:0::7\ta.example\t\tb.example.", ["a.example", "b.example"]),
        ("[::1] a.example", ["a.example"]),
        ("::ffff:127.0.0.1 a.example", ["a.example"]),
        ("  0.0.0.0  a.example   b.example  # why c.example", ["a.example", "b.example"]),
        ("0.0.0.0 a.example#why", ["a.example"]),
        ("0.0.0.0 a.example ; see b.example", ["a.example"]),
        ("0.0.0.0 A.EXAMPLE.", ["a.example"]),
        ("0.0.0.0 *.a.example .b.example", ["a.example", "b.example"]),
        ("0.0.0.0 www.a.example", ["www.a.example"]),
        ("0.0.0.0 bücher.example БАНК.example", ["xn--bcher-kva.example", "xn--80ab2al.example"]),
        ("0.0.0.0 пример。example", ["xn--e1afmkfd.example"]),
        ("127.0.0.1 localhost a.example", ["a.example"]),
        ("0.0.0.0\u00a0a.example", ["a.example"]),
        ("127.0.0.1 localhost", []),
        ("192.168.0.1 router", []),
        ("192.168.0.1 # a.example", ["192.168.0.1"]),
        ("192.168.0.1", ["192.168.0.1"]),
        ("2001:db8::7", ["[2001:db8::7]"]),
        ("a.example b.example", ["a.example"]),
        ("256.1.1.1 a.example", ["256.1.1.1"]),
        ("0.0.0.0 b\udcfccher.example", []),
    ],
)  # fmt: skip
def test_a_line_of_a_hosts_file_blocks_its_hosts_and_not_its_address(
    tmp_path: Path, line: str, entries: list[str]
) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(f"{line}\r\n".encode("utf-8", "surrogateescape"))
    found = entries_in(Source("", path))
    assert sorted(found.keys.tolist()) == sorted(entry_keys(entries).tolist())
    assert found.skipped == (not entries)


def test_a_page_is_one_entry_though_it_has_two_keys(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("a.example/x\nb.example/y\nc.example\nword\nother word\n")
    found = entries_in(Source("", path))
    assert (len(found.keys), found.entries, found.skipped) == (5, 3, 2)
    facts = FilterUrl(lists=(str(path),)).facts()
    assert facts[0].startswith("list urls: 3 entries, 2 lines name no host (")


def test_lines_are_whole_wherever_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [f"host{n}.example" + "/p" * (n % 3) for n in range(50)]
    (tmp_path / "list.txt").write_text("\n".join(entries))
    keys = sorted(entry_keys(entries).tolist())
    for size in (1, 7, 13, 64, 10_000):
        monkeypatch.setattr("tamis.urls.sources._CHUNK_BYTES", size)
        found = entries_in(Source("list", tmp_path / "list.txt"))
        assert sorted(found.keys.tolist()) == keys


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no gzip", id="no gzip"),
        pytest.param(gzip.compress(b"a.org")[:-9], id="cut"),
        pytest.param(gzip.compress(b"a.org")[:10] + b"\xff" * 20, id="damaged"),
    ],
)
def test_a_broken_archive_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.gz cannot be read"):
        entries_in(Source("x", tmp_path / "x.gz"))


def test_a_byte_order_mark_is_no_part_of_the_first_entry(tmp_path: Path) -> None:
    plain, marked = tmp_path / "plain.txt", tmp_path / "marked.txt"
    plain.write_text("a.example\nb.example\n")
    marked.write_text("a.example\nb.example\n", encoding="utf-8-sig")
    one, other = entries_in(Source("", marked)), entries_in(Source("", plain))
    assert one.keys.tolist() == other.keys.tolist()


def test_lines_that_name_no_host_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# comment\n\na.example\n||b.example^\nцены\nc.example,adult\n")
    found = entries_in(Source("", path))
    assert (len(found.keys), found.skipped) == (1, 3)
    (said,) = FilterUrl(lists=(str(path),)).facts()
    assert said.startswith("list list: 1 entries, 3 lines name no host (")


def test_a_list_in_utf_16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("a.example\n", encoding="utf-16")
    with pytest.raises(ConfigError, match="it is UTF-16: save it as UTF-8"):
        entries_in(Source("", path))


@pytest.mark.parametrize(
    "lines",
    [
        "[Adblock Plus 2.0]\n! Title: a\n||a.example^\n||b.example^$third-party\n",
        "a.example,adult\nb.example,adult\n",
        '"a.example"\n',
        "address=/a.example/0.0.0.0\n",
    ],
)
def test_a_list_in_another_format_names_no_host(tmp_path: Path, lines: str) -> None:
    """It would block nothing, and count its lines as entries."""
    path = tmp_path / "list.txt"
    path.write_text(lines)
    with pytest.raises(ConfigError, match="has no entry: no line of it names a host"):
        entries_of([Source("", path)])
