"""Filters, sorts and cuts a list of torrents as qBittorrent 5.1 does; pure.

Rules from its sources (torrentfilter.cpp, torrentimpl.cpp, torrentscontroller.cpp): an unknown filter lists all, a
negative offset counts from the end, an offset beyond the list counts as 0, a limit of 0 or less is none. Names of
before 5.0 (`paused`, `resumed`) are understood as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qbdispatch.dispatch.library import Entry

Row = Mapping[str, Any]
_SEEDING = frozenset({"uploading", "stalledUP", "checkingUP", "queuedUP", "forcedUP"})
_STOPPED = frozenset({"stoppedDL", "stoppedUP"})
_ERRORED = frozenset({"error", "missingFiles"})
_CHECKING = frozenset({"checkingUP", "checkingDL", "checkingResumeData"})
_ACTIVE = frozenset({"downloading", "metaDL", "forcedMetaDL", "forcedDL", "uploading", "forcedUP", "moving"})
# fmt: off
_DOWNLOADING = frozenset({
    "downloading", "metaDL", "forcedMetaDL", "stalledDL", "checkingDL", "stoppedDL", "queuedDL", "forcedDL",
})
# fmt: on


class InvalidSort(ValueError):
    """There is no such field to sort by."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to list. `None` for category and tag means any, "" those without one."""

    filter: str = ""
    category: str | None = None
    tag: str | None = None
    private: bool | None = None
    sort: str = ""
    reverse: bool = False
    limit: int = 0
    offset: int = 0


def select(entries: Sequence[Entry], query: Query) -> list[Entry]:
    """The entries that the query asks for, in its order. Raises `InvalidSort`."""
    found = list(entries)
    if query.category is not None:  # the commonest question by far: *arr asks for its own category each minute
        found = [entry for entry in found if entry.category == query.category]
    for test in _tests(query):
        if test is not None:
            found = [entry for entry in found if test(entry.row)]
    if query.sort:
        found = _sorted(found, query.sort, query.reverse)
    return _cut(found, query.limit, query.offset)


def filters() -> list[str]:
    """The filters there are, by name."""
    return sorted(_FILTERS)


def _tests(query: Query) -> list[Callable[[Row], bool] | None]:
    return [
        _FILTERS.get(query.filter),
        None if query.tag is None else _tag_test(query.tag),
        None if query.private is None else lambda row: bool(row["private"]) is query.private,
    ]


def _tag_test(tag: str) -> Callable[[Row], bool]:
    if not tag:
        return lambda row: not row["tags"]
    return lambda row: tag in [one.strip() for one in row["tags"].split(",")]


def _is_active(row: Row) -> bool:
    return row["state"] in _ACTIVE or (row["state"] == "stalledDL" and row["upspeed"] > 0)


_FILTERS: dict[str, Callable[[Row], bool]] = {
    "downloading": lambda row: row["state"] in _DOWNLOADING,
    "seeding": lambda row: row["state"] in _SEEDING,
    "completed": lambda row: row["state"] in _SEEDING or row["state"] == "stoppedUP",
    "stopped": lambda row: row["state"] in _STOPPED,
    "paused": lambda row: row["state"] in _STOPPED,
    "running": lambda row: row["state"] not in _STOPPED,
    "resumed": lambda row: row["state"] not in _STOPPED,
    "active": _is_active,
    "inactive": lambda row: not _is_active(row),
    "stalled": lambda row: row["state"] in ("stalledUP", "stalledDL"),
    "stalled_uploading": lambda row: row["state"] == "stalledUP",
    "stalled_downloading": lambda row: row["state"] == "stalledDL",
    "checking": lambda row: row["state"] in _CHECKING,
    "moving": lambda row: row["state"] == "moving",
    "errored": lambda row: row["state"] in _ERRORED,
}


def _sorted(entries: list[Entry], field: str, reverse: bool) -> list[Entry]:
    if entries and field not in entries[0].row:
        raise InvalidSort("'sort' parameter is invalid")
    return sorted(entries, key=lambda entry: _sort_key(entry.row[field]), reverse=reverse)


def _sort_key(value: Any) -> tuple[int, Any]:
    """Numbers by value, texts by UTF-16 code units as Qt compares them; what has no order keeps together."""
    if isinstance(value, bool | int | float):
        return (1, value)
    return (2, value.encode("utf-16-be", "surrogatepass")) if isinstance(value, str) else (0, 0)


def _cut(entries: list[Entry], limit: int, offset: int) -> list[Entry]:
    start = len(entries) + offset if offset < 0 else offset
    if not 0 <= start < len(entries):
        start = 0
    return entries[start : start + limit] if limit > 0 else entries[start:]
