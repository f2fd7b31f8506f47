"""robots.txt by RFC 9309: which rules are for the given agents, and what they refuse.

Only the part of a file that counts for these agents is kept: for each of them the
groups that name it, else those for `*`. Agents with the same rules share them. Signals
for `*` hold for all agents: a refusal anywhere counts.
"""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tamis.rights.notices import Notices

MOST_BYTES = 512_000  # section 2.5 asks for 500 KiB at least
_MOST_RULES = 2_000  # of one group
_MOST_PATH = 4_096
# Limit of the characters of all rules with a `*`, times the characters of the path that
# they search: a rule that nearly matches everywhere is compared at each character.
_MOST_COMPARED = 1 << 27
_RULE_COST = 32  # minimal cost of a rule, in characters
_EVERYBODY = "*"
_LINE = re.compile(r"[ \t]*([a-zA-Z-]{1,32})[ \t]*:([^#]*)")
_TOKEN = re.compile(r"[a-zA-Z0-9_.-]+|\*")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})|([^\x21-\x7e])")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


class Rule(NamedTuple):
    """`Allow:` or `Disallow:` and its path, with `*` and a final `$` as written."""

    allows: bool
    path: str


class Robots(NamedTuple):
    """The rules of a file for the agents: a tuple of rules for each different group.

    ai_train  its Content-Signal: False refused, True allowed, None not stated
    """

    groups: tuple[tuple[Rule, ...], ...]
    ai_train: bool | None


def parse(content: str, agents: Collection[str]) -> Robots:
    """The part of a file for `agents` (in lower case); empty if nothing is refused."""
    names = frozenset(agents) | {_EVERYBODY}
    rules: dict[str, list[Rule]] = {}
    signals: dict[str, list[str]] = {}
    # The agents of the current group, but only those in `agents`: 30,000 others cost no
    # more than reading a line each. Before any group: all agents.
    named = {_EVERYBODY}
    is_naming = has_begun = False
    for line in content[:MOST_BYTES].lstrip("\ufeff").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found.group(1).lower(), found.group(2).strip()
        if key == "user-agent":
            token = _TOKEN.match(value)
            own = {token.group().lower()} & names if token else set()
            named = named | own if is_naming else own
            is_naming = has_begun = True
            for name in own:
                rules.setdefault(name, [])
        elif key in ("allow", "disallow"):
            is_naming = False
            if value and has_begun and named:
                rule = Rule(key == "allow", normalised(value))
                for name in named:
                    if len(rules[name]) < _MOST_RULES:
                        rules[name].append(rule)
        elif key in ("content-signal", "content-usage"):
            # Cloudflare writes it in a group; before any group it is for all agents.
            for name in named:
                signals.setdefault(name, []).append(value)
    asked = [agent if agent in rules else _EVERYBODY for agent in agents]
    groups = dict.fromkeys(tuple(rules.get(name, [])) for name in asked)
    notices = Notices()
    # The signals for `*` count even for agents with groups of their own, as in
    # Cloudflare's files: by RFC 9309 a group replaces only the rules for `*`.
    for name in dict.fromkeys([*asked, _EVERYBODY]):
        for value in signals.get(name, []):
            notices.add_signals(value)
    refusing = (group for group in groups if any(not rule.allows for rule in group))
    return Robots(tuple(refusing), notices.ai_train)


def is_refused(groups: Sequence[Sequence[Rule]], path: str) -> bool:
    """Whether one of the groups refuses a path, which may have a query.

    The longest rule that matches decides; of two of the same length, the one that
    allows. Only the first 4,096 characters of a path count. If the rules with a `*`
    have more than 32,768 characters, counting 32 more for each rule, they search
    proportionally less of the path.
    """
    path = normalised(path[:_MOST_PATH] or "/")
    searching = [
        len(rule.path) + _RULE_COST
        for group in groups
        for rule in group
        if "*" in rule.path
    ]
    stop = _MOST_COMPARED // max(1, sum(searching))
    return any(_refuses(group, path, stop) for group in groups)


def normalised(path: str) -> str:
    """One spelling of a path: %C3%A9 for `é`, `~` for `%7e`, %2F for `%2f` (2.2.2)."""

    def spelled(found: re.Match[str]) -> str:
        code, character = found.groups()
        if code is None:
            return "".join(
                f"%{octet:02X}" for octet in character.encode("utf-8", "replace")
            )
        plain = chr(int(code, 16))
        return plain if _UNRESERVED.fullmatch(plain) else f"%{code.upper()}"

    return _ESCAPE.sub(spelled, path)


def _refuses(rules: Sequence[Rule], path: str, stop: int) -> bool:
    matching = [rule for rule in rules if _matches(rule.path, path, stop)]
    if not matching:
        return False
    return not max(matching, key=lambda rule: (len(rule.path), rule.allows)).allows


def _matches(pattern: str, path: str, stop: int) -> bool:
    """Whether a pattern matches a path's start; `*` is any run, a final `$` the end.

    The part after a `*` is searched before `stop`, except one that ends in `$`.
    """
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    if not others:
        return not is_whole or path == first
    place = len(first)
    for part in filter(None, others[:-1] if is_whole else others):
        place = path.find(part, place, stop)
        if place < 0:
            return False
        place += len(part)
    last = others[-1]
    return not is_whole or (path.endswith(last) and len(path) - len(last) >= place)
