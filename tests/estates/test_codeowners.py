"""CODEOWNERS: the rules that GitHub and GitLab document, and the teams that its owners are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.errors import ConfigError
from costlens.estate import Team
from costlens.estates import TeamNames, find_codeowners, parse_codeowners, read_codeowners

#: The example of GitHub's documentation, shortened to its rules.
GITHUB = r"""
# a comment
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs-direct@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octo-logs
/apps/ @octocat
/apps/github
/with\ space/*.md @spaced
my\#file.sql @hashed
"""

CASES = {
    "README.md": ("@global-owner1", "@global-owner2"),
    "src/deep/x.js": ("@js-owner",),
    "main.go": ("docs@example.com",),
    "a.txt": ("@octo-org/octocats",),
    "build/logs/x/y": ("@octo-logs",),
    "docs/getting-started.md": ("@doctocat",),
    "docs/a/b.md": ("@doctocat",),
    "nested/docs/a.md": ("@global-owner1", "@global-owner2"),
    "x/apps/a": ("@octocat",),
    "apps/github/x.rb": (),
    "apps/other/x.rb": ("@octocat",),
    "deeply/nested/logs/z": ("@octo-logs",),
    "with space/x.md": ("@spaced",),
    "with space/sub/x.md": ("@global-owner1", "@global-owner2"),
    "models/my#file.sql": ("@hashed",),
    "./scripts/run.sh": ("@doctocat", "@octocat"),
}


@pytest.mark.parametrize("path", CASES)
def test_github_takes_the_last_rule_that_matches(path: str) -> None:
    owned = parse_codeowners(GITHUB).of(path)
    assert owned is not None
    assert owned.owners == CASES[path]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("docs/*", ["docs/a.md"], ["docs/a/b.md", "x/docs/a.md"]),
        ("/*", ["a"], ["a/b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/c"], ["b", "x/a/b"]),
        ("**/a/*.sql", ["a/x.sql", "q/a/x.sql"], ["a/q/x.sql"]),
        ("a/**", ["a/x", "a/x/y"], ["a"]),
        ("m?dels/", ["models/x", "q/models/x/y"], ["mdels/x", "models"]),
        ("*_test_*.py", ["a/b_test_c.py"], ["a/btest.py"]),
        ("a+b(c).sql", ["x/a+b(c).sql"], ["aab(c).sql"]),
        ("Models/", ["Models/x"], ["models/x"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    rules = parse_codeowners(f"{pattern} @o\n", "github")
    assert rules.problems == ()
    assert [rules.of(path) is not None for path in matching] == [True] * len(matching)
    assert [path for path in other if rules.of(path)] == []


def test_gitlab_sections_speak_independently_and_have_default_owners() -> None:
    text = """
* @fallback
[Data models][2] @data-team
/models/
/models/finance/ @finance
!/models/vendor/
^[Docs]
*.md @@maintainer writers@example.org
[data MODELS]
/models/growth/ @growth
"""
    rules = parse_codeowners(text)
    found = {path: rules.of(path) for path in ("models/a.sql", "models/finance/b.md", "models/vendor/c.sql", "x/y")}
    assert found["models/a.sql"]
    assert found["models/a.sql"].owners == ("@fallback", "@data-team")
    assert found["models/finance/b.md"]
    assert found["models/finance/b.md"].owners == ("@fallback", "@finance", "@@maintainer", "writers@example.org")
    assert found["models/vendor/c.sql"]
    assert found["models/vendor/c.sql"].owners == ("@fallback",)
    assert found["x/y"]
    assert found["x/y"].lines == (2,)
    growth = rules.of("models/growth/g.sql")
    assert growth
    assert growth.owners == ("@fallback", "@growth"), "a section named again goes on"


def test_lines_that_are_not_valid_are_skipped_and_told() -> None:
    rules = parse_codeowners("* @all\n!a.sql @x\nb[12].sql @y\nc.sql someone\nd.sql @ok\n", "github")
    assert [problem.partition(":")[0] for problem in rules.problems] == ["line 2", "line 3", "line 4"]
    assert rules.of("c.sql") == rules.of("anything")
    assert parse_codeowners("").of("x") is None


def test_the_file_is_looked_for_where_the_hosts_look(tmp_path: Path) -> None:
    assert find_codeowners(tmp_path) is None
    for place in ("docs/CODEOWNERS", ".github/CODEOWNERS"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_text(f"* @{place[:4].strip('.')}\n", "utf-8")
    found = find_codeowners(tmp_path)
    assert found == tmp_path / ".github/CODEOWNERS"
    owned = read_codeowners(found).of("x")
    assert owned is not None
    assert owned.owners == ("@git",)
    with pytest.raises(ConfigError, match="no such file"):
        read_codeowners(tmp_path / "CODEOWNERS")


def test_a_hostile_pattern_is_matched_in_linear_time() -> None:
    """With backtracking over every wildcard this would not end."""
    rules = parse_codeowners("*a*a*a*a*a*a*a*a*a*a*a*a*b @x\n" + "/".join(["**", "a"] * 12) + "/b @y\n", "github")
    assert rules.problems == ()
    assert rules.of("a" * 250) is None
    assert rules.of("a/" * 1500 + "c") is None


@given(st.text(alphabet="ab*?/\\ #[]!@", max_size=12), st.text(alphabet="ab/# ", max_size=10))
def test_no_line_breaks_the_reading(line: str, path: str) -> None:
    for dialect in ("github", "gitlab"):
        parse_codeowners(f"{line} @o\n", dialect).of(path)


@pytest.mark.parametrize(
    ("owner", "team"),
    [
        ("@acme/growth-data", "Growth Data"),
        ("team:growth data", "Growth Data"),
        ("GROWTH@example.org", "Growth Data"),
        ("@alice", "finance"),
        ("@acme/money", "finance"),
        ("@acme/unknown", None),
        ("finance@elsewhere.org", None),
        ("finance", "finance"),
    ],
)
def test_owners_are_teams_by_name_address_and_alias(owner: str, team: str | None) -> None:
    names = TeamNames(
        [Team("Growth Data", email="growth@example.org"), Team("finance", aliases=("@alice", "@acme/money"))]
    )
    assert names.team(owner) == team
