"""How the page writes numbers, shares and times; template filters."""

import re
from collections.abc import Callable
from typing import Any

from tamis.sizes import spelled


def number(value: float) -> str:
    """1234567 -> "1,234,567"; a number that is not whole keeps four digits."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def short(value: float) -> str:
    """1234567 -> "1.23 M": three digits, for the large figures at the top."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{scaled:.3g} {unit}"
    return number(value)


def percent(share: float | None) -> str:
    """0.1234 -> "12.3 %"; empty for None; "< 0.1 %" for a small share that is not 0."""
    if share is None:
        return ""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """75.2 -> "1 min 15 s"."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def milliseconds(seconds: float) -> str:
    """0.0123 -> "12.3 ms"; three digits."""
    value = 1000 * seconds
    if value >= 100:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def anchor(*parts: str) -> str:
    """A name for links within the page: unusual characters become `-`."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", "-".join(parts))


def is_web_address(url: str) -> bool:
    """Whether it may become a link: `javascript:` and the like may not."""
    return url.lower().startswith(("http://", "https://"))


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "short": short,
    "percent": percent,
    "duration": duration,
    "milliseconds": milliseconds,
    "size": spelled,
    "anchor": anchor,
}
