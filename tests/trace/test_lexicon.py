"""Tokens of texts: what makes the cut fast changes no token."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.trace.lexicon import BOTH_QUOTES, SINGLE_QUOTES, Lexicon, scan, scanner

DATA = Path(__file__).parent / "data" / "bqetl_assets.jsonl.gz"
SLOW = {False: scanner(*SINGLE_QUOTES), True: scanner(*BOTH_QUOTES)}
PIECES = (
    *(
        "select",
        "cast",
        "castle",
        "cast('2020' as date)",
        "cross join",
        "crossed",
        "by target",
        "by",
        "byte",
        "date '2020'",
    ),
    *(
        "date",
        "timestamp ?",
        "timed",
        "safe_cast",
        "x",
        "_x",
        "ab",
        "é",
        "r'a'",
        "n'a'",
        'b"a"',
        "'it''s'",
        '"q"',
        "'open",
    ),
    *(
        "my-proj.a",
        "a-1",
        "$1",
        "$x",
        "%s",
        "%(x)s",
        ":x",
        "a::b",
        "?",
        "${x}",
        "{x}y",
        "\x01",
        "\x06ab",
        "-- c",
        "/* c */",
    ),
    *("__dbt__cte__a", "1e-5", "1.50", ";", ",", "(", ")", ".", "\n", "\t", " ", "`", "#"),
)


@pytest.mark.parametrize("double_is_text", [False, True])
def test_the_short_way_to_a_word_gives_the_same_tokens(double_is_text: bool) -> None:
    with gzip.open(DATA, "rt") as lines:
        texts = [json.loads(line)["sql"] for line in lines]
    assert len(texts) > 200
    for text in texts:
        assert scan(text, double_is_text=double_is_text) == SLOW[double_is_text].findall(text.lower())


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.booleans())
def test_so_it_does_for_any_text(text: str, double_is_text: bool) -> None:
    assert scan(text, double_is_text=double_is_text) == SLOW[double_is_text].findall(text.lower())


@given(st.lists(st.lists(st.text(max_size=3).filter(bool), max_size=5), max_size=40))
def test_a_token_is_the_same_whenever_it_is_met(texts: list[list[str]]) -> None:
    """Also after the lexicon has grown, and after it was emptied because it had grown too large."""
    grown, emptied = Lexicon(), Lexicon()
    emptied.LIMIT = 7
    for tokens in texts:
        alone = _plain(Lexicon(), tokens)
        assert _plain(grown, tokens) == alone
        assert _plain(emptied, tokens) == alone


def _plain(lexicon: Lexicon, tokens: list[str]) -> list[list[int]]:
    return [values.tolist() for values in lexicon.arrays(tokens)]
