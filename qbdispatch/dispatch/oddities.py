"""What is odd about a node that answers: found in its list by the leader, or in a live answer by whoever asked."""

from qbdispatch.nodes.errors import Cause, with_advice
from qbdispatch.nodes.view import NodeView

SLOW_MILLISECONDS = 1000.0
"""A qBittorrent of today answers the cheap calls in some milliseconds, a busy one in some hundred."""

CLOCK_SKEW_SECONDS = 60.0
Oddity = tuple[Cause, str]


def in_list(view: NodeView, missing: int, known: int) -> Oddity | None:
    """What is odd about a list of which `missing` torrents are awaited, of `known` that we knew of."""
    if view.lacks_disk_space:
        return _told(Cause.DISK_FULL, "it reports no free space, and what it was loading is in error")
    if missing and missing == known and view.torrents:
        return _told(Cause.REPLACED, f"it lists none of the {known} torrents that were on it, but others")
    if missing:
        return _told(Cause.LIST_INCOMPLETE, f"it does not list {missing} of its torrents at the moment")
    return None


def in_answer(latency_ms: float | None, clock_ahead_seconds: float | None) -> list[str]:
    """Warnings about one live answer."""
    warnings = []
    if latency_ms is not None and latency_ms >= SLOW_MILLISECONDS:
        warnings.append(_told(Cause.SLOW, f"it took {latency_ms / 1000:.1f} s for a cheap call")[1])
    if clock_ahead_seconds is not None and abs(clock_ahead_seconds) >= CLOCK_SKEW_SECONDS:
        side = "ahead of" if clock_ahead_seconds > 0 else "behind"
        what = f"its clock is {abs(clock_ahead_seconds) / 60:.0f} min {side} that of this host"
        warnings.append(_told(Cause.CLOCK_SKEW, what)[1])
    return warnings


def _told(cause: Cause, what: str) -> Oddity:
    return cause, f"{cause}: {with_advice(what, cause)}"
