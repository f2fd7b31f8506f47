import pytest

from tamis.remote.failures import reason_of, without_secrets


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/a?b.warc.gz", "/data/a?b.warc.gz"),
        ("s3://bucket/ключ/a.warc.gz", "s3://bucket/ключ/a.warc.gz"),
        ("https://h/a.gz?part=2", "https://h/a.gz?part=2"),
        ("https://me:pw@h:8080/a.gz", "https://h:8080/a.gz"),
        ("https://h/a?X-Amz-Credential=1&X-Amz-Signature=2", "https://h/a"),
        ("https://h/a?file=b.gz&sig=x&se=1", "https://h/a?file=b.gz"),
        ("https://h/a?Expires=1&Key-Pair-Id=2&Policy=3&Signature=4", "https://h/a"),
        ("https://h/a?access_token=t#part", "https://h/a"),
        ("s3://key:secret@bucket/a", "s3://bucket/a"),
        ("https://[broken/a?token=1", "https://..."),
    ],
)
def test_addresses_are_shown_without_secrets(path: str, shown: str) -> None:
    assert without_secrets(path) == shown


def test_a_reason_is_a_few_words() -> None:
    error = ConnectionError("HTTPConnectionPool(host='h'): /a?sig=1")
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    assert reason_of(error) == "connection reset by peer"
    assert reason_of(TimeoutError()) == "timeout error"
