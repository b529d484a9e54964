"""Holds a torrent that fits nowhere now, and lists it to clients as one that waits in a queue.

A held torrent is in the mirror as if it were on a node of the name `HELD`, so that lists and their increments need to
know nothing of it. Each function here is part of a write transaction of its caller. Does not own when a held torrent
is placed (`dispatch.waitlist`) nor what may be done to it meanwhile (`dispatch.held_actions`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from qbdispatch.config.settings import HoldSettings, NodeSettings
from qbdispatch.dispatch.documents import gigabytes, rfc3339
from qbdispatch.dispatch.homes import find_home
from qbdispatch.dispatch.request import Submission
from qbdispatch.nodes.rows import expected_row
from qbdispatch.scoring.model import Decision, Request
from qbdispatch.scoring.queueing import may_ever_fit
from qbdispatch.store import decisions, held, mirror
from qbdispatch.torrents.magnet import parse_magnet
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import InfoHashes

HELD = ""
"""No node can have this name."""

NOWHERE = NodeSettings(name=HELD, url="")
"""Its settings: paths are the clients'."""

_NUMBER = re.compile(r"[0-9]{1,18}")
_NUMBERS = {"dl_limit": "dlLimit", "up_limit": "upLimit"}
_FLAGS = {
    "auto_tmm": "autoTMM",
    "f_l_piece_prio": "firstLastPiecePrio",
    "force_start": "forced",
    "seq_dl": "sequentialDownload",
}


def refusal_to_hold(connection: Connection, wanted: HoldSettings, decision: Decision | None) -> str | None:
    """Why a torrent that fits nowhere is not held; `None` if it is, "" if holding is off. `decision` is `None` where
    nodes were eligible but failed."""
    if not wanted.enabled:
        return ""
    if decision is not None and not may_ever_fit(decision):
        return "it is not held, since waiting does not help: no node that it may go to accepts its category"
    if held.count(connection) >= wanted.max_torrents:
        return f"it is not held, since hold.max_torrents, which is {wanted.max_torrents}, are held already"
    return None


def hold(connection: Connection, submission: Submission, document: dict[str, Any], size: int, now: float) -> None:
    """Keep and list a torrent that is known nowhere. `size` is what it will claim, in bytes."""
    source = submission.source
    held.add(
        connection,
        source.hashes,
        name=submission.name,
        title=submission.title,
        size_estimate=submission.size_estimate_bytes,
        size=size,
        category=submission.category,
        fields=dict(submission.fields),
        magnet=source.magnet,
        content=source.content,
        decision_id=document["decision_id"],
        held_at=now,
    )
    show(connection, submission, now, now)


def show(connection: Connection, submission: Submission, held_at: float, now: float) -> None:
    """List a held torrent as its fields say."""
    hashes = submission.source.hashes
    listed = mirror.Listed(hashes.node_ids[-1], hashes.v1 or hashes.node_ids[-1], _row(submission, held_at))
    mirror.put(connection, HELD, [listed], revision=mirror.next_revision(connection), seen_at=now, touched=True)


def let_go(connection: Connection, hashes: InfoHashes, now: float) -> bool:
    """Hold this torrent no longer; whether it was held. Where it goes on in the list, say so in the same
    transaction."""
    found = held.find(connection, hashes)
    if found is None:
        return False
    held.drop(connection, [found.id])
    revision = mirror.next_revision(connection)
    mirror.remove(connection, HELD, found.hashes.node_ids, revision=revision, seen_at=now, touched=True)
    return True


def request_of(connection: Connection, one: held.Held, nodes: Sequence[NodeSettings]) -> Request:
    """What a held torrent asks of the nodes."""
    home = find_home(connection, one.fields, nodes)
    return Request(0 if home.has_data else one.size, one.category, homes=home.nodes)


def submission_of(connection: Connection, found: held.Held) -> Submission | None:
    """What was submitted, with what actions have changed since; `None` if it is held no longer."""
    torrent = held.torrent(connection, found.id)
    if torrent is None:
        return None
    source = parse_torrent_file(torrent.content) if torrent.content is not None else parse_magnet(torrent.magnet or "")
    return Submission(source, found.name, found.size_estimate, found.fields)


def held_documents(connection: Connection, now: float) -> list[dict[str, Any]]:
    """All that are held, oldest first, for people. `age_s` is seconds, `size_gb` GiB."""
    return [
        {
            "position": position,
            "name": one.title,
            "hash": one.hashes.key,
            "size_gb": gigabytes(one.size),
            "category": one.category,
            "since": rfc3339(one.held_at),
            "age_s": round(max(0.0, now - one.held_at), 1),
            "decision_id": one.decision_id,
            "why": (decisions.get(connection, one.decision_id) or {}).get("reason"),
        }
        for position, one in enumerate(held.waiting(connection), 1)
    ]


def is_true(text: str | None) -> bool:
    return (text or "").lower() == "true"


def _row(submission: Submission, held_at: float) -> dict[str, Any]:
    """As a torrent in the queue of a node, without metadata."""
    source, fields = submission.source, submission.fields
    size = source.size_bytes or submission.size_estimate_bytes or 0
    row = expected_row(
        fields,
        name=source.name or submission.title,
        size_bytes=size,
        magnet=source.magnet,
        added_on=int(held_at),
    )
    return (
        row
        | _flags_and_limits(fields)
        | {
            "has_metadata": False,
            "infohash_v1": source.hashes.v1 or "",
            "infohash_v2": source.hashes.v2 or "",
            "state": "stoppedDL" if row["state"] == "stoppedDL" else "queuedDL",
        }
    )


def _flags_and_limits(fields: Mapping[str, str]) -> dict[str, Any]:
    given = {shown: fields.get(name, "") for shown, name in _NUMBERS.items()}
    numbers = {shown: int(text) for shown, text in given.items() if _NUMBER.fullmatch(text)}
    return numbers | {shown: is_true(fields.get(name)) for shown, name in _FLAGS.items()}
