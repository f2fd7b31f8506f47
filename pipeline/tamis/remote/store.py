"""Files of object stores, through fsspec: s3, and the others that it knows.

We retry ourselves, so fsspec and botocore are configured to try once: their attempts
would multiply with ours, and the pace would not count them.
"""

import threading
from collections.abc import Mapping
from functools import lru_cache
from json import dumps, loads
from typing import Any
from urllib.parse import urlsplit

import fsspec

from tamis.addresses import without_secrets
from tamis.errors import InputError
from tamis.remote.failures import AccessRefused, NoSuchFile, Transient, reason_of
from tamis.remote.origin import About
from tamis.remote.retries import Patience
from tamis.storage import fetched
from tamis.storage.s3 import refused_credentials, watch

_S3 = ("s3", "s3a")
_PERMANENT_CODES = frozenset({"InvalidRange", "PreconditionFailed", "NoSuchBucket"})


class StoreFile:
    """The file must have this `size` and `etag`; None if not known yet."""

    def __init__(
        self,
        path: str,
        options: Mapping[str, Any],
        patience: Patience,
        size: int | None = None,
        etag: str | None = None,
    ) -> None:
        self.name = without_secrets(path)
        protocol, _, rest = path.partition("://")
        bucket = rest.partition("/")[0].rpartition("@")[2]
        endpoint = urlsplit(_endpoint(options)).hostname
        self.host = endpoint or f"{protocol}://{bucket}"
        self._is_common_crawl = endpoint is None and bucket == "commoncrawl"
        self._size = size
        self._is_s3 = protocol in _S3
        self._filesystem = _filesystem(
            protocol, dumps(dict(options), sort_keys=True, default=str), patience
        )
        self._path: str = self._filesystem._strip_protocol(path)
        self._etag = etag

    def about(self) -> About:
        try:
            self._filesystem.invalidate_cache(self._path)
            about = self._filesystem.info(self._path)
        except Exception as error:  # from four libraries, without a common base class
            raise self._sorted(error) from None
        if about["type"] == "directory":
            raise InputError(
                f"{self.name}: a folder; name its files: {self.name}/*.warc.gz"
            )
        stamp = about.get("ETag") or about.get("LastModified") or about.get("mtime", "")
        return About(int(about["size"]), str(stamp))

    def read(
        self, start: int, stop: int, sink: bytearray, is_closed: threading.Event
    ) -> None:
        try:
            part = self._filesystem.cat_file(self._path, start=start, end=stop)
        except Exception as error:
            raise self._sorted(error) from None
        self._count(part)
        self._check_same()
        sink += part
        if len(part) < stop - start:
            raise Transient(f"cut off after {len(part)} of {stop - start} bytes")

    def read_all(self) -> bytes:
        try:
            content: bytes = self._filesystem.cat_file(self._path)
        except Exception as error:
            raise self._sorted(error) from None
        self._count(content)
        self._check_same()
        return content

    def _count(self, part: bytes) -> None:
        if not self._is_s3:  # of which the file system counts itself
            fetched.count(len(part))

    def close(self) -> None:
        """The connection belongs to the process, not to the file."""

    def _check_same(self) -> None:
        """Check that the last part is from the same object as the first one."""
        etag = getattr(self._filesystem, "etags", {}).pop(self._path, None)
        if etag is not None and self._etag not in (None, etag):
            raise InputError(f"{self.name}: it changed while it was read")
        self._etag = etag or self._etag

    def _sorted(self, error: Exception) -> Exception:
        """The error to raise instead."""
        if isinstance(error, FileNotFoundError):
            return NoSuchFile(f"{self.name}: no such file")
        if code := refused_credentials(error):  # those of all other files, too
            return AccessRefused(
                f"{self.name}: the store refuses the credentials ({code}): renew them, "
                f"and run again; finished work is kept"
            )
        if isinstance(error, PermissionError):
            message = f"{self.name}: no permission to read it (403)"
            if self._is_common_crawl:
                return AccessRefused(
                    f"{message}: CommonCrawl's bucket needs AWS credentials, and blocks"
                    f" who asks too often; https://data.commoncrawl.org/ needs none"
                )
            return InputError(message)
        if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            return InputError(
                f"{self.name}: no credentials: set AWS_ACCESS_KEY_ID and "
                f"AWS_SECRET_ACCESS_KEY, or storage_options: {{s3: {{anon: true}}}}"
            )
        answer = getattr(error, "response", None) or getattr(
            error.__cause__, "response", None
        )
        if isinstance(answer, dict):
            code = str(answer.get("Error", {}).get("Code", ""))
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            if code in _PERMANENT_CODES or (
                400 <= status < 500 and status not in (408, 409, 429)
            ):
                return InputError(f"{self.name}: the store answers {code or status}")
            return Transient(f"the store answers {code or status}")
        if isinstance(error, TypeError | AttributeError | KeyError):
            return error  # a bug of ours or of a plug-in
        # The file system cannot do this, or rejects the address: no retry helps.
        if isinstance(error, NotImplementedError | ValueError):
            return InputError(f"{self.name}: cannot be read: {reason_of(error)}")
        return Transient(reason_of(error))


def _endpoint(options: Mapping[str, Any]) -> str:
    found = options.get("endpoint_url") or options.get("client_kwargs", {}).get(
        "endpoint_url"
    )
    return str(found or "")


@lru_cache(maxsize=16)
def _filesystem(protocol: str, options: str, patience: Patience) -> Any:
    """The file system, one per process and set of options: connections are reused."""
    settings = loads(options)
    if protocol in _S3:
        settings["config_kwargs"] = {
            "connect_timeout": patience.connect_seconds,
            "read_timeout": patience.read_seconds,
            **settings.get("config_kwargs", {}),
            "retries": {"total_max_attempts": 1},
        }
        settings["skip_instance_cache"] = True
    filesystem = fsspec.filesystem(protocol, **settings)
    if protocol in _S3:
        filesystem.retries = 1
        _remember_etags(filesystem)
        watch(filesystem)
    return filesystem


def _remember_etags(filesystem: Any) -> None:
    """Make s3fs store the ETag of each object's last answer: it returns only bytes."""
    filesystem.etags = {}
    ask = filesystem._call_s3

    async def asked(method: str, *arguments: Any, **keywords: Any) -> Any:
        answer = await ask(method, *arguments, **keywords)
        if method == "get_object":
            place = f"{keywords['Bucket']}/{keywords['Key']}"
            filesystem.etags[place] = answer.get("ETag")
        return answer

    filesystem._call_s3 = asked
