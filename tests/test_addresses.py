"""No address that is stored or shown has a secret, however it is spelled."""

import json
from pathlib import Path

import pytest

from tamis.addresses import (
    open_options,
    open_settings,
    without_secrets,
    without_secrets_in,
)
from tamis.errors import ConfigError
from tamis.inputs import InputFile, shown_places, warc_paths
from tamis.recipe.load import Recipe, load_recipe

_ROOT = Path(__file__).resolve().parents[1]

SHOWN = [
    # What is left in.
    ("/data/a?b;c#d.warc.gz", "/data/a?b;c#d.warc.gz"),
    ("data/dump:2024@home.warc.gz", "data/dump:2024@home.warc.gz"),
    ("file:///data/a?b;c#d.gz", "file:///data/a?b;c#d.gz"),
    ("s3://bucket/ключ/a.warc.gz", "s3://bucket/ключ/a.warc.gz"),
    ("s3://bucket/a?b=1#2;3.warc.gz", "s3://bucket/a?b=1#2;3.warc.gz"),
    ("s3://bucket/a.gz?versionId=x1", "s3://bucket/a.gz?versionId=x1"),
    ("https://h/a.gz?versionId=x1", "https://h/a.gz?versionId=x1"),
    ("https://h/a.gz?versionId=1&generation=2", "https://h/a.gz?versionId=1&generation=2"),
    ("https://bücher.example:8080/日本/a.gz", "https://bücher.example:8080/日本/a.gz"),
    ("http://[::1]:8080/@me/a.gz", "http://[::1]:8080/@me/a.gz"),
    ("zip://a.warc.gz::s3://b/x.zip", "zip://a.warc.gz::s3://b/x.zip"),
    ("cc://CC-MAIN-2024-51?limit=9&kind=wet", "cc://CC-MAIN-2024-51?limit=9&kind=wet"),
    ("cc://CC-NEWS/2021/09?segments=0-2", "cc://CC-NEWS/2021/09?segments=0-2"),
    ("https://h?versionId=1", "https://h?versionId=1"),
    ("https://h/a?limit=9", "https://h/a"),
    ("cc://CC-MAIN-2024-51?token=SECRET", "cc://CC-MAIN-2024-51"),
    ("simplecache::/data/a.gz", "simplecache::/data/a.gz"),
    ("", ""),
    # userinfo
    ("https://me:SECRET@h:8080/a.gz", "https://h:8080/a.gz"),
    ("https://SECRET@h/a.gz", "https://h/a.gz"),
    ("HTTPS://me:SECRET@h/a.gz", "HTTPS://h/a.gz"),
    ("https://me:p@SECRET@h/a.gz", "https://h/a.gz"),
    ("https://me:%53ECRET@[::1]/a.gz", "https://[::1]/a.gz"),
    ("https://me:SECRET/x@h/a.gz", "https://..."),
    ("https://me:12/SECRET@h/a.gz", "https://..."),
    ("https://me:x?SECRET@h/a.gz", "https://..."),
    ("https://me:x#SECRET@h/a.gz", "https://..."),
    ("https://me:x::SECRET@h/a.gz", "https://..."),
    ("https://me:x]::SECRET@h/a.gz", "https://..."),
    ("ftp://me:SECRET@h/a.gz", "ftp://h/a.gz"),
    ("s3://key:SECRET@bucket/a", "s3://bucket/a"),
    ("s3://key:SEC/RET+SECRET@bucket/a", "s3://..."),
    ("s3://key:12/SECRET@bucket/a", "s3://..."),
    ("https:/me:SECRET@h/a.gz", "https://h/a.gz"),
    ("https:\\\\me:SECRET@h\\a.gz", "https://h/a.gz"),
    ("/home/me/https:/me:SECRET@h/a.gz?key=SECRET", "/home/me/https://h/a.gz"),
    ("//me:SECRET@h/a.gz", "//h/a.gz"),
    ("https%3A%2F%2Fme%3ASECRET%40h%2Fa.gz", "https://..."),
    # query
    ("https://h/a.gz?key=SECRET", "https://h/a.gz"),
    ("https://h/a.gz?jwt=SECRET&part=2", "https://h/a.gz"),
    ("https://h/a.gz?SECRET", "https://h/a.gz"),
    ("https://h/a.gz?versionId=1&auth=SECRET", "https://h/a.gz"),
    ("https://h/a.gz?versionId=1;auth=SECRET", "https://h/a.gz"),
    ("https://h/a.gz?versionId=1%26auth=SECRET", "https://h/a.gz"),
    ("https://h/a.gz?versionid=SECRET", "https://h/a.gz"),
    ("https://h/a.gz?a=1?key=SECRET", "https://h/a.gz"),
    ("https://h?key=SECRET", "https://h"),
    ("https://h;key=SECRET/a.gz", "https://..."),
    ("https://h/a.gz%3Fkey%3DSECRET", "https://h/a.gz"),
    ("https://h/a.gz%253fkey%253dSECRET", "https://h/a.gz"),
    # parameters of the path, and fragments
    ("https://h/a.gz;token=SECRET", "https://h/a.gz"),
    ("https://h/b;jsessionid=SECRET/a.gz;x=SECRET", "https://h/b/a.gz"),
    ("https://h/b%3Btoken=SECRET/a.gz", "https://h/b/a.gz"),
    ("https://h/b%253btoken=SECRET/a.gz", "https://h/b/a.gz"),
    ("https://h/a.gz#access_token=SECRET", "https://h/a.gz"),
    ("https://h/a.gz?x=1#SECRET", "https://h/a.gz"),
    ("https://h#SECRET", "https://h"),
    # chains
    ("simplecache::https://me:SECRET@h/a.gz", "simplecache::https://h/a.gz"),
    ("simplecache::https://h/a.gz?key=SECRET", "simplecache::https://h/a.gz"),
    ("zip://a;x=1::s3://key:SECRET@b/x.zip", "zip://a::s3://b/x.zip"),
    ("zip://a?k=SECRET::filecache::https://SECRET@h/x", "zip://a::filecache::https://h/x"),
    ("simplecache::s3://k:SEC/RET@SECRET/a", "s3://..."),
    # a signature on what has no query
    ("s3://b/a.gz?X-Amz-Algorithm=AWS4&X-Amz-Signature=SECRET", "s3://b/a.gz"),
    ("s3://b/a.gz?sig=SECRET", "s3://b/a.gz"),
    ("s3a://b/a?part=1&Signature=SECRET", "s3a://b/a"),
    ("gs://b/a.gz?x-goog-signature=SECRET", "gs://b/a.gz"),
    ("s3://b/a?AWSAccessKeyId=SECRET&Expires=1", "s3://b/a"),
    ("abfs://c@h/a.gz?sv=2020&st=1&sig=SECRET", "abfs://h/a.gz"),
    ("s3://b/a.gz;token=SECRET", "s3://b/a.gz"),
    ("s3://b/a.gz#access_token=SECRET", "s3://b/a.gz"),
    ("s3://b/a.gz%3Fsig%3DSECRET", "s3://b/a.gz"),
    ("s3://b/a.warc.gz?other=SECRET", "s3://b/a.warc.gz"),
    ("s3://b/a.gz?sig=SECRET/SECRET.warc.gz", "s3://b/a.gz"),
    ("simplecache::s3://b/a.gz?sig=SECRET", "simplecache::s3://b/a.gz"),
    ("/data/a.gz?X-Amz-Signature=SECRET", "/data/a.gz"),
    ("a.gz?a=1&Signature=SECRET SECRET", "a.gz"),
    ("file:///data/a.warc.gz?token=SECRET", "file:///data/a.warc.gz"),
    ("/data/monkey=1&design=2.warc.gz", "/data/monkey=1&design=2.warc.gz"),
    ("s3://b/page.php?id=1.warc.gz", "s3://b/page.php?id=1.warc.gz"),
    # neither
    ("https://[broken/a?token=SECRET", "https://..."),
    ("me:SECRET@h:/a.gz", "h:/a.gz"),
    ("https://h h/?SECRET", "https://..."),
]  # fmt: skip


