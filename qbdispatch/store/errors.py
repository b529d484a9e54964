"""What a caller of the store has to reckon with."""

from qbdispatch.errors import QbdispatchError


class StoreUnavailable(QbdispatchError):
    """The database does not answer or cannot be written; the cause is chained where there is one."""
