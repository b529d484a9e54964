"""Finding torrents by name or hash in the list of all nodes; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from qbdispatch.dispatch.library import Entry

PAGE = 50


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was found, the newest first."""

    entries: list[Entry]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


def search(entries: Iterable[Entry], text: str, page: int) -> Found:
    """The torrents whose name has all of these words, or whose hash begins with the text; on every node that has
    one. A page beyond the last is the last."""
    words = text.casefold().split()
    hits = [entry for entry in entries if _matches(entry, words)]
    hits.sort(key=lambda entry: (-entry.row["added_on"], entry.row["name"], entry.node))
    found = Found([], len(hits), 1)
    page = min(max(page, 1), found.pages)
    return Found(hits[(page - 1) * PAGE : page * PAGE], len(hits), page)


def _matches(entry: Entry, words: list[str]) -> bool:
    name = entry.row["name"].casefold()
    if all(word in name for word in words):
        return True
    return len(words) == 1 and any(hash_.startswith(words[0]) for hash_ in (entry.hash, *entry.aliases))
