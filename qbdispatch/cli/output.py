"""How answers look: aligned tables for people, one JSON document for programs. Knows nothing of what is shown."""

import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import click

GAP = "  "
LEAST_WRAP = 20
_STYLES = {"yes": "green", "no": "red", "error": "red", "warning": "yellow", "accepted": "green", "rejected": "red"}
_STYLES |= {"failed": "red", "duplicate": "yellow", "held": "yellow"}


def show_json(document: Any) -> None:
    """One document on standard output; ASCII only, so that no terminal and no pipe stumbles over it."""
    click.echo(json.dumps(document, indent=2))


def show_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell; on a terminal the last one is wrapped to its width."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(table(head, rows, width))


def show_pairs(document: Mapping[str, Any]) -> None:
    """One value a line."""
    longest = max(map(len, document), default=0)
    for name, value in document.items():
        click.echo(f"{name.ljust(longest)}{GAP}{_styled(text(value))}".rstrip())


def show_progress(what: str) -> None:
    """A line for a person who waits; nothing where nobody looks."""
    if sys.stderr.isatty():
        click.echo(f"{what} …", err=True)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None = None) -> str:
    """The table as text; numbers are to the right, the last column is wrapped where `width` is too little."""
    texts = [[text(cell) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(head, *texts, strict=True)]
    if width is not None:
        taken = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(LEAST_WRAP, width - taken))
    lines = [_line([click.style(name, bold=True) for name in head], head, widths, [""] * len(head))]
    for row, line in zip(rows, texts, strict=True):
        lines += _wrapped(row, line, widths)
    return "\n".join(lines)


def text(cell: Any) -> str:
    """A value as it is shown: unknown is a dash, and what a name holds cannot steer the terminal."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if cell is None or cell == "":
        return "-"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(cell))


def cells(line: str) -> int:
    """The columns that a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
    return len(line) + wide - sum(map(bool, map(unicodedata.combining, line)))


def _wrapped(row: Sequence[Any], line: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = textwrap.wrap(line[-1], widths[-1], break_on_hyphens=False) if cells(line[-1]) > widths[-1] else [line[-1]]
    plain = [*line[:-1], parts[0]]
    first = _line([_styled(one) for one in plain], plain, widths, row)
    indent = " " * (sum(widths[:-1]) + len(GAP) * (len(widths) - 1))
    return [first, *(indent + part for part in parts[1:])]


def _line(styled: Sequence[str], plain: Sequence[str], widths: Sequence[int], row: Sequence[Any]) -> str:
    shown = []
    for one, bare, width, cell in zip(styled, plain, widths, row, strict=True):
        blank = " " * (width - cells(bare))
        is_number = isinstance(cell, int | float) and not isinstance(cell, bool)
        shown.append(blank + one if is_number else one + blank)
    return GAP.join(shown).rstrip()


def _styled(one: str) -> str:
    colour = _STYLES.get(one)
    return click.style(one, fg=colour) if colour else one
