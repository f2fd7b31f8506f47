import pytest
from fixtures.patience import cpu_seconds

from tamis.rights.robots import (
    MOST_BYTES,
    Robots,
    Rule,
    Verdict,
    is_refused,
    normalised,
    parse,
    verdict_of,
)

AGENTS = ("ccbot", "gptbot")
ALL = ((Rule(False, "/"),),)


@pytest.mark.parametrize(
    ("content", "groups"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("User-agent: *\nDisallow:", (), id="nothing disallowed"),
        pytest.param("User-agent: *\nAllow: /", (), id="allowed"),
        pytest.param("User-agent: *\nDisallow: /", ALL, id="everybody"),
        pytest.param("user-agent:GPTBot\r\ndisallow:/", ALL, id="one agent"),
        pytest.param("User-agent: GPTBot/1.1\nDisallow: / # all", ALL, id="version"),
        pytest.param("User-agent: other\nDisallow: /", (), id="another agent"),
        pytest.param(
            "\ufeffUser-agent: a\nUser-agent: CCBot\nDisallow: /", ALL, id="two"
        ),
        pytest.param("Disallow: /", (), id="before any agent"),
        pytest.param("<html><body>404", (), id="no such file"),
        pytest.param(
            "User-agent: *\nDisallow: /\nUser-agent: CCBot\nUser-agent: GPTBot\nAllow: /",
            (),
            id="their own group and not everybody's",
        ),
        pytest.param(
            "User-agent: CCBot\nDisallow: /a\n\nSitemap: /s\nUser-agent: ccbot\nDisallow: /b",
            ((Rule(False, "/a"), Rule(False, "/b")),),
            id="groups of one agent are joined",
        ),
        pytest.param(
            "User-agent: CCBot\nDisallow: /a\nUser-agent: *\nDisallow: /b",
            ((Rule(False, "/a"),), (Rule(False, "/b"),)),
            id="each agent its group",
        ),
    ],
)
def test_the_rules_for_the_agents_are_taken(
    content: str, groups: tuple[tuple[Rule, ...], ...]
) -> None:
    assert parse(content, AGENTS) == Robots(groups)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Content-Signal: ai-train=no", False),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /", False),
        ("User-agent: *\nContent-Signal: ai-train=yes", True),
        ("User-agent: other\nContent-Signal: ai-train=no", None),
        ("User-agent: *\nContent-Usage: train-ai=n", False),
        # As Cloudflare writes it for whoever ticks a box: the agents have groups of
        # their own, and the signal stands in everybody's.
        (
            "User-agent: *\nContent-Signal: search=yes,ai-train=no\nAllow: /\n\n"
            "User-agent: CCBot\nDisallow: /\n\nUser-agent: GPTBot\nDisallow: /",
            False,
        ),
        (
            "Content-Signal: ai-train=no\nUser-agent: CCBot\nUser-agent: GPTBot\nAllow: /",
            False,
        ),
        # Whoever refuses once has refused.
        (
            "User-agent: *\nContent-Signal: ai-train=no\n"
            "User-agent: CCBot\nContent-Signal: ai-train=yes",
            False,
        ),
        (
            "User-agent: *\nContent-Signal: ai-train=yes\n"
            "User-agent: CCBot\nContent-Signal: ai-train=no",
            False,
        ),
    ],
)
def test_the_signal_for_the_agents_is_taken(
    content: str, expected: bool | None
) -> None:
    assert verdict_of(parse(content, AGENTS), "/a").ai_train is expected


