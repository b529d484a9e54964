"""Figures and codes in words for people: sizes, speeds, spans of time, states of torrents, reasons."""

from datetime import UTC, datetime

UNKNOWN = "\N{EN DASH}"
KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
MINUTE, HOUR, DAY = 60, 3600, 86_400

REASONS = {
    "unreachable": "Does not answer",
    "auth_failed": "Refuses the login",
    "stale": "Not heard of lately",
    "draining": "Drained",
    "below_min_free_space": "Below its free-space floor",
    "insufficient_space": "Too little room for this torrent",
    "too_many_downloads": "At its limit of downloads",
    "category_not_accepted": "Does not take this category",
    "missing_free_space": "Free space not known",
    "score_below_minimum": "Score below min_score",
    "path_elsewhere": "Its folder or data is on another node",
    "reserved": "Its room is kept for a held torrent",
    "already_tried": "Failed to take it a moment ago",
}
"""Each reason code in a few words; the sentence that belongs to it is the rejection's detail."""

FILTERS = {
    "answers": {"unreachable", "auth_failed"},
    "heard of lately": {"stale"},
    "not drained": {"draining"},
    "not tried yet": {"already_tried"},
    "category": {"category_not_accepted"},
    "folder": {"path_elsewhere"},
    "downloads": {"too_many_downloads"},
    "room": {"missing_free_space", "below_min_free_space", "insufficient_space"},
    "not kept for a held one": {"reserved"},
    "score": {"score_below_minimum"},
}
"""The filters in a word or two, in their order, and the codes that each can give."""

WEIGHERS = {"free_space": "Free space", "downloads": "Few downloads", "bandwidth": "Unused bandwidth"}

STATUSES = {
    "accepted": "Placed",
    "duplicate": "Known already",
    "placing": "Being placed",
    "rejected": "Refused",
    "failed": "Failed",
    "held": "Held",
}

_STATES = {
    "allocating": "Downloading",
    "checkingDL": "Checking",
    "checkingResumeData": "Checking",
    "checkingUP": "Checking",
    "downloading": "Downloading",
    "error": "Error",
    "forcedDL": "Downloading",
    "forcedMetaDL": "Fetching metadata",
    "forcedUP": "Seeding",
    "metaDL": "Fetching metadata",
    "missingFiles": "Files are missing",
    "moving": "Moving",
    "queuedDL": "Queued",
    "queuedUP": "Queued to seed",
    "stalledDL": "Waiting for peers",
    "stalledUP": "Seeding",
    "stoppedDL": "Paused",
    "stoppedUP": "Finished",
    "uploading": "Seeding",
}


def reason(code: str) -> str:
    """A reason code in a few words; one from a later version as it is."""
    return REASONS.get(code, code.replace("_", " "))


def weigher(code: str) -> str:
    return WEIGHERS.get(code, code.replace("_", " "))


def status(code: str) -> str:
    return STATUSES.get(code, code)


def torrent_state(code: str, *, away: bool) -> str:
    """A torrent's state; that of one whose node is away is not known."""
    return "Node is away" if away else _STATES.get(code, code)


def size(amount: float | None) -> str:
    """Bytes with a unit of 1024, in three digits at most: "812 GB", "1.8 TB", "0 GB"; what is not known is a dash."""
    if amount is None:
        return UNKNOWN
    for unit, name in ((TIB, "TB"), (GIB, "GB"), (MIB, "MB")):
        if abs(amount) >= 999.5 * unit / KIB:
            return f"{_short(amount / unit)} {name}"
    return f"{amount / KIB:.0f} KB" if amount else "0 GB"


def speed(per_second: float | None) -> str:
    """Bytes per second with a unit of 1024."""
    return UNKNOWN if per_second is None else "0 MB/s" if not per_second else f"{size(per_second)}/s"


def span(seconds: float) -> str:
    """A span of time in its largest unit: "40 s", "12 min", "5 h", "3 days"."""
    for unit, name in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit or (unit != DAY and seconds >= unit):
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def ago(seconds: float) -> str:
    """How long ago; to the minute, so that pages do not change with each look."""
    return "just now" if seconds < MINUTE else f"{span(seconds)} ago"


def seconds_of(rfc3339: str) -> float:
    """A document's time, in seconds since 1970."""
    return datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp()


def clock(seconds: float) -> str:
    """A moment in UTC, as `datetime` attributes want it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(seconds: float) -> str:
    """A moment in UTC, as people read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def titled(text: str) -> str:
    """With a capital at its beginning."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """A detail as a sentence of its own."""
    text = text.strip()
    text = text if "://" in text.partition(" ")[0] else titled(text)
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def _short(amount: float) -> str:
    return f"{amount:.1f}" if abs(amount) < 10 else f"{amount:.0f}"
