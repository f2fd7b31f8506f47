"""A file that is no archive is called what it is."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from tamis.errors import InputError
from tamis.stages.read_warc import ReadWarc
from tamis.warc.splits import Split

WARC = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n" * 50


def wacz() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("archive/data.warc.gz", gzip.compress(WARC))
    return content.getvalue()


def tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        about = tarfile.TarInfo("page.html")
        about.size = 1000
        file.addfile(about, io.BytesIO(b"x" * 1000))
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.warc.xz", lzma.compress(WARC), "it is packed by xz"),
        ("a.warc.gz", lzma.compress(WARC), "it is packed by xz"),
        ("a.warc.bz2", bz2.compress(WARC), "it is packed by bzip2"),
        ("a.warc.gz", gzip.compress(gzip.compress(WARC)), "it is packed twice"),
        ("a.wacz", wacz(), "it is a ZIP, as a WACZ is"),
        ("a.warc.gz", gzip.compress(wacz()), "it is a ZIP, as a WACZ is"),
        ("a.tar", tar(), "no WARC or ARC record in it, it is a tar archive"),
        ("a.tar.gz", gzip.compress(tar()), "it is a tar archive"),
        ("a.warc", b"%PDF-1.4\n", "it is a PDF"),
        ("a.warc.gz", b"\n<!DOCTYPE HTML><p>404", "it is an HTML page"),
        ("a.warc.gz", gzip.compress(b'{"url": 1}'), "it is a JSON file"),
        ("a.warc.gz", b"\x07" * 5000, "no WARC or ARC record in it"),
    ],
    ids=range(12),
)
def test_what_is_no_archive_is_called_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(ReadWarc().read(Split(str(path), 0, len(content), len(content))))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_first_split_alone_refuses_a_packed_file(tmp_path: Path) -> None:
    content = lzma.compress(bytes(range(256)) * 4000)
    path = tmp_path / "a.warc.xz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="packed by xz"):
        list(ReadWarc().read(Split(str(path), 0, len(content) // 2, len(content))))
