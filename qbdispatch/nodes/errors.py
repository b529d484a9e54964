"""What can go wrong with a node, told apart by what it means for the next step (tree in `qbdispatch.errors`)."""

from qbdispatch.errors import QbdispatchError
from qbdispatch.scoring.model import Reason


class NodeError(QbdispatchError):
    """A node did not do what was asked. `reason` is the code under which the node is out of decisions."""

    reason = Reason.UNREACHABLE


class NodeUnreachable(NodeError):
    """Nothing was sent: safe to go on with another node."""


class NodeOutcomeUnknown(NodeError):
    """Sent, but not answered in a way that tells the outcome: the node may or may not have done it."""


class NodeRefused(NodeError):
    """The node answered, and the answer is no: with this HTTP status and this text, where it gave any."""

    def __init__(self, message: str, status: int = 502, text: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.text = text


class NodeForbidden(NodeError):
    """403: no valid session, or one that has ended. Nothing was done."""

    reason = Reason.AUTH_FAILED


class NodeAuthFailed(NodeError):
    """The node refuses our credentials, or we hold back because it did."""

    reason = Reason.AUTH_FAILED
