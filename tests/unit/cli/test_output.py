"""How tables look."""

from __future__ import annotations

import click
import pytest

from qbdispatch.cli.output import cells, table, text


def _plain(*arguments: object) -> list[str]:
    return click.unstyle(table(*arguments)).splitlines()  # type: ignore[arg-type]


def test_columns_are_aligned_and_numbers_to_the_right() -> None:
    """Unknown is a dash, and a yes is a word."""
    lines = _plain(["name", "GB", "up"], [["a", 5.0, True], ["longer", None, False], ["b", 100, None]])
    assert lines == ["name    GB   up", "a       5.0  yes", "longer  -    no", "b       100  -"]


def test_wide_letters_take_two_columns_and_accents_none() -> None:
    """As terminals show them."""
    assert (cells("ab"), cells("\u6620\u753b"), cells("e\u0301")) == (2, 4, 1)
    lines = _plain(["n", "x"], [["\u6620\u753b", "1"], ["abc", "2"]])
    assert lines[1:] == ["\u6620\u753b  1", "abc   2"]


def test_the_last_column_is_wrapped_to_the_terminal() -> None:
    """Never to less than 20 columns, and what follows is indented to it."""
    lines = _plain(["n", "why"], [["a", "one two three four five six seven eight"]], 30)
    assert lines[1:] == ["a  one two three four five six", "   seven eight"]
    assert max(map(len, _plain(["n" * 40, "why"], [["a", "one two three four five six seven"]], 30))) <= 42 + 20
    assert len(_plain(["n", "why"], [["a", "word " * 100]])) == 2


@pytest.mark.parametrize("control", ["\x1b[31m", "\r", "\n", "\u202e", "\x00"])
def test_a_cell_cannot_steer_the_terminal(control: str) -> None:
    """Nor turn the line around."""
    assert text(f"a{control}b").isprintable()
