"""The dialects of qBittorrent 4.3 to 5.3: what to send so that each understands, and what its answers mean.

Facts from qBittorrent's sources: `paused` became `stopped` in 5.0 and each ignores the other's name; `skip_checking`
became `seedMode` after 5.2; from 5.2 `torrents/add` answers JSON with counts, 202 while a count is pending, and 409
where nothing was added; before, it answers 200 with `Ok.` or `Fails.`.
"""

import json
from collections.abc import Mapping
from enum import Enum

# fmt: off
ADD_FIELDS = frozenset({
    "savepath", "downloadPath", "useDownloadPath", "category", "tags", "rename", "stopCondition",
    "contentLayout", "root_folder", "sequentialDownload", "firstLastPiecePrio", "addToTopOfQueue",
    "forced", "autoTMM", "upLimit", "dlLimit", "ratioLimit", "seedingTimeLimit",
    "inactiveSeedingTimeLimit", "shareLimitAction", "shareLimitsMode", "filePriorities",
    "ssl_certificate", "ssl_private_key", "ssl_dh_params", "stopped", "paused", "skip_checking",
    "seedMode",
})
# fmt: on
"""What a client may say about a torrent it adds; all of it is passed on."""

_TWINS = (("stopped", "paused"), ("skip_checking", "seedMode"))
# fmt: off
_ACTIVE = frozenset({
    "downloading", "forcedDL", "stalledDL", "metaDL", "forcedMetaDL", "queuedDL", "checkingDL", "checkingResumeData",
    "allocating",
})
# fmt: on
_PAUSED = frozenset({"pausedDL", "stoppedDL"})
_SIZE_NOT_SETTLED = frozenset({"metaDL", "forcedMetaDL", "checkingResumeData", "unknown"})


class AddReply(Enum):
    """What a node's answer to an add means."""

    TAKEN = "taken"
    NOT_TAKEN = "not taken"  # a duplicate, or nothing it could use; the answer does not tell which
    UNCLEAR = "unclear"


def add_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """The client's fields with both names of each renamed one, so that every version finds its own."""
    known = {name: value for name, value in fields.items() if name in ADD_FIELDS}
    for twins in _TWINS:
        given = next((known[name] for name in twins if name in known), None)
        if given is not None:
            known |= dict.fromkeys(twins, given)
    return known


def read_add_reply(body: str) -> AddReply:
    """Read the body of a successful answer to an add of one torrent."""
    text = body.strip()
    if text == "Ok.":
        return AddReply.TAKEN
    if text == "Fails.":
        return AddReply.NOT_TAKEN
    try:
        counts = json.loads(text)
    except (ValueError, RecursionError):
        return AddReply.UNCLEAR
    if not isinstance(counts, dict) or not isinstance(counts.get("success_count"), int):
        return AddReply.UNCLEAR
    pending = counts.get("pending_count") or 0
    if not isinstance(pending, int):
        return AddReply.UNCLEAR
    return AddReply.TAKEN if counts["success_count"] + pending > 0 else AddReply.NOT_TAKEN


def is_active_download(state: str, amount_left: int) -> bool:
    """Whether a torrent counts as an active download: unfinished and neither stopped nor in error.

    Queued ones count, as they will write as soon as a slot frees. qBittorrent's own `downloading` filter will not
    do: it includes stopped torrents.
    """
    return state in _ACTIVE or (state == "moving" and amount_left > 0)


def is_paused_download(state: str) -> bool:
    """Whether an unfinished torrent is stopped by its user."""
    return state in _PAUSED


def has_settled_size(state: str, size: int) -> bool:
    """Whether `amount_left` can be relied on: without metadata, and while it is being loaded, a torrent says 0."""
    return size > 0 and state not in _SIZE_NOT_SETTLED
