"""Polls one node while this worker leads: keeps its snapshot fresh at a pace that the node can bear.

`sync/maindata` costs qBittorrent 4.x hundreds of milliseconds with some thousand torrents, during which it answers
nobody else; newer ones answer an increment in a few. So at most a tenth of a node's time goes to it, and the cheap
`transfer/info` in between tells whether the node is alive.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from qbdispatch import meters
from qbdispatch.config.settings import SyncSettings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.complaint import Complaint
from qbdispatch.dispatch.heal import heal
from qbdispatch.dispatch.labelling import NodeLabels, carry_out
from qbdispatch.dispatch.mirroring import NodeMirror
from qbdispatch.dispatch.settle import Findings, Poll, Twin, settle
from qbdispatch.dispatch.vanishing import told
from qbdispatch.nodes.endpoints import parse_version
from qbdispatch.nodes.errors import NodeAuthFailed, NodeError, NodeRefused, with_advice
from qbdispatch.nodes.view import Change, NodeView
from qbdispatch.store import health, mirror, snapshots
from qbdispatch.store.engine import Store, StoreUnavailable

log = logging.getLogger(__name__)
ALIVE_TIMEOUT_SECONDS = 5.0
SHARE_OF_NODE_TIME = 0.1
LONGEST_PAUSE_SECONDS = 5.0
PREFERENCES_SECONDS = 30.0
# fmt: off
SHARE_LIMITS = (
    "max_ratio_enabled", "max_ratio", "max_seeding_time_enabled", "max_seeding_time",
    "max_inactive_seeding_time_enabled", "max_inactive_seeding_time",
)
# fmt: on


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
        self._alive_seconds = min(ALIVE_TIMEOUT_SECONDS, access.node.timeout_s)  # for the cheap calls
        self._view = NodeView()
        self._mirror = NodeMirror()
        self._labels = NodeLabels()
        self._preferences: dict[str, Any] | None = None  # just asked for
        self._preferences_at = 0.0
        self._limits: tuple[Any, ...] = ()  # share limits that held when the rows were read
        self._version = ""
        self._latency_ms: float | None = None  # of the last version call
        self._next_poll = 0.0
        self._took: float | None = None
        self._failures = 0
        self._complaint = Complaint(log)

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
            self._complaint.say(f"node {self._access.node.name}: {error}")
            self._begin_anew()  # what the last poll changed was not written
            return self._interval
        self._complaint.over()
        if self._failures:
            log.warning("node %s answers again", self._access.node.name)
        self._failures = 0
        return self._interval

    def _ping(self) -> None:
        started = time.monotonic()
        self._access.call(lambda cookies: self._access.client.transfer(cookies, self._alive_seconds))
        latency = _milliseconds_since(started)
        with self._store.write() as connection:
            if self._leads(connection):
                health.record_answer(connection, self._access.node.name, self._store.now(), latency_ms=latency)

    def _poll(self) -> None:
        polled_at, started = self._store.now(), time.monotonic()
        answer = self._access.call(lambda cookies: self._access.client.maindata(cookies, self._view.rid))
        meters.poll_took(self._access.node.name, time.monotonic() - started)
        pause = self._pause_after(time.monotonic() - started)
        self._next_poll = time.monotonic() + pause - self._interval / 2
        change = self._view.apply(answer, now=started, interval_seconds=pause)
        self._preferences = None
        if change.full or started - self._preferences_at > PREFERENCES_SECONDS:
            self._ask_for_settings(started)
        self._follow_limits(change)
        findings = self._write(polled_at, change)
        if findings.vanished:
            log.warning("node %s %s", self._access.node.name, told(self._store, findings.vanished))
        for twin in findings.twins:
            self._heal(twin)
        self._label(anew=change.full)

    def _label(self, *, anew: bool) -> None:
        """Bring the node's categories and tags in line with the fleet's."""
        with self._store.write() as connection:
            if not self._leads(connection):
                return
            work = self._labels.compare(connection, self._view, self._access.node, anew=anew)
        version = parse_version(self._version)

        def post(endpoint: str, fields: Mapping[str, str]) -> None:
            self._access.send("POST", endpoint, fields, version)

        try:
            carry_out(work, post)
        except NodeRefused as error:
            log.warning("node %s: its categories and tags differ: %s", self._access.node.name, error)

    def _ask_for_settings(self, now: float) -> None:
        started = time.monotonic()
        self._version = self._access.call(lambda cookies: self._access.client.version(cookies, self._alive_seconds))
        self._latency_ms = _milliseconds_since(started)
        self._preferences = self._access.call(self._access.client.preferences)
        self._preferences_at = now

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
            log.warning("the removal of a surplus copy of %s has to wait: %s", twin.claim.hashes.key, error)

    def _write(self, polled_at: float, change: Change) -> Findings:
        name = self._access.node.name
        with self._store.write() as connection:
            if not self._leads(connection):
                self._begin_anew()
                return Findings([], [])
            health.record_answer(connection, name, self._store.now(), latency_ms=self._latency_ms)
            mirror.keep_state(connection, name, self._view.server_state)
            if self._preferences is not None:
                mirror.keep_preferences(connection, name, self._preferences)
            up_since = health.states(connection)[name].up_since or polled_at
            poll = Poll(name, polled_at, up_since, self._view, change)
            self._mirror.confirm_missing(connection, poll)
            snapshots.keep(connection, self._snapshot(polled_at))
            health.record_oddity(connection, name, *(self._mirror.oddity(self._view) or (None, "")))
            findings = settle(connection, poll)
            self._mirror.write(connection, poll)
            return findings

    def _follow_limits(self, change: Change) -> None:
        """Read all rows anew where the node's share limits have changed: the rows' effective limits follow from them,
        but `sync/maindata` shows that only with the next change of something else."""
        known = self._preferences
        if known is None:
            with self._store.read() as connection:
                known = mirror.preferences(connection).get(self._access.node.name, {})
        limits = tuple(known.get(name) for name in SHARE_LIMITS)
        if (change.full or limits != self._limits) and self._view.torrents:
            ids = list(self._view.torrents)
            rows = self._access.call(lambda cookies: self._access.client.rows(cookies, ids))
            change.changed.update(self._view.refresh(rows))
        self._limits = limits

    def _begin_anew(self) -> None:
        """The next poll asks for everything."""
        self._view, self._mirror = NodeView(), NodeMirror()

    def _snapshot(self, polled_at: float) -> snapshots.Snapshot:
        view = self._view
        return snapshots.Snapshot(
            node=self._access.node.name,
            taken_at=polled_at,
            free_bytes=view.free_bytes,
            outstanding_bytes=view.outstanding_bytes + self._mirror.missing_bytes,
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
        self._begin_anew()
        self._next_poll = 0.0
        pause = float(min(self._interval * 2 ** min(self._failures - 1, 8), LONGEST_PAUSE_SECONDS))
        if isinstance(error, NodeAuthFailed):
            pause = LONGEST_PAUSE_SECONDS
        try:
            self._keep_fault(error, pause)
        except StoreUnavailable as unkept:
            log.error("node %s: its fault could not be kept: %s", name, unkept)
        return pause

    def _keep_fault(self, error: NodeError, pause: float) -> None:
        with self._store.write() as connection:
            if self._leads(connection):
                health.record_fault(
                    connection,
                    self._access.node.name,
                    error.reason,
                    with_advice(error.what, error.cause),
                    cause=error.cause,
                    failures=self._failures,
                    retry_at=self._store.now() + pause,
                )


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
