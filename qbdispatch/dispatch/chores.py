"""What the leader does now and then besides polling: each chore has a thread of its own while this worker leads.

A chore may fail and may be cut short by the end of the term; the next leader simply does it again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from qbdispatch.dispatch.dispatcher import Dispatcher
from qbdispatch.errors import QbdispatchError
from qbdispatch.store import buckets, details, mirror
from qbdispatch.store.engine import Store

log = logging.getLogger(__name__)
PURGE_SECONDS = 600.0
PLACE_SECONDS = 1.0
MOST_PLACED = 100


@dataclass(frozen=True, slots=True)
class Chore:
    """`work` is done at once when a term begins if `at_once`, and then every `every_seconds`."""

    name: str
    every_seconds: float
    work: Callable[[], None]
    at_once: bool = False

    def run(self, stop: threading.Event) -> None:
        """Do it until `stop` is set; a failure that has a name is said and the next turn comes as usual."""
        if not self.at_once:
            stop.wait(self.every_seconds)
        while not stop.is_set():
            try:
                self.work()
            except QbdispatchError as error:
                log.error("%s: %s", self.name, error)
            stop.wait(self.every_seconds)


def purging(store: Store) -> Chore:
    """Let the mirror forget torrents that went long ago, and buckets that are full again."""

    def purge() -> None:
        with store.write() as connection:
            mirror.purge(connection)
            details.purge(connection)
            buckets.purge(connection, before=time.time() - PURGE_SECONDS)

    return Chore("purge", PURGE_SECONDS, purge)


def placing(dispatcher: Dispatcher) -> Chore:
    """Place held torrents for which there is room, oldest first; so many in one turn at most, as the term may end."""

    def place() -> None:
        dispatcher.settle_held()
        leave_out: set[int] = set()
        for _ in range(MOST_PLACED):
            if not dispatcher.place_next(leave_out):
                return

    return Chore("place", PLACE_SECONDS, place, at_once=True)
