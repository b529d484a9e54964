"""Benches: dispatchers over scripted nodes and one store."""

from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.store.engine import Store
from tests.conftest import SettingsMaker
from tests.conftest import node_entry as entry
from tests.rig.scripted import ScriptedNode
from tests.unit.dispatch.bench import Bench

BenchMaker = Callable[..., Bench]


@pytest.fixture
def make_bench(make_settings: SettingsMaker, store: Store) -> BenchMaker:
    """A bench over these nodes, each polled once; a dict in place of a node is its whole configuration."""

    def make(*nodes: ScriptedNode | dict[str, Any], polled: bool = True, **more: Any) -> Bench:
        entries = [node if isinstance(node, dict) else entry(node) for node in nodes]
        bench = Bench(make_settings(entries, **more), store)
        if polled:
            bench.poll()
        return bench

    return make