@pytest.mark.parametrize(("path", "shown"), SHOWN, ids=[path for path, _ in SHOWN])
def test_scheme_host_and_path_are_shown(path: str, shown: str) -> None:
    assert without_secrets(path) == shown
    assert without_secrets(shown) == shown, "cleaned twice, it is the same"
    assert "SECRET" not in shown


@pytest.mark.parametrize("path", [path for path, _ in SHOWN if "SECRET" in path])
def test_a_library_s_message_with_the_address_has_no_secret(path: str) -> None:
    for message in (
        f"404, message='Not Found', url='{path}'",
        f"Cannot connect to host {path} ssl:default [Name or service not known]",
        f"URL({path!r}): 401. See {path}, or ({path}).",
    ):
        assert "SECRET" not in without_secrets_in(message, path)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        # requests repeats the path and the query without the host.
        (
            "Max retries exceeded with url: /a?sig=hunter22 (Caused by x)",
            "url: /a (Caused by x)",
        ),
        # A library that decodes, or cuts, the address.
        ("no such key: signature 'hunter 22' for me", "..."),
    ],
)
def test_a_message_without_the_whole_address_has_no_secret_either(
    message: str, shown: str
) -> None:
    path = "https://me:pw@h/a?sig=hunter22&other=hunter%2022"
    cleaned = without_secrets_in(message, path)
    assert "hunter" not in cleaned
    assert shown in cleaned


def test_addresses_in_a_text_are_found_whatever_stands_around_them() -> None:
    text = "see (https://me:SECRET@h/a?b=SECRET), then 's3://k:SECRET@b/c'. Or 10:30 a@b.org."
    assert without_secrets_in(text) == (
        "see (https://h/a), then 's3://b/c'. Or 10:30 a@b.org."
    )


