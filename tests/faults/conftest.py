"""Two nodes, one of which misbehaves, and a worker over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from qbdispatch.dispatch.survey import survey_nodes
from qbdispatch.store.engine import Store
from tests.conftest import SettingsMaker, node_entry
from tests.rig.scripted_faults import FaultyNode
from tests.unit.dispatch.bench import Bench

BenchMaker = Callable[..., Bench]


@pytest.fixture
def nodes() -> Iterator[dict[str, FaultyNode]]:
    """`bad` has more room than `good`, so that all goes there as long as it is well."""
    with ExitStack() as stack:
        sizes = {"bad": 1000, "good": 100}
        found = {name: stack.enter_context(FaultyNode(name=name, free_gib=free)) for name, free in sizes.items()}
        for name, node in found.items():
            node.save_path = f"/{name}"
        yield found


@pytest.fixture
def make_bench(make_settings: SettingsMaker, store: Store) -> BenchMaker:
    """A worker over these nodes, each polled once; `changes` is for the configuration of `bad`."""

    def make(nodes: dict[str, FaultyNode], *, polled: bool = True, **changes: Any) -> Bench:
        entries = [node_entry(node, **(changes if name == "bad" else {})) for name, node in nodes.items()]
        bench = Bench(make_settings(entries, sync={"interval_s": 0.05}), store, nodes.values())
        if polled:
            bench.poll()
        return bench

    return make


def shown(bench: Bench, name: str = "bad") -> dict[str, Any]:
    """What `/nodes` says of a node."""
    return next(node for node in survey_nodes(bench.settings, bench.store, bench.fleet) if node["name"] == name)
