"""What can go wrong with a node: by what it means for the next step (tree in `qbdispatch.errors`), and by its cause.

Owns the one table of what each cause means for decisions and what its user is to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from qbdispatch.errors import QbdispatchError
from qbdispatch.scoring.model import Reason


class Cause(StrEnum):
    """What exactly is wrong with a node. The codes are part of the API and are never renamed."""

    TIMEOUT = "timeout"
    REFUSED_CONNECTION = "refused_connection"
    NAME_NOT_FOUND = "name_not_found"
    DROPPED = "dropped"
    TLS_FAILED = "tls_failed"
    NOT_QBITTORRENT = "not_qbittorrent"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    WRONG_CREDENTIALS = "wrong_credentials"
    BANNED = "banned"
    DISK_FULL = "disk_full"
    SLOW = "slow"
    CLOCK_SKEW = "clock_skew"
    LIST_INCOMPLETE = "list_incomplete"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Remedy:
    """The code under which a node with some cause is out of decisions, `None` for what is only a warning; and what its
    user is to do, in one sentence."""

    reason: Reason | None
    advice: str


_DOWN, _LOCKED = Reason.UNREACHABLE, Reason.AUTH_FAILED
REMEDIES: Mapping[Cause, Remedy] = {
    Cause.TIMEOUT: Remedy(_DOWN, "Look for an overloaded host or a hanging disk; if it is only slow, raise timeout_s."),
    Cause.REFUSED_CONNECTION: Remedy(_DOWN, "Start qBittorrent there, or correct host and port in its url."),
    Cause.NAME_NOT_FOUND: Remedy(_DOWN, "Correct the host name in its url, or the name server of this host."),
    Cause.DROPPED: Remedy(_DOWN, "See in its log whether it crashes, and in those of proxies in between."),
    Cause.TLS_FAILED: Remedy(_DOWN, "Check its certificate and that its port speaks https, or set verify_tls: false."),
    Cause.NOT_QBITTORRENT: Remedy(_DOWN, "Let its url lead to qBittorrent itself, past login pages of proxies."),
    Cause.TRUNCATED: Remedy(_DOWN, "Look for a proxy that cuts answers off; if there is none, restart the node."),
    Cause.TOO_LARGE: Remedy(_DOWN, "Check that its url is qBittorrent's; if it has so many torrents, use more nodes."),
    Cause.SERVER_ERROR: Remedy(_DOWN, "Look at its log, or at that of the proxy in front of it, and restart it."),
    Cause.REFUSED: Remedy(_DOWN, "Check that its url is that of its WebUI and that its version is 4.3 or newer."),
    Cause.WRONG_CREDENTIALS: Remedy(_LOCKED, "Correct username and password, or api_key, and reload."),
    Cause.BANNED: Remedy(_LOCKED, "Wait an hour or restart the node, and see that username and password are right."),
    Cause.DISK_FULL: Remedy(Reason.MISSING_FREE_SPACE, "Make room on its disk, then resume what is in error there."),
    Cause.SLOW: Remedy(None, "Look for an overloaded host, or move torrents to other nodes."),
    Cause.CLOCK_SKEW: Remedy(None, "Set the clock that is wrong, best by NTP."),
    Cause.LIST_INCOMPLETE: Remedy(
        None, "Wait while it loads them; if they stay away, look for its configuration folder."
    ),
    Cause.REPLACED: Remedy(
        None, "Check that its url is that of the right node and that its configuration folder is there."
    ),
}


class NodeError(QbdispatchError):
    """A node did not do what was asked. `what` happened, and `cause` tells why; the text says what to do as well."""

    cause = Cause.DROPPED

    def __init__(self, what: str, cause: Cause | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause or self.cause

    @property
    def reason(self) -> Reason:
        """The code under which the node is out of decisions."""
        return REMEDIES[self.cause].reason or Reason.UNREACHABLE

    def __str__(self) -> str:
        return with_advice(self.what, self.cause)


class NodeUnreachable(NodeError):
    """Nothing was sent: safe to go on with another node."""

    cause = Cause.REFUSED_CONNECTION


class NodeDown(NodeUnreachable):
    """The node was not even asked: it is known to be down, for this reason, which says what to do already."""

    def __str__(self) -> str:
        return self.what


class NodeOutcomeUnknown(NodeError):
    """Sent, but not answered in a way that tells the outcome: the node may or may not have done it."""


class NodeRefused(NodeError):
    """The node answered, and the answer is no: with this HTTP status and this text, where it gave any."""

    cause = Cause.REFUSED

    def __init__(self, what: str, status: int = 502, text: str = "", cause: Cause | None = None) -> None:
        super().__init__(what, cause)
        self.status = status
        self.text = text

    def __str__(self) -> str:
        """Said of one request: nothing is wrong with the node itself, unless a poll ends in it."""
        return self.what if self.cause is Cause.REFUSED else super().__str__()


class NodeForbidden(NodeError):
    """403: no valid session, or one that has ended. Nothing was done."""

    cause = Cause.WRONG_CREDENTIALS


class NodeAuthFailed(NodeError):
    """The node refuses our credentials, or we hold back because it did."""

    cause = Cause.WRONG_CREDENTIALS


def with_advice(what: str, cause: Cause) -> str:
    """What is wrong and what to do, for people."""
    return f"{what}. {REMEDIES[cause].advice}"
