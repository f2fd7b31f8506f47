"""What a run lost, in words: for the terminal and the top of the report."""

from collections.abc import Iterator

from tamis.sizes import spelled
from tamis.tally import Lost


def lost_lines(lost: Lost) -> Iterator[str]:
    """One line for each kind of loss that occurred."""
    if lost["records"] or lost["bytes"]:
        named = ""
        if lost["named"]:
            named = f"; {lost['named']:,} are named in dropped/ (damaged_record)"
        yield (
            f"lost: {lost['records']:,} records for certain and "
            f"{spelled(lost['bytes'])} of damaged archives, about "
            f"{lost['share']:.2%} of all records{named}"
        )
    for name, share in lost["inputs"].items():
        yield f"lost: {share:.0%} of {name}"
    if lost["heads"]:
        yield (
            f"lost: {lost['heads']:,} pages whose HTTP head cannot be read "
            "(http_head_unreadable, http_head_too_large in dropped/)"
        )
    if lost["set_aside"]:
        yield f"set aside: {lost['set_aside']:,} inputs that cannot be read"
    if lost["requests"]:
        yield f"asked again: {lost['requests']:,} requests that a server failed to answer"
    for step, count in lost["tasks"].items():
        yield f"tried again: {count:,} tasks of {step} that failed or whose worker died"
