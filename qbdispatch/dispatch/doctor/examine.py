"""Runs the whole examination: all nodes at once, then the comparison, then all *arr instances at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.doctor.arrs import check_arr
from qbdispatch.dispatch.doctor.finding import Finding, Severity
from qbdispatch.dispatch.doctor.fleet import compare
from qbdispatch.dispatch.doctor.nodes import check_node
from qbdispatch.store import snapshots
from qbdispatch.store.engine import Store

MOST_AT_ONCE = 16
Progress = Callable[[str], None]


def examine(settings: Settings, store: Store, fleet: Fleet, url: str | None, progress: Progress) -> list[Finding]:
    """Every finding, errors first, else in the order of the configuration. `url`: where *arr reaches us, if known.

    `progress` is told what is looked at next. Raises `StoreUnavailable`.
    """
    with store.read() as connection:
        polled = snapshots.latest(connection)
    fresh_from = store.now() - settings.sync.stale_after_s
    free = {name: one.free_bytes for name, one in polled.items() if one.taken_at >= fresh_from}
    progress(f"{len(fleet.members)} nodes")
    checkups = _at_once(lambda access: check_node(access, free.get(access.node.name)), list(fleet.members.values()))
    found = [finding for checkup in checkups for finding in checkup.findings] + compare(checkups)
    progress(f"{len(settings.arr_instances)} Sonarr and Radarr instances")
    for findings in _at_once(lambda instance: check_arr(instance, url, checkups), settings.arr_instances):
        found += findings
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def _at_once(look: Callable[[Any], Any], subjects: Sequence[Any]) -> list[Any]:
    """The answers in order. Each look has time limits of its own."""
    if not subjects:
        return []
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(subjects)), thread_name_prefix="doctor") as pool:
        return list(pool.map(look, subjects))
