from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis.errors import ConfigError
from tamis.rights.robots import parse
from tamis.rights.robots_runs import Answer, merge_runs, write_runs
from tamis.stages.filter_robots import FilterRobots

AGENTS = ("ccbot", "gptbot")
FILES = {
    "shut.example": "User-agent: GPTBot\nDisallow: /",
    "partly.example": "User-agent: *\nDisallow: /privé/\nContent-Usage: /текст train-ai=n",
    "signals.example": "User-agent: *\nContent-Signal: ai-train=no",
    "licensed.example": "License: https://licensed.example/rsl.xml",
    "例え.example": "User-agent: *\nDisallow: /本",
    "مثال.example": "User-agent: *\nContent-Usage: /नमस्ते/ train-ai=n",
}


@pytest.fixture
def table(tmp_path: Path) -> str:
    answers = [
        Answer(host, "2026-10-03", parse(content, AGENTS))
        for host, content in FILES.items()
    ]
    path = tmp_path / "robots.arrow"
    merge_runs(write_runs(answers, tmp_path), path, agents=AGENTS)
    return str(path)


def batch(*pages: tuple[str | None, str | None]) -> Any:
    return pa.record_batch(
        {
            "host": pa.array([host for host, _ in pages], pa.string()),
            "url": pa.array([url for _, url in pages], pa.string()),
            "drop_reason": pa.nulls(len(pages), pa.string()),
        }
    )


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("shut.example", "/", "rights_robots_refused"),
        ("partly.example", "/priv%C3%A9/1", "rights_robots_refused"),
        ("partly.example", "/public", None),
        ("partly.example", "/текст?q=1", "rights_ai_train_refused"),
        ("signals.example", "/", "rights_ai_train_refused"),
        ("licensed.example", "/", "rights_rsl"),
        ("例え.example", "/本/1", "rights_robots_refused"),
        ("مثال.example", "/नमस्ते/", "rights_ai_train_refused"),
        ("other.example", "/", None),
    ],
)
def test_what_a_host_says_today_drops_what_was_read_years_ago(
    table: str, host: str, path: str, expected: str | None
) -> None:
    pages = batch((host, f"https://{host}{path}"))
    dropped = FilterRobots(table=table).build()(pages)
    assert dropped["drop_reason"].to_pylist() == [expected]


def test_only_what_is_asked_for_refuses(table: str) -> None:
    stage = FilterRobots(table=table, refuse=("robots",))
    pages = batch(
        ("signals.example", "https://signals.example/"),
        ("licensed.example", "https://licensed.example/"),
        (None, None),
    )
    assert stage.build()(pages)["drop_reason"].to_pylist() == [None] * 3


def test_no_pages_give_no_reasons(table: str) -> None:
    assert FilterRobots(table=table).build()(batch()).num_rows == 0


def test_a_file_that_is_no_table_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "robots.txt"
    path.write_text("User-agent: *")
    with pytest.raises(ConfigError, match=r"filter_robots\.table: .*robots\.txt"):
        FilterRobots(table=str(path)).build()


def test_it_says_from_when_its_table_is(table: str) -> None:
    stated = ["robots.txt of 2026-10-03 to 2026-10-03, for ccbot, gptbot"]
    assert FilterRobots(table=table).dated() == stated
