"""Spares callers the wait for a database that is away: after a failure all others fail at once, until a try succeeds.

An outage is logged once when it begins and once when it ends.
"""

import logging
import threading
import time

from qbdispatch.store.errors import StoreUnavailable

log = logging.getLogger(__name__)
PAUSE_SECONDS = 0.5
TRY_SECONDS = 1.5
"""How long the one caller that tries has before another may."""


class Circuit:
    """Safe for threads; one per process and store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._reason: str | None = None  # None: all is well
        self._away_since = 0.0
        self._next_try = 0.0

    def enter(self) -> int:
        """Let a caller in, or raise `StoreUnavailable`; answers what to hand to `recheck`."""
        if self._reason is None:
            return self._failures
        with self._lock:
            if self._reason is not None and time.monotonic() < self._next_try:
                raise StoreUnavailable(self._reason)
            self._next_try = time.monotonic() + TRY_SECONDS
            return self._failures

    def recheck(self, entered: int) -> None:
        """After waiting: raises `StoreUnavailable` where somebody has failed meanwhile."""
        if self._reason is not None and self._failures != entered:
            raise StoreUnavailable(self._reason)

    def failed(self, reason: str) -> None:
        """The database did not answer."""
        with self._lock:
            if self._reason is None:
                self._away_since = time.monotonic()
                log.error("%s; lists are served as last known, all else has to wait", reason)
            self._reason = reason
            self._failures += 1
            self._next_try = time.monotonic() + PAUSE_SECONDS

    def succeeded(self) -> None:
        """The database answered."""
        if self._reason is None:
            return
        with self._lock:
            if self._reason is not None:
                log.warning("the store answers again after %.1f s", time.monotonic() - self._away_since)
            self._reason = None
