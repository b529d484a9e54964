"""Sends what waits in the outbox: a chore of the leader for each target, so that none waits for another.

A notice is marked before it is sent and dropped when the target has taken it. So a worker that dies in between makes
it come once more at most each time, and a target that is away gets it later, or not at all after some hours.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from apprise import Apprise

from qbdispatch.config.notifications import apprise_target, target_names
from qbdispatch.config.settings import NotificationSettings
from qbdispatch.dispatch.chores import Chore
from qbdispatch.store import alerts, notices
from qbdispatch.store.engine import Store

log = logging.getLogger(__name__)
TURN_SECONDS = 2.0
RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 1800.0
GIVE_UP_SECONDS = 6 * 3600.0
MOST_WAITING = 500
TIDY_SECONDS = 600.0
REFUSED_SECONDS = 24 * 3600.0
TEST_SECONDS = 15.0
NOT_TAKEN = "it was not taken; is the address right, and can it be reached from here?"


@dataclass(frozen=True, slots=True)
class Target:
    """One place to tell; its address stays out of sight."""

    name: str
    url: str

    def __repr__(self) -> str:
        return f"Target({self.name})"

    def tell(self, title: str, body: str) -> bool:
        """Whether the target has taken it. Apprise gives it 4 s to connect and 4 s for each part of its answer."""
        apprise = Apprise()
        apprise.add(apprise_target(self.url) or [])
        return bool(apprise.notify(title=title, body=body))


def targets_of(settings: NotificationSettings) -> list[Target]:
    """The configured targets, in order."""
    return [Target(name, url) for name, url in zip(target_names(settings.targets), settings.targets, strict=True)]


def sending(store: Store, settings: NotificationSettings, *, retry_seconds: float = RETRY_SECONDS) -> list[Chore]:
    """The chores that send and tidy; none where nobody is to be told."""
    targets = targets_of(settings)
    if not targets:
        return []
    turn = min(TURN_SECONDS, retry_seconds)
    chores = [Chore(f"notify {one.name}", turn, Postman(store, one, retry_seconds).work) for one in targets]
    return [*chores, Chore("tidy notices", TIDY_SECONDS, lambda: _tidy(store, targets), at_once=True)]


class Postman:
    """Brings one target its notices, oldest first."""

    def __init__(self, store: Store, target: Target, retry_seconds: float) -> None:
        self._store = store
        self._target = target
        self._retry = retry_seconds

    def work(self) -> None:
        """Send what is due, until something cannot be delivered."""
        while (notice := self._take()) is not None:
            if not self._target.tell(notice.title, notice.body):
                log.warning("notice %s to %s: %s", notice.event, self._target.name, NOT_TAKEN)
                return
            with self._store.write() as connection:
                notices.drop(connection, notice)

    def _take(self) -> notices.Notice | None:
        now = self._store.now()
        with self._store.read() as connection:
            if notices.next_due(connection, self._target.name, now) is None:
                return None
        with self._store.write() as connection:
            notice = notices.next_due(connection, self._target.name, now)
            if notice is None:
                return None
            if now - notice.raised_at > GIVE_UP_SECONDS and notice.attempts:
                notices.drop(connection, notice)
            else:
                pause = min(self._retry * 2 ** min(notice.attempts, 10), LONGEST_RETRY_SECONDS)
                return notice if notices.attempt(connection, notice, now + pause) else None
        log.warning("notice %s to %s is given up after %d tries", notice.event, self._target.name, notice.attempts)
        return self._take()


def test_targets(settings: NotificationSettings) -> list[dict[str, Any]]:
    """Send a word to each target at once; per target whether it took it. Takes `TEST_SECONDS` at most."""
    targets = targets_of(settings)
    if not targets:
        return []
    pool = ThreadPoolExecutor(len(targets), thread_name_prefix="notify-test")
    futures = [pool.submit(one.tell, "qbdispatch: a test", "Notices from qbdispatch arrive here.") for one in targets]
    done, _ = wait(futures, TEST_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    late = f"no answer within {TEST_SECONDS:g} s"
    errors = [(None if future.result() else NOT_TAKEN) if future in done else late for future in futures]
    return [
        {"target": one.name, "ok": error is None, "error": error} for one, error in zip(targets, errors, strict=True)
    ]


def _tidy(store: Store, targets: Sequence[Target]) -> None:
    with store.write() as connection:
        notices.keep_only(connection, [one.name for one in targets])
        alerts.expire(connection, "refused", store.now() - REFUSED_SECONDS)
        dropped = {one.name: notices.trim(connection, one.name, MOST_WAITING) for one in targets}
    for name, count in dropped.items():
        if count:
            log.warning("%d old notices to %s were dropped: too many wait", count, name)