def test_only_harmless_storage_options_are_kept() -> None:
    options = {
        "s3": {
            "endpoint_url": "https://me:SECRET@store.example/?key=SECRET",
            "anon": True,
            "key": "SECRET",
            "secret": {"nested": "SECRET"},
            "client_kwargs": {
                "region_name": "eu-west-1",
                "aws_session_token": "SECRET",
                "endpoint_url": {"url": "SECRET"},
            },
            "config_kwargs": {"connect_timeout": 5, "proxies": {"https": "SECRET"}},
        },
        "https": {"headers": {"Authorization": "Bearer SECRET"}, "timeout": 60},
        "gs": "SECRET SECRET",
        "SECRET as a name": {"region": "SECRET in words"},
    }
    kept = open_options(options)
    assert "SECRET" not in json.dumps(kept)
    assert kept["s3"]["endpoint_url"] == "https://store.example/"
    assert kept["s3"]["anon"] is True
    assert kept["s3"]["client_kwargs"]["region_name"] == "eu-west-1"
    assert kept["s3"]["config_kwargs"] == {"connect_timeout": 5, "proxies": "..."}
    assert kept["https"] == {"headers": "...", "timeout": 60}
    assert open_options({}) == {}


def test_addresses_anywhere_in_a_recipe_are_cleaned() -> None:
    recipe = Recipe(
        input=["https://me:SECRET@h/a.warc.gz?key=SECRET", "s3://k:SECRET@b/*.gz"],
        output="s3://k:SECRET@b/out",
        languages=["eng"],
        executor={"kind": "ray", "address": "ray://me:SECRET@h:10001"},
        storage_options={"s3": {"client_kwargs": {"aws_session": "SECRET"}}},
        stages=[
            {"read_warc": {"select": {"index": "https://h/i.cdxj?sig=SECRET"}}},
            "decode_html",
            "extract_text",
            "sign",
            {"save": "documents"},
            {"deduplicate": {"index": "s3://k:SECRET@b/index"}},
        ],
    )
    assert "SECRET" not in json.dumps(recipe.resolved())
    assert "SECRET" not in repr(recipe)
    assert recipe.resolved()["input"][0] == "https://h/a.warc.gz"


def test_addresses_in_sentences_and_keys_of_settings_are_cleaned() -> None:
    settings = {
        "note": "from https://me:SECRET@h/a?key=SECRET, not s3://b/c?sig=SECRET; see p. 3",
        "where": "url = 'http://a/?b=SECRET' AND n > 1",
        "weights": {
            "https://h/a?key=SECRET1": 1,
            "https://h/a?key=SECRET2": 2,
            "https://h/b?SECRET": [{"copy of s3://k:SECRET@b/c": "/d/a.gz?sig=SECRET"}],
            3: True,
        },
        "pattern": r"[?&]id=\d+",
    }
    shown = open_settings(settings)
    assert "SECRET" not in json.dumps(shown)
    assert shown["note"] == "from https://h/a, not s3://b/c; see p. 3"
    assert shown["where"] == "url = 'http://a/' AND n > 1"
    assert list(shown["weights"].values()) == [
        *(1, 2, [{"copy of s3://b/c": "/d/a.gz"}], True)
    ]
    assert [str(key).partition("~")[0] for key in shown["weights"]] == [
        *("https://h/a", "https://h/a", "https://h/b", "3")
    ]
    assert shown["pattern"] == settings["pattern"]
    assert open_settings(shown) == shown


@pytest.mark.parametrize(
    "override",
    [
        "storage_options={s3: {key: SECRET",
        "input=[https://me:SECRET@h/a",
        "storage_options.s3.secret=SECRET",
        "inputs=https://me:SECRET@h/a",
        "https://me:SECRET@h/a",
    ],
)
def test_a_mistake_in_a_setting_does_not_repeat_its_value(
    override: str,
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(_ROOT / "stages.yaml", [override])
    assert "SECRET" not in str(caught.value)


def test_a_recipe_that_is_not_yaml_is_refused_without_its_line(tmp_path) -> None:
    path = tmp_path / "stages.yaml"
    path.write_text("storage_options: {s3: {secret: 'SECRET}}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"is not YAML: .*line 2") as caught:
        load_recipe(path)
    assert "SECRET" not in str(caught.value)


def test_inputs_that_differ_by_a_query_have_places_of_their_own() -> None:
    paths = ["https://h/get?file=a.warc.gz", "https://h/get?file=b.warc.gz"]
    files = [InputFile(path, f"get-{n}") for n, path in enumerate(paths)]
    places = shown_places(files)
    assert len(set(places.values())) == 2
    assert all(place.startswith("https://h/get~") for place in places.values())
    assert shown_places(files[::-1]) == places
    assert shown_places(files[:1]) == {paths[0]: "https://h/get"}
    assert shown_places([]) == {}


def test_a_document_s_archive_is_called_by_its_name_or_its_address() -> None:
    files = [
        InputFile("/home/me/crawl/a.warc.gz", "a.warc.gz"),
        InputFile("file:///home/me/b.warc.gz", "b.warc.gz"),
        InputFile("zip://c.warc.gz::/home/me/x.zip", "x.zip"),
        InputFile("https://me:pw@h/d/e.warc.gz?sig=1", "e.warc.gz"),
    ]
    assert list(warc_paths(files).values()) == [
        *("a.warc.gz", "b.warc.gz", "x.zip"),
        "https://h/d/e.warc.gz",
    ]
