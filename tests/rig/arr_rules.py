"""How Sonarr and Radarr judge what a download client lists: what each torrent's state means to them, whether it is to
be imported, and whether it may be moved or removed; pure. Facts from their sources.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
USE_GLOBAL = -2
_RATIO_TOLERANCE = 0.001

# fmt: off
_STATUS = {
    "error": "warning", "missingFiles": "warning", "stalledDL": "warning",
    "pausedDL": "paused", "stoppedDL": "paused",
    "queuedDL": "queued", "checkingDL": "queued", "checkingUP": "queued", "checkingResumeData": "queued",
    "metaDL": "queued", "forcedMetaDL": "queued",
    "pausedUP": "completed", "stoppedUP": "completed", "uploading": "completed", "stalledUP": "completed",
    "queuedUP": "completed", "forcedUP": "completed",
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Item:
    """A torrent in the queue. `output_path`: what would be imported, `None` while nothing can be."""

    download_id: str
    title: str
    status: str
    output_path: str | None
    can_be_removed: bool
    row: Row

    @property
    def is_importable(self) -> bool:
        """Whether it is imported now."""
        return self.status == "completed" and self.output_path is not None

    @property
    def is_left_alone(self) -> bool:
        """Whether *arr neither imports nor moves nor removes it; moving follows the same flag as removing."""
        return self.status != "completed" and not self.can_be_removed


def items_of(rows: Sequence[Row], preferences: Row) -> Iterator[Item]:
    """The queue's items; a row that lacks one of the fields they read fails the whole poll."""
    for row in rows:
        status, path = _STATUS.get(row["state"], "downloading"), str(row["content_path"])
        if "metaDL" in row["state"] and not preferences.get("dht"):
            status = "warning"  # "cannot resolve magnet link with DHT disabled"
        if path == row["save_path"] and status == "completed":
            status = "warning"  # "path matches client base download directory"
        yield Item(
            download_id=row["hash"].upper(),
            title=row["name"],
            status=status,
            output_path=path if path.startswith("/") and path != row["save_path"] else None,
            can_be_removed=row["state"] in ("pausedUP", "stoppedUP") and has_reached_limit(row, preferences),
            row=row,
        )


def has_reached_limit(row: Row, preferences: Row) -> bool:
    """By the torrent's own limits, or for a limit of -2 by the global one where that is on."""
    ratio = _limit(row, "ratio_limit", preferences, "max_ratio")
    if ratio is not None and ratio - row["ratio"] <= _RATIO_TOLERANCE:
        return True
    seeding = _limit(row, "seeding_time_limit", preferences, "max_seeding_time")
    if seeding is not None and row["seeding_time"] >= seeding * 60:
        return True
    inactive = _limit(row, "inactive_seeding_time_limit", preferences, "max_inactive_seeding_time")
    return inactive is not None and time.time() - row["last_activity"] > inactive * 60


def _limit(row: Row, own: str, preferences: Row, shared: str) -> float | None:
    value = row.get(own, USE_GLOBAL)
    if value >= 0:
        return float(value)
    return float(preferences[shared]) if value == USE_GLOBAL and preferences.get(f"{shared}_enabled") else None
