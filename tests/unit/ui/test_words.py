"""Figures in words."""

import pytest

from qbdispatch.scoring.model import Reason
from qbdispatch.ui import words

GIB = 2**30


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        (None, "–"),  # noqa: RUF001
        (0, "0 GB"),
        (2048, "2 KB"),
        (5 * 2**20, "5.0 MB"),
        (812 * GIB, "812 GB"),
        (999 * GIB, "999 GB"),
        (1023 * GIB, "1.0 TB"),
        (int(1.84 * 2**40), "1.8 TB"),
        (-62.2 * GIB, "-62 GB"),
    ],
)
def test_sizes_have_the_unit_that_suits_them(amount: float | None, says: str) -> None:
    """One decimal below ten."""
    assert words.size(amount) == says


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(5, "5 s"), (60, "1 min"), (3599, "60 min"), (5 * 3600, "5 h"), (47 * 3600, "47 h"), (50 * 3600, "2 days")],
)
def test_spans_have_the_largest_unit(seconds: float, says: str) -> None:
    """Days from two days on."""
    assert words.span(seconds) == says


def test_every_reason_has_words() -> None:
    """A new code must not reach people as a code."""
    assert set(words.REASONS) == {reason.value for reason in Reason}
    assert words.reason("of_a_later_version") == "of a later version"


def test_every_reason_belongs_to_a_filter() -> None:
    """And to one only; else a node would be shown as through what it failed."""
    codes = [code for theirs in words.FILTERS.values() for code in theirs]
    assert sorted(codes) == sorted(reason.value for reason in Reason)


def test_a_detail_becomes_a_sentence_but_an_address_stays_as_it_is() -> None:
    """Hosts are not written with a capital."""
    assert words.sentence("is it running?") == "Is it running?"
    assert words.sentence("drained by its user") == "Drained by its user."
    assert words.sentence("http://a:1 refuses") == "http://a:1 refuses."
    assert words.sentence("") == ""
