"""One time for all hosts that share a database: the database's own."""

import logging
import time

from sqlalchemy import Connection

log = logging.getLogger(__name__)
MEASURE_SECONDS = 5.0
HARMLESS_SECONDS = 2.0


class Clock:
    """This host's clock, corrected by how far it is from the database's. Without a query it is this host's."""

    def __init__(self, query: str | None) -> None:
        self._query = query
        self._ahead_seconds = 0.0
        self._measure_at = 0.0
        self._warned = False

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() - self._ahead_seconds

    def measure(self, connection: Connection) -> None:
        """Compare the two now and then."""
        if self._query is None or time.monotonic() < self._measure_at:
            return
        before = time.time()
        theirs = float(connection.exec_driver_sql(self._query).scalar_one())
        self._ahead_seconds = (before + time.time()) / 2 - theirs
        self._measure_at = time.monotonic() + MEASURE_SECONDS
        off = abs(self._ahead_seconds) > HARMLESS_SECONDS
        if off and not self._warned:
            log.warning(
                "this host's clock is %+.1f s from the database's; keep both right with NTP", self._ahead_seconds
            )
        self._warned = off
