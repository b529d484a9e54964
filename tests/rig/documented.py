"""The commands that README and docs/ show, in blocks and in sentences."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
IN_CONTAINER = re.compile(r"docker compose (?:-f \S+ )?(?:exec|run --rm) \S+ ")
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
IN_A_SENTENCE = re.compile(r"`([^`]+)`")
PROGRAM = re.compile(r"(\.venv/bin/\w+|qbdispatch|docker|systemctl|gunicorn|nginx|python3?|pip|curl|git|make) \S")


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it stands on a page; what it is in the container is what it is here."""

    page: str
    text: str

    @property
    def plain(self) -> str:
        return IN_CONTAINER.sub("", self.text, count=1)


def documented() -> list[Command]:
    """Every command of every ```sh block and every sentence, page by page; each text once."""
    found: dict[str, Command] = {}
    for page in _pages():
        shown = [text for block in blocks("sh", page) for text in _commands(block)]
        for text in shown + _in_sentences(page):
            command = Command(page.name, text)
            found.setdefault(command.plain, command)
    return list(found.values())


def blocks(language: str, page: Path | None = None) -> list[str]:
    """Every block of this language, on this page or on any."""
    pages = _pages() if page is None else [page]
    return [dedent(block) for one in pages for _, name, block in FENCED.findall(one.read_text()) if name == language]


def languages() -> set[str]:
    """Of all blocks; that of pictures and of what programs say has no name."""
    return {name for page in _pages() for _, name, _ in FENCED.findall(page.read_text())}


def is_command(line: str) -> bool:
    """A program that the pages speak of, with words after it."""
    return PROGRAM.match(line) is not None


def _in_sentences(page: Path) -> list[str]:
    found = (" ".join(text.split()) for text in IN_A_SENTENCE.findall(FENCED.sub("", page.read_text())))
    return [text for text in found if is_command(text)]


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