# The sentences of draft-ietf-aipref-attach-05, section 3, and of RFC 9309 as it takes over.
PATHS = """
User-agent: *
Allow: /
Disallow: /never/
Content-Usage: train-ai=n
Content-Usage: /ai-ok/ train-ai=y
Content-Usage: /ai-ok/private/ train-ai=n, search=y
Content-Usage: /ai-ok/private/*.txt$ train-ai=y
Content-Usage: /search/ search=n
Content-Usage: /both/ train-ai=y
Content-Usage: /both/ train-ai=n
Content-Usage: /%C3%A9t%C3%A9 train-ai=y
Content-Usage:\t/tab/\ttrain-ai=y # as they like
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/test", False, id="without a path: every page"),
        pytest.param("/ai-ok/test", True, id="the longer path"),
        pytest.param("/ai-ok/private/1", False, id="the longest path"),
        pytest.param("/ai-ok/private/1.txt", True, id="a pattern"),
        pytest.param("/search/1", None, id="the longest says nothing about it"),
        pytest.param("/both/1", False, id="of equal ones the most restrictive"),
        pytest.param("/été", True, id="paths are encoded alike"),
        pytest.param("/tab/1", True, id="a tab ends a path"),
        pytest.param("/AI-OK/", False, id="case counts"),
        pytest.param("/never/1", False, id="refused, and not to be trained with"),
        pytest.param("", False, id="no path at all"),
    ],
)
def test_a_content_usage_with_a_path_is_for_that_path(
    path: str, expected: bool | None
) -> None:
    assert verdict_of(parse(PATHS, AGENTS), path).ai_train is expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # Who has a group does not read everybody's; but one of two agents does.
        (
            "User-agent: *\nContent-Usage: train-ai=n\nUser-agent: CCBot\nAllow: /",
            False,
        ),
        (
            "User-agent: *\nContent-Usage: train-ai=n\n"
            "User-agent: CCBot\nUser-agent: GPTBot\nAllow: /",
            None,
        ),
        (
            "User-agent: *\nContent-Usage: train-ai=n\n"
            "User-agent: CCBot\nUser-agent: GPTBot\nContent-Usage: train-ai=y",
            True,
        ),
        # A rule ends the names of a group, as Allow does.
        (
            "User-agent: other\nContent-Usage: train-ai=n\n"
            "User-agent: CCBot\nUser-agent: GPTBot\nContent-Usage: train-ai=y",
            True,
        ),
        ("User-agent: *\nContent-Usage: /a/ train-ai=n", None),
        ("User-agent: *\nContent-Usage: /a train-ai=n", False),
        ("User-agent: *\nContent-Usage: foo=bar, train-ai=n;x=1, search=y", False),
        ('User-agent: *\nContent-Usage: foo="a, train-ai=n"', None),
        ("User-agent: *\nContent-Usage: train-ai=n, train-ai=y", True),
        ("User-agent: *\nContent-Usage: train-ai = n", None),
        ("User-agent: *\nContent-Usage: train-ai=n, BAD=y", None),
        ("User-agent: *\nContent-Usage: ai-train=no", None),
        ("User-agent: *\nContent-Signal: /a/ ai-train=no", None),
        ("User-agent: *\nContent-Signal: /a ai-train=no, search=yes", False),
        (
            "User-agent: *\nContent-Signal: ai-train=yes\nContent-Usage: train-ai=n",
            False,
        ),
        ("User-agent: *\nDisallow: /a\nContent-Usage: train-ai=y", None),
        ("User-agent: *\nContent-Usage:", None),
        ("User-agent: *\nContent-Usage: /a", None),
    ],
)
def test_the_rules_of_structured_fields_and_groups_hold(
    content: str, expected: bool | None
) -> None:
    assert verdict_of(parse(content, AGENTS), "/a").ai_train is expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("License: https://a.example/license.xml\nUser-agent: *\nAllow: /", True),
        ("User-agent: Googlebot\nLicense: https://a.example/license.xml", True),
        ("License: /license.xml", False),
        ("License: CC BY", False),
        ("# License: https://a.example/license.xml", False),
        ("", False),
    ],
)
def test_a_licence_of_rsl_is_for_the_whole_host_and_all_agents(
    content: str, expected: bool
) -> None:
    assert parse(content, AGENTS).rsl is expected
    assert verdict_of(parse(content, AGENTS), "/a").rsl is expected


def test_hostile_signals_cost_little() -> None:
    many = "User-agent: *\n" + "Content-Usage: /*a*b*c train-ai=n\n" * 20_000
    robots = parse(many, AGENTS)
    assert len(robots.signals[0]) == 2_000
    assert cpu_seconds(lambda: verdict_of(robots, "/" + "ab" * 4_000)) < 0.5
    long = "User-agent: *\nContent-Usage: " + "a=((((," * 60_000
    # Measured: 0.01 s.
    assert cpu_seconds(lambda: parse(long, AGENTS)) < 2
    keys = ", ".join(f"k{n}=y" for n in range(40_000))
    assert cpu_seconds(lambda: parse(f"Content-Usage: {keys}", AGENTS)) < 2
    assert verdict_of(Robots(), "/") == Verdict(False, None, False)


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        # RFC 9309, section 5.2 and Google's table of examples
        (["-/"], "/", True),
        (["-/"], "", True),
        (["-/fish"], "/fishheads/yummy.html", True),
        (["-/fish"], "/Fish.asp", False),
        (["-/fish/"], "/fish", False),
        (["-/*.php"], "/folder/any.php.file.html", True),
        (["-/*.php$"], "/folder/filename.php", True),
        (["-/*.php$"], "/filename.php?parameters", False),
        (["-/*.php$"], "/a.php/b.php", True),
        (["-/fish*.php"], "/fishheads/catfish.php?p=1", True),
        (["-/a$"], "/a", True),
        (["-/a$"], "/ab", False),
        (["-/", "+/page"], "/page/1", False),
        (["-/page", "+/page"], "/page", False),
        (["-/page", "+/"], "/page", True),
        (["-/*"], "/x", True),
        (["-*"], "/x", True),
        (["-/*a*b$"], "/ab", True),
        (["-/*ab*ab$"], "/ab", False),
        (["-/ü"], "/%C3%BC", True),
        (["-/%c3%bc"], "/ü", True),
        (["-/~a"], "/%7Ea", True),
        (["-/a%2Fb"], "/a/b", False),
        (["-/?q="], "/?q=1", True),
        ([], "/", False),
    ],
)
def test_the_longest_rule_decides(rules: list[str], path: str, expected: bool) -> None:
    group = [Rule(rule[0] == "+", normalised(rule[1:])) for rule in rules]
    assert is_refused([group], path) is expected
    assert is_refused([[Rule(True, "/")], group], path) is expected


def test_a_hostile_file_is_cut() -> None:
    content = "User-agent: *\n" + "Disallow: /a\n" * 100_000
    (group,) = parse(content, AGENTS).groups
    assert len(group) == 2_000
    assert parse(" " * MOST_BYTES + "\nUser-agent: *\nDisallow: /", AGENTS).groups == ()
    assert not is_refused([[Rule(False, "/" + "*a" * 1_000 + "$")]], "/" + "a" * 999)


def test_naming_thousands_of_agents_costs_a_line_each() -> None:
    half = MOST_BYTES // 2
    naming = "".join(f"User-agent: a{n}\n" for n in range(half // 20))
    content = naming + "User-agent: CCBot\n" + "Disallow: /abc\n" * (half // 15)
    # Measured: 0.05 s. Each rule for each agent named would take minutes.
    assert cpu_seconds(lambda: parse(content, AGENTS)) < 2
    (group,) = parse(content, AGENTS).groups
    assert group[0] == Rule(False, "/abc")


def test_a_path_without_end_costs_no_more_than_a_long_one() -> None:
    group = [Rule(False, "/*" + "ab" * 50 + "c")] * 2_000
    path = "/" + "ab" * 500_000
    assert not is_refused([group], path)
    assert cpu_seconds(lambda: is_refused([group], path)) < 0.5  # 0.03 s, uncut 3 s
    assert is_refused([[Rule(False, "/a")]], "/" + "a" * 500_000)


def test_many_rules_with_wildcards_cost_no_more_than_some() -> None:
    """They search as much of a path as is bearable for all of them, in all groups."""
    groups = [[Rule(False, "/*" + "a" * 30 + "b" + "a" * 29)] * 2_000] * 6
    path = "/" + "a" * 4_095
    assert not is_refused(groups, path)
    # Measured: 0.02 s, unbounded 0.54 s.
    assert cpu_seconds(lambda: is_refused(groups, path)) < 0.25


def test_rules_with_wildcards_see_the_whole_of_a_path_where_they_are_few() -> None:
    others = [Rule(False, f"/*/{number}/") for number in range(255)]
    path = "/" + "a" * 4_000
    assert is_refused([[*others, Rule(False, "/*/end")]], path + "/end")
    assert is_refused([[*others * 20, Rule(False, "/*.pdf$")]], path + ".pdf")
    assert not is_refused([[*others * 20, Rule(False, "/*/end")]], path + "/end")
    # What begins a rule, and a `*` that ends it, are no search.
    assert is_refused([[*others * 20, Rule(False, f"{path}*")]], path)
