"""Polls one node while this worker leads: keeps its snapshot fresh at a pace that the node can bear.

`sync/maindata` costs qBittorrent 4.x hundreds of milliseconds with some thousand torrents, during which it answers
nobody else; newer ones answer an increment in a few. So at most a tenth of a node's time goes to it, and the cheap
`transfer/info` in between tells whether the node is alive.
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection

from qbdispatch.config.settings import SyncSettings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.heal import heal
from qbdispatch.dispatch.settle import Poll, Twin, settle
from qbdispatch.nodes.errors import NodeAuthFailed, NodeError
from qbdispatch.nodes.view import Change, NodeView
from qbdispatch.store import health, snapshots
from qbdispatch.store.engine import Store, StoreUnavailable

log = logging.getLogger(__name__)
ALIVE_TIMEOUT_SECONDS = 5.0
SHARE_OF_NODE_TIME = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Watcher:
    """Watches one node; runs in a thread of its own until told to stop."""

    def __init__(
        self,
        access: NodeAccess,
        fleet: Fleet,
        store: Store,
        sync: SyncSettings,
        leads: Callable[[Connection], bool],
    ) -> None:
        """`leads` tells in a transaction whether this worker is still the leader; if not, nothing is written."""
        self._access = access
        self._fleet = fleet
        self._store = store
        self._interval = sync.interval_s
        self._leads = leads
        self._view = NodeView()
        self._version = ""
        self._next_poll = 0.0
        self._took: float | None = None
        self._failures = 0

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set."""
        while not stop.is_set():
            stop.wait(self.tick())

    def tick(self) -> float:
        """One poll; answers the seconds to wait before the next. Never raises a `NodeError`."""
        try:
            if time.monotonic() >= self._next_poll:
                self._poll()
            else:
                self._ping()
        except NodeError as error:
            return self._failed(error)
        except StoreUnavailable as error:
            log.error("node %s: %s", self._access.node.name, error)
            self._view = NodeView()  # what the last poll changed was not written: begin with a full one
            return self._interval
        if self._failures:
            log.warning("node %s answers again", self._access.node.name)
        self._failures = 0
        return self._interval

    def _ping(self) -> None:
        self._access.call(lambda cookies: self._access.client.transfer(cookies, ALIVE_TIMEOUT_SECONDS))
        with self._store.write() as connection:
            if self._leads(connection):
                health.record_answer(connection, self._access.node.name, time.time())

    def _poll(self) -> None:
        polled_at, started = time.time(), time.monotonic()
        answer = self._access.call(lambda cookies: self._access.client.maindata(cookies, self._view.rid))
        pause = self._pause_after(time.monotonic() - started)
        self._next_poll = time.monotonic() + pause - self._interval / 2
        change = self._view.apply(answer, now=started, interval_seconds=pause)
        if change.full or not self._version:
            self._version = self._access.call(self._access.client.version)
        for twin in self._write(polled_at, change):
            self._heal(twin)

    def _pause_after(self, took_seconds: float) -> float:
        """Seconds until the next poll. The lesser cost of the last two polls counts: one that had to wait for a node
        that hung for a moment says nothing of what polling costs it."""
        usual = took_seconds if self._took is None else min(took_seconds, self._took)
        self._took = took_seconds
        return float(max(self._interval, usual / SHARE_OF_NODE_TIME - usual))

    def _heal(self, twin: Twin) -> None:
        try:
            heal(twin, self._fleet, self._store)
        except NodeError as error:
            log.warning("a torrent on both %s and %s has to wait: %s", twin.claim.node, twin.other, error)

    def _write(self, polled_at: float, change: Change) -> list[Twin]:
        name = self._access.node.name
        with self._store.write() as connection:
            if not self._leads(connection):
                self._view = NodeView()
                return []
            health.record_answer(connection, name, time.time())
            snapshots.keep(connection, self._snapshot(polled_at))
            up_since = health.states(connection)[name].up_since or polled_at
            return settle(connection, Poll(name, polled_at, up_since, self._view, change))

    def _snapshot(self, polled_at: float) -> snapshots.Snapshot:
        view = self._view
        return snapshots.Snapshot(
            node=self._access.node.name,
            taken_at=polled_at,
            free_bytes=view.free_bytes,
            outstanding_bytes=view.outstanding_bytes,
            active_downloads=view.active_downloads,
            paused_downloads=view.paused_downloads,
            torrents=len(view.torrents),
            download_speed=view.figure("dl_info_speed"),
            upload_speed=view.figure("up_info_speed"),
            download_limit=view.figure("dl_rate_limit") or None,
            version=self._version,
        )

    def _failed(self, error: NodeError) -> float:
        """Keep the fault for all workers, say it once, and try again soon, but ever more seldom."""
        name = self._access.node.name
        if not self._failures:
            log.warning("node %s: %s: %s", name, error.reason.value, error)
        self._failures += 1
        self._view = NodeView()
        self._next_poll = 0.0
        try:
            with self._store.write() as connection:
                if self._leads(connection):
                    health.record_fault(connection, name, error.reason, str(error))
        except StoreUnavailable as unkept:
            log.error("node %s: its fault could not be kept: %s", name, unkept)
        if isinstance(error, NodeAuthFailed):
            return LONGEST_PAUSE_SECONDS
        return float(min(self._interval * 2 ** min(self._failures - 1, 8), LONGEST_PAUSE_SECONDS))
