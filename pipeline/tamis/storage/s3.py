"""What S3 file systems do here beside reading and writing.

Credentials are read again when a store refuses them. botocore renews by itself those of
which it knows when they end: of roles, machines, web identities, single sign-on. It reads
a file of credentials and the environment once, so that a run of days would go on with keys
that have been replaced since. Here a refused request has all of them looked up as by a new
process, and is signed and sent again if they are others. Keys that stand in the recipe's
`storage_options` are left alone.

Bytes of objects are counted as their answers begin (`tamis.storage.fetched`).
"""

from collections.abc import Mapping
from typing import Any

from tamis.storage import fetched

# What stores answer to credentials that are out of date. An answer to HEAD has no body: its
# code is its status, and an expired token gets 400, as other mistakes do.
_OUT_OF_DATE = frozenset(
    [
        "ExpiredToken",
        "ExpiredTokenException",
        "TokenRefreshRequired",
        "RequestExpired",
        "InvalidToken",
        "InvalidTokenId",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ]
)
_REFUSED = frozenset({"AccessDenied", "AuthFailure", "400", "401", "403"})
_MOST_ATTEMPTS = 3
_SIGNED = "tamis_signed"


def error_code(error: BaseException | None) -> str:
    """The code of a store's answer that led to an error; "" if none did."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict) and _code(answer):
            return _code(answer)
        error = error.__cause__
    return ""


def refused_credentials(error: BaseException) -> str:
    """The code by which a store says that credentials do not hold; "" for other errors."""
    code = error_code(error)
    return code if code in _OUT_OF_DATE else ""


def watch(filesystem: Any) -> None:
    """Count what the file system reads, and look for new credentials as it needs them.

    Does nothing for one that is no S3, or has a session of somebody else.
    """
    protocols = filesystem.protocol
    is_s3 = "s3" in ((protocols,) if isinstance(protocols, str) else protocols)
    if not is_s3 or not filesystem._session_is_owned:  # nor twice: fsspec keeps them
        return
    # Not before: it takes a second to import, and a run on a disk needs none of it.
    from aiobotocore.session import AioSession

    session = AioSession(**filesystem.kwargs)
    session.register("after-call.s3.GetObject", _count)
    if not (filesystem.anon or _has_own_keys(filesystem)):
        renewal = _Renewal(filesystem.kwargs)
        session.register("before-sign.s3", renewal.note)
        session.register("needs-retry.s3", renewal.retry)
    filesystem.session, filesystem._session_is_owned = session, False
    filesystem._s3 = None  # it connects anew, if it has


def _has_own_keys(filesystem: Any) -> bool:
    return bool(filesystem.key or filesystem.client_kwargs.get("aws_access_key_id"))


def _count(parsed: Mapping[str, Any], **_: Any) -> None:
    fetched.count(int(parsed.get("ContentLength") or 0))


class _Renewal:
    """Handlers of botocore's events for the clients of one session."""

    def __init__(self, of_session: Mapping[str, Any]) -> None:
        self._of_session = of_session

    def note(self, request: Any, request_signer: Any, **_: Any) -> None:
        """Remember with which credentials a request is signed."""
        request.context[_SIGNED] = request_signer, request_signer._credentials

    async def retry(
        self, response: Any, request_dict: dict[str, Any], attempts: int, **_: Any
    ) -> float | None:
        """Seconds until a refused request is sent again; null if that would not help."""
        signer, used = request_dict["context"].get(_SIGNED, (None, None))
        code = "" if response is None else _code(response[1])
        if used is None or code not in _OUT_OF_DATE | _REFUSED:
            return None
        if attempts >= _MOST_ATTEMPTS or (code in _REFUSED and _renews_itself(used)):
            return None
        if signer._credentials is used:  # no other request has seen to it
            fresh = await self._looked_up()
            if fresh is None or await _keys(fresh) == await _keys(used):
                return None
            signer._credentials = fresh
        return 0.0

    async def _looked_up(self) -> Any:
        from aiobotocore.session import AioSession
        from botocore.exceptions import BotoCoreError

        try:
            return await AioSession(**self._of_session).get_credentials()
        except BotoCoreError:  # a file that is half written: the refusal is told
            return None


def _renews_itself(credentials: Any) -> bool:
    """Whether botocore knows when they end. To ask for others takes a request."""
    from botocore.credentials import RefreshableCredentials

    return isinstance(credentials, RefreshableCredentials)


async def _keys(credentials: Any) -> tuple[str, ...]:
    return tuple(await credentials.get_frozen_credentials())[:3]


def _code(answer: Mapping[str, Any]) -> str:
    return str(answer.get("Error", {}).get("Code", ""))
