"""Facts: configuration, health, snapshot and claims of each node, joined for scoring."""

from typing import Any

import pytest

from qbdispatch.config.settings import NodeSettings
from qbdispatch.scoring.model import NodeFacts, Reason
from qbdispatch.store import claims, facts, health, snapshots
from qbdispatch.store.engine import Store
from tests.unit.store.builders import claim, hybrid, snapshot

pytestmark = pytest.mark.both_stores

GIB = 2**30


def gathered(store: Store, *nodes: NodeSettings, now: float = 1010.0) -> list[NodeFacts]:
    with store.read() as connection:
        return facts.gather(connection, nodes, max_downloads=50, now=now)


def settings(name: str = "a", **changes: Any) -> NodeSettings:
    return NodeSettings(name=name, url=f"http://{name}", **changes)


def test_everything_known_of_a_node_is_gathered(store: Store) -> None:
    """Each figure from where it is kept; Mbit/s become bytes a second and GB become GiB."""
    node = settings(
        "a", weight=2.5, min_free_gb=1.5, max_downloads=7, pool="disk", categories=("tv", ""), bandwidth_mbps=100.0
    )
    with store.write() as connection:
        health.register(connection, ["a"])
        health.record_answer(connection, "a", 1004.0)
        health.record_fault(connection, "a", Reason.UNREACHABLE, "silent")
        health.set_draining(connection, "a", True)
        snapshots.keep(connection, snapshot("a", download_limit=99))
        claim(connection, hybrid(1), "a", bytes=100, claimed_at=1003.0)
        shown = claim(connection, hybrid(2), "a", bytes=20)
        claims.mark(connection, shown, phase=claims.Phase.ADDED, shown=True)
    (found,) = gathered(store, node)
    assert found == NodeFacts(
        name="a",
        weight=2.5,
        min_free_bytes=3 * GIB // 2,
        max_downloads=7,
        pool="disk",
        categories=frozenset({"tv", ""}),
        bandwidth_bytes_per_second=12_500_000,
        draining=True,
        fault=Reason.UNREACHABLE,
        fault_detail="silent",
        age_seconds=6.0,
        free_bytes=2**40,
        outstanding_bytes=2**35,
        active_downloads=3,
        download_speed=2**33,
        download_limit=99,
        claimed_bytes=120,
        claimed_downloads=1,
        waiting_seconds=7.0,
    )


def test_a_node_nobody_has_heard_of_has_unknowns_and_no_zeros(store: Store) -> None:
    """No row of it anywhere: free space and age are unknown; the fleet's download limit holds."""
    assert gathered(store, settings("new")) == [NodeFacts("new")]


def test_a_limit_of_0_downloads_is_the_nodes_own(store: Store) -> None:
    """0 is a limit and not a missing one."""
    assert gathered(store, settings(max_downloads=0))[0].max_downloads == 0


def test_a_node_is_heard_of_only_with_a_snapshot(store: Store) -> None:
    """An answer alone says nothing of its disk; a clock that was set back makes no negative age."""
    with store.write() as connection:
        health.register(connection, ["a", "b"])
        health.record_answer(connection, "a", 1009.0)
        health.record_answer(connection, "b", 1011.0)
        snapshots.keep(connection, snapshot("b"))
    assert [found.age_seconds for found in gathered(store, settings("a"), settings("b"))] == [None, 0.0]


def test_only_configured_nodes_are_gathered_in_their_order(store: Store) -> None:
    """Rows of a node that left the configuration do not bring it back."""
    with store.write() as connection:
        for name in ("gone", "a", "b"):
            snapshots.keep(connection, snapshot(name))
    assert [found.name for found in gathered(store, settings("b"), settings("a"))] == ["b", "a"]
