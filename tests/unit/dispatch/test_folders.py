"""Which nodes show clients one folder for two disks, so that *arr cannot tell them apart (trap 19)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import select

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.folders import clashes, known_save_paths
from qbdispatch.dispatch.leader import Leader
from qbdispatch.dispatch.survey import survey_nodes
from qbdispatch.store import tables
from tests.conftest import SettingsMaker
from tests.rig.processes import wait_until
from tests.unit.dispatch.bench import Bench
from tests.unit.dispatch.conftest import BenchMaker
from tests.unit.dispatch.test_settle import NodeMaker


def _node(name: str, **more: Any) -> NodeSettings:
    return NodeSettings(name=name, url=f"http://{name}", **more)


def _names(found: dict[str, list[str]]) -> dict[str, int]:
    return {name: len(sentences) for name, sentences in found.items()}


@pytest.mark.parametrize(
    ("paths", "pools", "warned"),
    [
        ({"a": "/d", "b": "/d"}, {}, {"a": 1, "b": 1}),
        ({"a": "/d", "b": "/d/"}, {}, {"a": 1, "b": 1}),
        ({"a": "D:\\dl", "b": "d:/DL/"}, {}, {"a": 1, "b": 1}),
        ({"a": "/d", "b": "/D"}, {}, {}),
        ({"a": "/d/a", "b": "/d/b"}, {}, {}),
        ({"a": "/d", "b": "/d", "c": "/d"}, {}, {"a": 2, "b": 2, "c": 2}),
        ({"a": "/d", "b": "/d"}, {"a": "p", "b": "p"}, {}),
        ({"a": "/d", "b": "/d"}, {"a": "p", "b": "q"}, {"a": 1, "b": 1}),
        ({"a": "/d", "b": "/d", "c": "/d"}, {"a": "p", "b": "p"}, {"a": 1, "b": 1, "c": 2}),
        ({"a": "/d"}, {}, {}),
        ({"a": "", "b": ""}, {}, {}),
    ],
)
def test_the_same_folder_on_two_disks_is_a_clash(
    paths: dict[str, str], pools: dict[str, str], warned: dict[str, int]
) -> None:
    """However it is spelt; one pool is one disk, and a node that has not said anything yet is not blamed."""
    nodes = [_node(name, pool=pools.get(name)) for name in ("a", "b", "c")]
    assert _names(clashes(nodes, paths)) == warned


def test_the_warning_names_the_other_node_and_the_remedy() -> None:
    """So that its reader knows what to do."""
    (sentence,) = clashes([_node("here"), _node("there")], {"here": "/d", "there": "/d"})["here"]
    assert [word for word in ("/d", "there", "path_map", "pool") if word not in sentence] == []


def test_the_survey_warns_of_nodes_that_clash_and_a_path_map_ends_it(
    make_bench: BenchMaker, make_settings: SettingsMaker, scripted: NodeMaker
) -> None:
    """What counts is what clients see: `/downloads` on both, until one has a prefix of its own."""
    nodes = [scripted(name=name) for name in ("a", "b")]
    bench = make_bench(*nodes)
    warned = {node["name"]: node["warnings"] for node in survey_nodes(bench.settings, bench.store, bench.fleet)}
    assert [("node b" in warned["a"][0], "node a" in warned["b"][0])] == [(True, True)]
    mapped = make_bench(*nodes, changes={"b": {"path_map": [{"from": "/downloads", "to": "/mnt/b"}]}})
    assert [node["warnings"] for node in survey_nodes(mapped.settings, mapped.store, mapped.fleet)] == [[], []]
    with mapped.store.read() as connection:
        assert known_save_paths(connection, mapped.settings.nodes) == {"a": "/downloads", "b": "/mnt/b"}


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "path_map" in record.getMessage()]


def test_a_leader_warns_once_for_each_node_when_it_learns_the_paths(
    make_bench: BenchMaker, scripted: NodeMaker, caplog: pytest.LogCaptureFixture
) -> None:
    """At the beginning of its term nothing is known of a new fleet; its watchers find out. A third node that tells
    nothing keeps it looking, not talking."""
    mute = scripted(name="c")
    mute.garbage = "html"
    bench: Bench = make_bench(scripted(name="a"), scripted(name="b"), mute, polled=False)

    def leads_until() -> float:
        with bench.store.read() as connection:
            return float(connection.execute(select(tables.leases.c.expires_at)).scalar() or 0)

    leader = Leader(bench.store, bench.fleet, bench.settings.sync)
    with caplog.at_level(logging.WARNING):
        leader.start()
        try:
            wait_until(lambda: len(_warnings(caplog)) >= 2, 10, "both warnings")
            renewed = leads_until() + 1
            wait_until(lambda: leads_until() > renewed, 10, "another look")
        finally:
            leader.stop()
    assert sorted(text.split(" shows ")[0] for text in _warnings(caplog)) == ["node a", "node b"]
