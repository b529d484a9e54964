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
    """A bench over these nodes, each polled once; `changes` overrides what the configuration says of each."""

    def make(
        *nodes: ScriptedNode, polled: bool = True, changes: dict[str, dict[str, Any]] | None = None, **more: Any
    ) -> Bench:
        entries = [entry(node, **(changes or {}).get(node.name, {})) for node in nodes]
        settings = make_settings(entries, **{"sync": {"interval_s": 0.01}} | more)
        bench = Bench(settings, store, nodes)
        if polled:
            bench.poll()
        return bench

    return make
