"""Holds two answers of one call against each other: how the call ended, the answer's type, its fields, their values.

Owns: the outcome of a call as plain data, and the list of places where two outcomes differ. What is compared with
what, and which differences are meant, is the tests' business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from qbittorrentapi.exceptions import APIError, HTTPError

# fmt: off
VOLATILE = frozenset({
    # the clock, and how long something has taken
    "added_on", "addition_date", "completion_on", "completion_date", "last_activity", "last_seen", "seen_complete",
    "time_active", "time_elapsed", "seeding_time", "reannounce", "reannounce_in", "next_announce", "min_announce",
    "eta", "popularity", "priority",
    # how far a tracker has been asked
    "msg", "status", "dl_speed_avg", "up_speed_avg",
    # counters of one server's life, its disk, and its ports
    "rid", "alltime_dl", "alltime_ul", "free_space_on_disk", "total_buffers_size", "queued_io_jobs",
    "total_queued_size", "average_time_queue", "read_cache_overload", "write_cache_overload", "read_cache_hits",
    "total_peer_connections", "connection_status", "listen_port", "web_ui_port", "global_ratio", "dht_nodes",
    "total_wasted", "total_wasted_session", "nb_connections", "file_log_path", "ssl_listen_port",
    # what a release was built with
    "boost", "libtorrent", "openssl", "qt", "zlib",
})
# fmt: on
"""Fields of which only presence and type are compared."""


@dataclass(frozen=True)
class Outcome:
    """`ended` is "ok" or the error with its HTTP status; `value` the answer as JSON has it, `kind` its class."""

    ended: str
    kind: str = ""
    value: Any = None


def outcome_of(call: Callable[[], Any]) -> Outcome:
    """Make the call."""
    try:
        answer = call()
    except HTTPError as error:
        return Outcome(f"{type(error).__name__} {error.http_status_code}")
    except (APIError, NotImplementedError) as error:
        return Outcome(type(error).__name__)
    return Outcome("ok", type(answer).__name__, plain(answer))


def plain(answer: Any) -> Any:
    """The answer without the client library's own classes."""
    if isinstance(answer, bytes):
        return re.sub(rb"creation datei\d+e", b"", answer).hex()  # of an exported torrent: now
    return json.loads(json.dumps(answer, default=list))


def differences(left: Outcome, right: Outcome) -> dict[str, str]:
    """Where two outcomes differ, as a path such as `[].save_path`, and how."""
    if (left.ended, left.kind) != (right.ended, right.kind):
        return {"outcome": f"{left} against {right}"}
    return dict(_unlike(left.value, right.value, ""))


def _unlike(left: Any, right: Any, path: str) -> Iterator[tuple[str, str]]:
    if type(left) is not type(right):
        yield path, f"{left!r} against {right!r}"
    elif isinstance(left, dict):
        for key in sorted(left.keys() | right.keys()):
            if key not in right or key not in left:
                yield f"{path}.{key}", "missing in the " + ("second" if key in left else "first")
            elif type(left[key]) is not type(right[key]) or key not in VOLATILE:
                yield from _unlike(left[key], right[key], f"{path}.{key}")
    elif isinstance(left, list):
        if len(left) != len(right):
            yield path, f"{left!r} against {right!r}"
        for one, other in zip(_ordered(left), _ordered(right), strict=False):
            yield from _unlike(one, other, f"{path}[]")
    elif left != right:
        yield path, f"{left!r} against {right!r}"


def _ordered(items: list[Any]) -> list[Any]:
    """Lists of objects by name: qBittorrent lists torrents in no order of its own."""
    named = all(isinstance(item, dict) and "name" in item for item in items)
    return sorted(items, key=lambda item: str(item["name"])) if named else items
