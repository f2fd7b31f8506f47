"""robots.txt by RFC 9309: which rules are for the given agents, and what they refuse.

Only the part of a file that counts for these agents is kept: for each of them the
groups that name it, else those for `*`. Agents with the same rules share them.

Three extensions are read:
    Content-Usage   what paths may be used for, in a group
                    (draft-ietf-aipref-attach-05, section 3)
    Content-Signal  the same in the words of contentsignals.org. Those for `*` hold for
                    all agents
    License         the address of a licence of RSL 1.0, for the whole host and all agents
A refusal to any of the agents counts.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from tamis.rights.notices import content_signal, content_usage

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
_ADDRESS = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


class Rule(NamedTuple):
    """`Allow:` or `Disallow:` and its path, with `*` and a final `$` as written."""

    allows: bool
    path: str


class Signal(NamedTuple):
    """What is said of training with the pages below a path; "" is all of them.

    ai_train  False refused, True allowed, None not stated
    """

    path: str
    ai_train: bool | None


class Robots(NamedTuple):
    """What a file says to the agents: a tuple for each different group that refuses,
    and for each that signals anything.

    rsl  it names a licence; its terms are elsewhere
    """

    groups: tuple[tuple[Rule, ...], ...] = ()
    signals: tuple[tuple[Signal, ...], ...] = ()
    rsl: bool = False


class Verdict(NamedTuple):
    """For one page: whether an agent is refused, and what is said about training."""

    is_refused: bool
    ai_train: bool | None
    rsl: bool


def parse(content: str, agents: Collection[str]) -> Robots:
    """The part of a file for `agents` (in lower case); empty if nothing is refused."""
    names = frozenset(agents) | {_EVERYBODY}
    rules: dict[str, list[Rule]] = {}
    # Of the two vocabularies apart: each has its own rules on which group counts.
    usage: dict[str, list[Signal]] = {}
    signals: dict[str, list[Signal]] = {}
    rsl = False
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
        elif key in ("content-usage", "content-signal"):
            is_naming = False
            is_usage = key == "content-usage"
            signal = _signal(value, content_usage if is_usage else content_signal)
            for name in named:
                own_signals = (usage if is_usage else signals).setdefault(name, [])
                if len(own_signals) < _MOST_RULES:
                    own_signals.append(signal)
        elif key == "license":
            rsl = rsl or _ADDRESS.match(value) is not None
    asked = [agent if agent in rules else _EVERYBODY for agent in agents]
    # Content-Signal for `*` counts even for agents with groups of their own, as in
    # Cloudflare's files: by RFC 9309 a group replaces only the rules for `*`.
    said = [usage.get(name, []) for name in asked]
    said += [signals.get(name, []) for name in [*asked, _EVERYBODY]]
    groups = dict.fromkeys(tuple(rules.get(name, [])) for name in asked)
    return Robots(
        tuple(g for g in groups if any(not rule.allows for rule in g)),
        tuple(
            group
            for group in dict.fromkeys(map(tuple, said))
            if any(signal.ai_train is not None for signal in group)
        ),
        rsl,
    )


def verdict_of(robots: Robots, path: str) -> Verdict:
    """What a file says of a path, which may have a query."""
    is_refused_ = is_refused(robots.groups, path)
    ai_train = training_of(robots.signals, path)
    # What may not be fetched has no preferences; that it may be used, least of all.
    if is_refused_ and ai_train:
        ai_train = None
    return Verdict(is_refused_, ai_train, robots.rsl)


def training_of(groups: Sequence[Sequence[Signal]], path: str) -> bool | None:
    """What the groups say of training with a page: False refused, True allowed.

    In a group the longest path that matches decides, and of several of the same length
    a refusal, then an allowance. A refusal by any group decides.
    """
    path, stop = _searched(path, groups)
    said = [_said(group, path, stop) for group in groups]
    return False if False in said else True if True in said else None


def is_refused(groups: Sequence[Sequence[Rule]], path: str) -> bool:
    """Whether one of the groups refuses a path, which may have a query.

    The longest rule that matches decides; of two of the same length, the one that
    allows. Only the first 4,096 characters of a path count. If the rules with a `*`
    have more than 32,768 characters, counting 32 more for each rule, they search
    proportionally less of the path.
    """
    path, stop = _searched(path, groups)
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


def _signal(value: str, read: Callable[[str], bool | None]) -> Signal:
    """`/private/ train-ai=n`: a path begins with a slash and ends at a blank."""
    path, statement = "", value
    if value.startswith("/"):
        path, _, statement = value.replace("\t", " ").partition(" ")
    return Signal(normalised(path), read(statement))


def _searched(
    path: str, groups: Sequence[Sequence[Rule] | Sequence[Signal]]
) -> tuple[str, int]:
    """The path as rules are compared with it, and before which place `*` searches it."""
    searching = [
        len(rule.path) + _RULE_COST
        for group in groups
        for rule in group
        if "*" in rule.path
    ]
    stop = _MOST_COMPARED // max(1, sum(searching))
    return normalised(path[:_MOST_PATH] or "/"), stop


def _said(group: Sequence[Signal], path: str, stop: int) -> bool | None:
    matching = [signal for signal in group if _matches(signal.path, path, stop)]
    longest = max((len(signal.path) for signal in matching), default=0)
    said = {s.ai_train for s in matching if len(s.path) == longest}
    return False if False in said else True if True in said else None


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
