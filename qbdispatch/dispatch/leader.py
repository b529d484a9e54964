"""Leads the fleet from one worker: holds the lease and runs a watcher for each node, and the chores.

Every worker runs a `Leader`; the one that holds the lease polls, the others try to take it over each second, so that
a dead leader is replaced as soon as its lease has run out.
"""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from qbdispatch import meters
from qbdispatch.config.settings import SyncSettings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.chores import Chore
from qbdispatch.dispatch.complaint import Complaint
from qbdispatch.dispatch.folders import clashes, known_save_paths
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.store import leases
from qbdispatch.store.engine import Store, StoreUnavailable

log = logging.getLogger(__name__)
LEASE = "poller"
LEASE_SECONDS = 5.0
RENEW_SECONDS = 1.0


class Leader:
    """Tries to lead until stopped. Make and start it after any fork: it owns threads."""

    def __init__(self, store: Store, fleet: Fleet, sync: SyncSettings, chores: Sequence[Chore] = ()) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._store = store
        self._fleet = fleet
        self._sync = sync
        self._complaint = Complaint(log)
        self._stop = threading.Event()
        self._retired = False
        self._chores = chores
        self._term: threading.Event | None = None  # set to end the watchers and chores of the present term
        self._unwarned: set[str] = set()  # nodes whose save paths may still have to be warned of
        self._thread = threading.Thread(
            target=_guarded, args=(self._run, self._stop, "leader"), name="leader", daemon=True
        )

    def start(self) -> None:
        """Begin to try, in a daemon thread."""
        self._thread.start()

    def retire(self) -> None:
        """Never lead again, from the next renewal on; fit for a signal handler, as it takes no lock."""
        self._retired = True

    def stop(self) -> None:
        """End what it runs and let another worker lead at once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(LEASE_SECONDS)  # it may be taking the lease at this moment
        self._step_down()

    def _step_down(self) -> None:
        self._end_term()
        try:
            with self._store.write() as connection:
                leases.give_up(connection, LEASE, self.owner)
        except StoreUnavailable as error:
            log.warning("the lease could not be given up and will run out by itself: %s", error)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._retired:
                stop.set()
                self._step_down()
                return
            if self._acquire():
                self._begin_term()
                self._warn_of_clashes()
            else:
                self._end_term()
            stop.wait(RENEW_SECONDS)

    def _acquire(self) -> bool:
        try:
            with self._store.write() as connection:
                leads = leases.acquire(connection, LEASE, self.owner, now=self._store.now(), ttl_seconds=LEASE_SECONDS)
        except StoreUnavailable as error:
            self._complaint.say(f"cannot hold the lease: {error}")
            return False
        self._complaint.over()
        return leads

    def _warn_of_clashes(self) -> None:
        """Once a term, when all nodes' save paths are known, or as soon as two of them are found to clash."""
        if not self._unwarned:
            return
        nodes = self._fleet.settings
        try:
            with self._store.read() as connection:
                save_paths = known_save_paths(connection, nodes)
        except StoreUnavailable as error:
            log.error("save paths could not be compared: %s", error)
            return
        for name, sentences in clashes(nodes, save_paths).items():
            if name in self._unwarned:
                log.warning("node %s %s", name, "; ".join(sentences))
                self._unwarned.discard(name)
        if len(save_paths) == len(nodes):
            self._unwarned.clear()

    def _leads(self, connection: Connection) -> bool:
        return not self._stop.is_set() and leases.held_by(connection, LEASE, self.owner)

    def _begin_term(self) -> None:
        if self._term is not None:
            return
        log.info("worker %s leads: it polls %d nodes", self.owner, len(self._fleet.members))
        self._term = threading.Event()
        self._unwarned = set(self._fleet.members)
        for access in self._fleet.members.values():
            watcher = Watcher(access, self._fleet, self._store, self._sync, self._leads)
            _start(watcher.run, self._term, f"watch-{access.node.name}")
        for chore in self._chores:
            _start(chore.run, self._term, f"chore-{chore.name}")

    def _end_term(self) -> None:
        if self._term is not None:
            self._term.set()
            self._term = None


def _start(run: Callable[[threading.Event], None], term: threading.Event, name: str) -> None:
    threading.Thread(target=_guarded, args=(run, term, name), name=name, daemon=True).start()


def _guarded(run: Callable[[threading.Event], None], term: threading.Event, name: str) -> None:
    """A watcher must outlive any surprise that a node's answer holds, and a leader that of a database; what it was is
    in the log."""
    while not term.is_set():
        try:
            run(term)
        except Exception:
            log.exception("%s failed and begins anew", name)
            meters.failed(name.partition("-")[0])
            term.wait(LEASE_SECONDS)
