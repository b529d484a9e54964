"""What the leader does now and then besides polling: each chore has a thread of its own while this worker leads.

A chore may fail and may be cut short by the end of the term; the next leader simply does it again.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass

from qbdispatch.config.settings import RetentionSettings, Settings
from qbdispatch.dispatch.dispatcher import Dispatcher
from qbdispatch.dispatch.reconcile import reconcile_claims
from qbdispatch.errors import QbdispatchError
from qbdispatch.store import buckets, details, mirror, retention, vanished
from qbdispatch.store.engine import Store

log = logging.getLogger(__name__)
PURGE_SECONDS = 600.0
RETENTION_SECONDS = 20.0
DAY_SECONDS = 86_400.0
ADVICE_SECONDS = 24 * 3600.0
PLACE_SECONDS = 1.0
RECONCILE_SECONDS = 10.0
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
            buckets.purge(connection, before=store.now() - PURGE_SECONDS)

    return Chore("purge", PURGE_SECONDS, purge)


def retaining(store: Store, url: str, settings: RetentionSettings) -> Chore:
    """Drop decisions that are too old or too many, and keep SQLite's log file short."""

    def retain() -> None:
        decided_before = store.now() - settings.decisions_days * DAY_SECONDS
        dropped = retention.drop_decisions(store, decided_before=decided_before, most=settings.decisions_max)
        if dropped:
            log.info("dropped %d old decisions", dropped)
        try:
            retention.shorten_log(url)
        except sqlite3.Error as error:
            log.warning("the store's -wal file could not be shortened: %s", error)

    return Chore("retention", RETENTION_SECONDS, retain)


def advising(settings: Settings) -> Chore:
    """Say which doors stand open: when a term begins, so by one worker alone, and once a day."""

    def advise() -> None:
        if settings.auth.username is None and not settings.auth.api_keys:
            log.warning("auth is not configured: /api/v2 accepts any login; set auth.username and auth.password")
        if settings.dispatcher.admin_api_key is None:
            log.warning("admin_api_key is not configured: anybody who reaches this port may submit and drain")

    return Chore("advise", ADVICE_SECONDS, advise, at_once=True)


def reconciling(store: Store, settings: RetentionSettings) -> Chore:
    """End the claims that no poll can end, and forget what vanished long ago."""

    def reconcile() -> None:
        now = store.now()
        with store.write() as connection:
            reconcile_claims(connection, now)
            vanished.drop(connection, now - settings.decisions_days * DAY_SECONDS)

    return Chore("reconcile", RECONCILE_SECONDS, reconcile, at_once=True)


def placing(dispatcher: Dispatcher) -> Chore:
    """Place held torrents for which there is room, oldest first; so many in one turn at most, as the term may end."""

    def place() -> None:
        dispatcher.settle_held()
        leave_out: set[int] = set()
        for _ in range(MOST_PLACED):
            if not dispatcher.place_next(leave_out):
                return

    return Chore("place", PLACE_SECONDS, place, at_once=True)
