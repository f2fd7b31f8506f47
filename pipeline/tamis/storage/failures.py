"""What went wrong with a file of the output folder, and what to do about it."""

import errno

from tamis.addresses import without_secrets_in
from tamis.errors import StorageError
from tamis.storage.s3 import error_code, refused_credentials

_ADVICE: dict[int | None, str] = {
    errno.ENOSPC: "the disk is full: free space, then run again to resume",
    errno.EDQUOT: "the disk quota is used up: free space, then run again to resume",
    errno.EACCES: "no permission: check its owner, or your credentials",
    errno.EPERM: "no permission: check the owner of the folder",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "it is a file, not a folder: choose another",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EIO: "the disk, or the network to it, failed: check it, then run again to resume",
    errno.ESTALE: "the network disk lost it: run again to resume",
    errno.ENOENT: "it does not exist",
}
# Errors of file systems that have no hard links.
NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)
NO_LINKS_ADVICE = (
    "this file system has no hard links, which commit records need: choose an output "
    "on a local disk, on NFS, or in an object store (s3://...)"
)


_STORE_LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "s3fs")


# The last one answers a condition on an object that is there no more.
_FAILED_CONDITIONS = (
    *("PreconditionFailed", "ConditionalRequestConflict", "412"),
    "NoSuchKey",
)


def is_foreign(error: Exception) -> bool:
    """Whether a disk or a store's library failed; these have no common base class."""
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or library in _STORE_LIBRARIES


def is_failed_condition(error: BaseException | None) -> bool:
    """Whether a store did not write because its object is another one by now."""
    while error is not None:
        answer = getattr(error, "response", None)
        code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
        if str(code) in _FAILED_CONDITIONS:
            return True
        error = error.__cause__
    return False


def explained(error: Exception, verb: str, path: str) -> StorageError:
    number = getattr(error, "errno", None)
    if number is None and isinstance(error, FileNotFoundError | PermissionError):
        is_missing = isinstance(error, FileNotFoundError)
        number = errno.ENOENT if is_missing else errno.EACCES
    advice = _ADVICE.get(number, without_secrets_in(error))
    if code := refused_credentials(error):
        advice = (
            f"the store refuses the credentials ({code}): renew them, then run again"
        )
    if verb == "write" and number == errno.ENOENT:
        advice = "the bucket, or the folder above it, does not exist"
    elif error_code(error) == "400":  # to a request whose answer has no body
        advice = "the store answers 400, as it does to credentials that have expired"
    storage_error = StorageError(f"cannot {verb} {path}: {advice}")
    # A disk or network may recover: such a task is tried again.
    may_recover = number in (errno.EIO, errno.ESTALE)
    storage_error.is_transient = number not in _ADVICE or may_recover
    return storage_error
