"""An archive's name is its own, whatever lies around it."""

import pytest

from tamis.warc.names import archive_name, base_name, content_stamp, listed_name

MAIN = "CC-MAIN-20241201162023-20241201192023-00000.warc.gz"
NEWS = "CC-NEWS-20210901012345-00017.warc.gz"
OLD = "CC-MAIN-20160823195810-00000-ip-10-153-172-175.ec2.internal.warc.gz"
SEGMENT = "CC-MAIN-2016-36/segments/1471982290442.1/warc"
STAMP = "6f1c0a9b52de4417"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/disk/{MAIN}", MAIN),
        (f"s3://mirror/a/{MAIN}", MAIN),
        (f"https://h.example/{MAIN}?X-Amz-Signature=1", MAIN),
        (f"/disk/{MAIN.replace('.warc.gz', '.warc.wet.gz')}", None),
        (f"s3://commoncrawl/crawl-data/CC-NEWS/2021/09/{NEWS}", NEWS),
        (
            f"https://data.commoncrawl.org/crawl-data/{SEGMENT}/{OLD}",
            f"{SEGMENT}/{OLD}",
        ),
        (f"/mirror/crawl-data/{SEGMENT}/{OLD}", f"{SEGMENT}/{OLD}"),
        (f"/elsewhere/{OLD}", f"{OLD}-{STAMP}"),
        (f"/mirror/{SEGMENT}/{OLD}", f"{SEGMENT}/{OLD}"),
        (f"s3://mirror/of/{SEGMENT}/{OLD}", f"{SEGMENT}/{OLD}"),
        (f"{SEGMENT}/{OLD}", f"{SEGMENT}/{OLD}"),
        # The file of a chain is that of its first link, wherever the others lie.
        ("zip://a.warc.gz::https://h.example/x.zip?key=1", f"a.warc.gz-{STAMP}"),
        ("zip://in/a.warc.gz::/data/x.zip", f"a.warc.gz-{STAMP}"),
        ("simplecache::https://h.example/my%20a.warc.gz", f"my a.warc.gz-{STAMP}"),
        (f"simplecache::s3://m/crawl-data/{SEGMENT}/{OLD}", f"{SEGMENT}/{OLD}"),
        ("d1/data.warc.gz", f"data.warc.gz-{STAMP}"),
        ("s3://b/what#1?.warc.gz", f"what#1?.warc.gz-{STAMP}"),
        ("https://h.example/my%20crawl.warc.gz#top", f"my crawl.warc.gz-{STAMP}"),
        ("/data/архив-存档.warc.gz", f"архив-存档.warc.gz-{STAMP}"),
        # Not CommonCrawl's, though they look like it.
        ("CC-MAIN-2024.warc.gz", f"CC-MAIN-2024.warc.gz-{STAMP}"),
        (
            "CC-MAIN-١٢٣٤٥٦٧٨٩٠١٢٣٤-20241201192023-00000.warc.gz",
            f"CC-MAIN-١٢٣٤٥٦٧٨٩٠١٢٣٤-20241201192023-00000.warc.gz-{STAMP}",
        ),
        ("/my/crawl-data/x.warc.gz", f"x.warc.gz-{STAMP}"),
    ],
)
def test_the_name_of_an_archive(path: str, name: str | None) -> None:
    assert archive_name(path, STAMP) == (name or base_name(path))


@pytest.mark.parametrize(
    "path",
    [
        "crawl-001/2008/06/18/0/1213893278830_0.arc.gz",
        "crawl-002/2009/09/17/0/1253240983124_0.arc.gz",
        "parse-output/segment/1341690147253/1341708194999_10.arc.gz",
        "contrib/Nutch/crawl/part-0.warc.gz",
        "projects/hyperlinkgraph/pages.warc.gz",
        "crawl-data/pages.warc.gz",
        "pages.warc.gz",
    ],
)
def test_outside_the_crawls_no_store_and_no_folder_is_part_of_a_name(path: str) -> None:
    places = (
        *("s3://commoncrawl/", "s3a://commoncrawl/", "https://data.commoncrawl.org/"),
        *("http://data.commoncrawl.org/", "s3://mirror/cc/", "/disk/", "/", ""),
    )
    assert {archive_name(f"{place}{path}", STAMP) for place in places} == {
        f"{base_name(path)}-{STAMP}"
    }


def test_without_a_stamp_a_name_is_the_base_name() -> None:
    assert archive_name("/none/data.warc.gz", "") == "data.warc.gz"


def test_the_stamp_is_not_part_of_a_name_in_an_index() -> None:
    assert listed_name(f"data.warc.gz-{STAMP}", STAMP) == "data.warc.gz"
    assert listed_name(MAIN, STAMP) == MAIN
    assert listed_name(MAIN, "") == MAIN


def test_a_stamp_is_frozen_and_tells_size_and_both_ends() -> None:
    """Another value would be other ids."""
    assert content_stamp(3, b"abc", b"") == "ce91dc5eec0139ad"
    stamps = {
        content_stamp(*ends)
        for ends in [(3, b"abc", b""), (4, b"abc", b""), (3, b"abd", b"")]
    }
    stamps |= {content_stamp(5, b"ab", b"c"), content_stamp(5, b"ab", b"d")}
    assert len(stamps) == 5
