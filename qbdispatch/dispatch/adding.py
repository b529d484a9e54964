"""Add one torrent to one node, and find out what came of it.

The node's answer may be missing (a time-out, a dropped connection) or say less than it should (`Fails.` stands for a
duplicate as well as for a torrent it cannot use). Then the node is asked for the hash before anybody else is.
"""

import time
from dataclasses import dataclass
from enum import Enum

from qbdispatch import meters
from qbdispatch.dispatch.access import NodeAccess
from qbdispatch.dispatch.request import Submission
from qbdispatch.nodes.client import Cookies
from qbdispatch.nodes.dialects import AddReply
from qbdispatch.nodes.errors import Cause, NodeError, NodeOutcomeUnknown, NodeRefused, NodeUnreachable
from qbdispatch.torrents.source import InfoHashes

ASK_TIMEOUT_SECONDS = 0.25
ASK_PAUSES_SECONDS = (0.0, 0.1, 0.2)
"""Adding is asynchronous in qBittorrent: a torrent that it has taken may be missing from its list for a moment."""


class Fate(Enum):
    """What came of an add."""

    ADDED = "added"
    NOT_ADDED = "not added"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of an add; `fault` is the failure that concerns the node itself, not just this torrent."""

    fate: Fate
    detail: str = ""
    fault: NodeError | None = None


def add_to_node(access: NodeAccess, submission: Submission, send_by: float) -> Outcome:
    """Add the torrent; never raises a `NodeError`. Nothing is sent after `send_by` (steady clock)."""
    started = time.monotonic()
    outcome = _add(access, submission, send_by)
    meters.add_took(access.node.name, outcome.fate.value.replace(" ", "_"), time.monotonic() - started)
    return outcome


def _add(access: NodeAccess, submission: Submission, send_by: float) -> Outcome:
    def send(cookies: Cookies) -> AddReply:
        if time.monotonic() > send_by:
            raise NodeUnreachable("it took too long to get a session; the torrent was not sent", Cause.TIMEOUT)
        return access.client.add(cookies, submission.source, submission.fields)

    hashes = submission.source.hashes
    try:
        reply = access.call(send)
    except NodeOutcomeUnknown as error:
        return _asked(access, hashes, Outcome(Fate.DOUBTFUL, str(error), error))
    except NodeRefused as error:
        return Outcome(Fate.NOT_ADDED, str(error))
    except NodeError as error:
        return Outcome(Fate.NOT_ADDED, str(error), error)
    if reply is AddReply.TAKEN:
        return Outcome(Fate.ADDED)
    if reply is AddReply.NOT_TAKEN:
        return _asked(access, hashes, Outcome(Fate.NOT_ADDED, "the node did not take it and does not have it"))
    return _asked(access, hashes, Outcome(Fate.DOUBTFUL, "the node's answer to the add is not qBittorrent's"))


def has_torrent(access: NodeAccess, hashes: InfoHashes) -> bool | None:
    """Whether the node lists the torrent; `None` if it does not say so quickly."""
    for pause in ASK_PAUSES_SECONDS:
        time.sleep(pause)
        try:
            row = access.call(lambda cookies: access.client.find(cookies, hashes, ASK_TIMEOUT_SECONDS))
        except NodeError:
            return None
        if row is not None:
            return True
    return False


def _asked(access: NodeAccess, hashes: InfoHashes, otherwise: Outcome) -> Outcome:
    return Outcome(Fate.ADDED) if has_torrent(access, hashes) else otherwise
