"""The commands that README and docs/ show: found, told apart, and made to concern what a test has started."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
IN_CONTAINER = "docker compose exec qb-dispatcher "


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it stands on a page; what it is in the container is what it is here."""

    page: str
    text: str

    @property
    def plain(self) -> str:
        return self.text.removeprefix(IN_CONTAINER)


def documented() -> list[Command]:
    """Every command of every ```sh block, in order; each text once."""
    found: dict[str, Command] = {}
    for page in _pages():
        for block in blocks("sh", page):
            for text in _commands(block):
                command = Command(page.name, text)
                found.setdefault(command.plain, command)
    return list(found.values())


def blocks(language: str, page: Path | None = None) -> list[str]:
    """Every block of this language, on this page or on any."""
    marked = re.compile(rf"^( *)```{language}\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    pages = _pages() if page is None else [page]
    return [dedent(block) for one in pages for _, block in marked.findall(one.read_text())]


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _commands(block: str) -> Iterator[str]:
    """Lines, put together where a quote goes on; without comments."""
    text = ""
    for line in block.splitlines():
        text += f"\n{line}" if text else line
        try:
            words = shlex.split(text, comments=True)
        except ValueError:  # no closing quotation yet
            continue
        if words:
            yield text
        text = ""
    assert not text, f"a quote is never closed: {text}"
