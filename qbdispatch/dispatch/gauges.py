"""What the store knows, as metrics: gathered anew for each scrape, the same from every worker and every replica."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch import account
from qbdispatch.dispatch.leader import LEASE, LEASE_SECONDS
from qbdispatch.nodes.errors import REMEDIES, Cause
from qbdispatch.scoring.model import NodeFacts
from qbdispatch.scoring.room import effective_free
from qbdispatch.store import claims, facts, health, held, leases, size, snapshots
from qbdispatch.store.engine import Store, StoreUnavailable
from qbdispatch.store.health import NodeState
from qbdispatch.store.snapshots import Snapshot

PREFIX = "qbdispatch_"

_OF_FACTS: dict[str, tuple[str, Callable[[NodeFacts], float | None]]] = {
    "node_free_bytes": ("Free space that the node reports.", lambda node: node.free_bytes),
    "node_min_free_bytes": ("Room that is to stay free.", lambda node: node.min_free_bytes),
    "node_claimed_bytes": ("Bytes claimed for torrents that it does not show yet.", lambda node: node.claimed_bytes),
    "node_outstanding_bytes": ("Bytes that its unfinished torrents will still write.", lambda n: n.outstanding_bytes),
    "node_max_downloads": ("Running downloads at which it gets no more.", lambda node: node.max_downloads),
}
_OF_STATES: dict[str, tuple[str, Callable[[NodeState], float | None]]] = {
    "node_draining": ("1 if it is drained.", lambda state: state.draining),
    "node_failures": ("Polls in a row that failed.", lambda state: state.failures),
    "node_last_seen_timestamp_seconds": ("When it last answered.", lambda state: state.seen_at),
    "node_retry_timestamp_seconds": ("When a failing node is tried again.", lambda state: state.retry_at),
    "node_latency_seconds": (
        "Time of its last cheap answer.",
        lambda state: None if state.latency_ms is None else state.latency_ms / 1000,
    ),
}
_OF_SNAPSHOTS: dict[str, tuple[str, Callable[[Snapshot], float | None]]] = {
    "node_active_downloads": ("Running downloads.", lambda snapshot: snapshot.active_downloads),
    "node_paused_downloads": ("Paused downloads.", lambda snapshot: snapshot.paused_downloads),
    "node_torrents": ("Torrents.", lambda snapshot: snapshot.torrents),
    "node_download_bytes_per_second": ("Download speed.", lambda snapshot: snapshot.download_speed),
    "node_upload_bytes_per_second": ("Upload speed.", lambda snapshot: snapshot.upload_speed),
}


class StoreCollector(Collector):
    """For one registry; each scrape is one read transaction. Without the store only `qbdispatch_store_up` is left."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """All families."""
        try:
            with self._store.read() as connection:
                families = list(self._families(connection, self._store.now()))
        except StoreUnavailable:
            families = []
        return [_gauge("store_up", "1 if the store answers.", 1 if families else 0), *families]

    def _families(self, connection: Connection, now: float) -> Iterator[Metric]:
        yield _gauge("nodes_configured", "Nodes in the configuration.", len(self._settings.nodes))
        yield _gauge("store_bytes", "Size of the store.", size.size_bytes(connection))
        yield from self._node_families(connection, now)
        yield from _leader(connection, now)
        yield from _claims(connection)
        yield from _held(connection, now)
        yield _submissions(connection)

    def _node_families(self, connection: Connection, now: float) -> Iterator[Metric]:
        settings = self._settings
        names = [node.name for node in settings.nodes]
        fleet = facts.gather(connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=now)
        known, latest = health.states(connection), snapshots.latest(connection)
        states = {name: known[name] for name in names if name in known}
        shots = {name: latest[name] for name in names if name in latest}
        stale = settings.sync.stale_after_s
        for name, (help_, fact) in _OF_FACTS.items():
            yield _by_node(name, help_, {node.name: fact(node) for node in fleet})
        rooms = effective_free(fleet, stale)
        yield _by_node("node_effective_free_bytes", "Free space when all that was promised has arrived.", dict(rooms))
        up = {node.name: node.fault is None and node.age_seconds is not None and node.age_seconds <= stale
              for node in fleet}  # fmt: skip
        yield _by_node("node_up", "1 if it answers as it should.", dict(up))
        for name, (help_, figure) in _OF_STATES.items():
            yield _by_node(name, help_, {node: figure(state) for node, state in states.items()})
        for name, (help_, told) in _OF_SNAPSHOTS.items():
            yield _by_node(name, help_, {node: told(shot) for node, shot in shots.items()})
        lags = {node: max(0.0, now - shot.taken_at) for node, shot in shots.items()}
        yield _by_node("mirror_lag_seconds", "Age of what is shown of the node.", dict(lags))
        yield _faults(states.values())


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, help_, value=float(value))


def _by_node(name: str, help_: str, values: dict[str, float | None]) -> Metric:
    """What is not known has no sample."""
    family = GaugeMetricFamily(PREFIX + name, help_, labels=["node"])
    for node, value in values.items():
        if value is not None:
            family.add_metric([node], float(value))
    return family


def _faults(states: Iterable[NodeState]) -> Metric:
    help_ = "1 for a node that fails or whose disk is full, by reason code and cause."
    family = GaugeMetricFamily(f"{PREFIX}node_fault", help_, labels=["node", "reason", "cause"])
    for state in states:
        reason = state.fault or (REMEDIES[Cause(state.cause)].reason if state.cause else None)
        if reason is not None:
            family.add_metric([state.node, reason.value, state.cause or ""], 1)
    return family


def _leader(connection: Connection, now: float) -> Iterator[Metric]:
    ends = leases.expires_at(connection, LEASE)
    yield _gauge("leader", "1 if some worker leads.", ends is not None and ends > now)
    if ends is not None:
        yield _gauge(
            "lease_age_seconds", "Time since the leader renewed its lease.", max(0, now - ends + LEASE_SECONDS)
        )


def _claims(connection: Connection) -> Iterator[Metric]:
    counts = GaugeMetricFamily(f"{PREFIX}claims", "Open claims, by phase.", labels=["phase"])
    sizes = GaugeMetricFamily(f"{PREFIX}claims_bytes", "Bytes claimed, by phase.", labels=["phase"])
    found = claims.by_phase(connection)
    for phase in claims.Phase:
        number, size_bytes = found.get(phase, (0, 0))
        counts.add_metric([phase.value], number)
        sizes.add_metric([phase.value], size_bytes)
    yield from (counts, sizes)


def _held(connection: Connection, now: float) -> Iterator[Metric]:
    oldest = held.oldest(connection)
    age = 0.0 if oldest is None else max(0.0, now - oldest.held_at)
    yield _gauge("held", "Submissions that wait for room.", held.count(connection))
    yield _gauge("held_oldest_age_seconds", "How long the oldest of them waits.", age)


def _submissions(connection: Connection) -> Metric:
    help_ = "Submissions that were answered, by outcome and main reason."
    family = CounterMetricFamily(f"{PREFIX}submissions", help_, labels=["outcome", "reason"])
    for (outcome, reason), number in sorted(account.counted(connection).items()):
        family.add_metric([outcome, reason], number)
    return family
