"""robots.txt by RFC 9309: which rules are meant for some agents, and what they refuse.

A file is cut down to what counts for the agents asked about: for each of them the
groups that name it, else those for `*`. Agents with the same rules share them. Signals
for `*` are for all of them: a refusal anywhere counts.
"""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tamis.rights.notices import Notices

MOST_BYTES = 512_000  # section 2.5 asks for 500 KiB at least
_MOST_RULES = 2_000  # of one group
_MOST_PATH = 4_096
# Characters of the rules that have a `*`, times those of a path that they search: a
# rule that nearly matches everywhere is compared as a whole at each of them.
_MOST_COMPARED = 1 << 27
_RULE_COST = 32  # what a rule costs however short it is, in characters
_EVERYBODY = "*"
_LINE = re.compile(r"[ \t]*([a-zA-Z-]{1,32})[ \t]*:([^#]*)")
_TOKEN = re.compile(r"[a-zA-Z0-9_.-]+|\*")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})|([^\x21-\x7e])")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


class Rule(NamedTuple):
    """`Allow:` or `Disallow:` and its path, `*` and a final `$` in it as they are."""

    allows: bool
    path: str


class Robots(NamedTuple):
    """What a file says to the agents: a tuple of rules for each different group.

    ai_train  its Content-Signal: False refused, True allowed, None unsaid
    """

    groups: tuple[tuple[Rule, ...], ...]
    ai_train: bool | None


def parse(content: str, agents: Collection[str]) -> Robots:
    """What counts for the agents, named in lower case; nothing where nothing refuses."""
    names = frozenset(agents) | {_EVERYBODY}
    rules: dict[str, list[Rule]] = {}
    signals: dict[str, list[str]] = {}
    # The agents of the group that is being read, but only those asked about: whoever
    # names 30,000 others costs no more than a line each. Before any group: everybody.
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
            # In a group as Cloudflare writes it; before any, for everybody.
            for name in named:
                signals.setdefault(name, []).append(value)
    asked = [agent if agent in rules else _EVERYBODY for agent in agents]
    groups = dict.fromkeys(tuple(rules.get(name, [])) for name in asked)
    notices = Notices()
    # Everybody's also where all agents have groups of their own, as in Cloudflare's
    # files: that a group stands in for `*` is said of rules alone (RFC 9309).
    for name in dict.fromkeys([*asked, _EVERYBODY]):
        for value in signals.get(name, []):
            notices.add_signals(value)
    refusing = (group for group in groups if any(not rule.allows for rule in group))
    return Robots(tuple(refusing), notices.ai_train)


def is_refused(groups: Sequence[Sequence[Rule]], path: str) -> bool:
    """Whether one of the groups refuses a path, which may have a query.

    The longest rule that matches decides, of two as long the one that allows. Paths
    are compared as far as 4,096 characters. Where the rules with a `*` have more than
    32,768 of them, 32 added for each rule, they search as much less of the path.
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
    """Octets spelled one way: `é` as %C3%A9, `%7e` as `~`, `%2f` as %2F (section 2.2.2)."""

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
    """Whether a path begins as the pattern says; `*` is any run, a final `$` the end.

    What follows a `*` is looked for before `stop`, but for the end.
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
