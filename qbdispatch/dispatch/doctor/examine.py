"""Runs the whole examination: all nodes at once, then the comparison, then all *arr instances at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.doctor.arrs import Dispatcher, check_arr, compare_categories
from qbdispatch.dispatch.doctor.finding import Finding, Severity
from qbdispatch.dispatch.doctor.fleet import compare
from qbdispatch.dispatch.doctor.nodes import Poll, check_node
from qbdispatch.store import mirror, snapshots
from qbdispatch.store.engine import Store

MOST_AT_ONCE = 16
Progress = Callable[[str], None]


def examine(settings: Settings, store: Store, fleet: Fleet, url: str | None, progress: Progress) -> list[Finding]:
    """Every finding, errors first, else in the order of the configuration. `url`: where *arr reaches us, if known.

    `progress` is told what is looked at next. Raises `StoreUnavailable`.
    """
    polls = _fresh_polls(settings, store)
    progress(f"{len(fleet.members)} nodes")
    checkups = _at_once(lambda access: check_node(access, polls.get(access.node.name)), list(fleet.members.values()))
    found = [finding for checkup in checkups for finding in checkup.findings] + compare(checkups)
    progress(f"{len(settings.arr_instances)} Sonarr and Radarr instances")
    us = Dispatcher(url, settings.auth)
    arrs = _at_once(lambda instance: check_arr(instance, us, checkups), settings.arr_instances)
    found += [finding for arr in arrs for finding in arr.findings] + [*compare_categories(arrs)]
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def _fresh_polls(settings: Settings, store: Store) -> dict[str, Poll]:
    """What a running service has just seen of its nodes; asking for it again would cost them a full list."""
    fresh_from = store.now() - settings.sync.stale_after_s
    with store.read() as connection:
        return {
            name: Poll(one.free_bytes, [row.row for row in mirror.node_rows(connection, name).values()])
            for name, one in snapshots.latest(connection).items()
            if one.taken_at >= fresh_from
        }


def _at_once(look: Callable[[Any], Any], subjects: Sequence[Any]) -> list[Any]:
    """The answers in order. Each look has time limits of its own; who is interrupted does not wait for them."""
    if not subjects:
        return []
    pool = ThreadPoolExecutor(min(MOST_AT_ONCE, len(subjects)), thread_name_prefix="doctor")
    try:
        return list(pool.map(look, subjects))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
