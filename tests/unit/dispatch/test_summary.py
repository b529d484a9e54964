"""The fleet as one server: traps 16, 17 and 21 of the wire contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdispatch.dispatch.summary import preferences, server_state, transfer_info


def test_amounts_and_speeds_add_up() -> None:
    """Three nodes, of which the last says nothing."""
    state = server_state([{"dl_info_speed": 3, "alltime_ul": 10}, {"dl_info_speed": 4, "alltime_dl": 4}, {}], 0)
    assert (state["dl_info_speed"], state["up_info_speed"], state["alltime_ul"]) == (7, 0, 10)
    assert state["global_ratio"] == "2.50"
    assert server_state([], 0)["global_ratio"] == "-"


def test_free_space_is_what_it_was_told() -> None:
    """Trap 21: a sum would promise room that no node has."""
    states = [{"free_space_on_disk": 100}, {"free_space_on_disk": 50}]
    assert server_state(states, 60)["free_space_on_disk"] == 60


@pytest.mark.parametrize(("limits", "whole"), [([5, 6], 11), ([5, 0], 0), ([0, 0], 0), ([], 0)])
def test_a_rate_limit_is_the_sum_unless_one_node_has_none(limits: list[int], whole: int) -> None:
    """0 means none."""
    states = [{"dl_rate_limit": limit, "up_rate_limit": limit} for limit in limits]
    shown = transfer_info(server_state(states, 0))
    assert (shown["dl_rate_limit"], shown["up_rate_limit"]) == (whole, whole)


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (["disconnected", "connected", "firewalled"], "connected"),
        (["disconnected", "firewalled"], "firewalled"),
        (["disconnected"], "disconnected"),
        ([], "disconnected"),
    ],
)
def test_the_fleet_is_as_connected_as_its_best_node(seen: list[str], shown: str) -> None:
    """Torrents go where they can be downloaded."""
    assert transfer_info(server_state([{"connection_status": one} for one in seen], 0))["connection_status"] == shown


@pytest.mark.parametrize("name", ["queueing", "use_alt_speed_limits"])
@pytest.mark.parametrize(("set_on", "shown"), [([True, True], True), ([True, False], False), ([], False)])
def test_what_only_some_nodes_do_the_fleet_does_not(name: str, set_on: list[bool], shown: bool) -> None:
    """Trap 17."""
    assert server_state([{name: one} for one in set_on], 0)[name] is shown


@pytest.mark.parametrize(("acts", "shown"), [([0, 0], 0), ([0, 1], 1), ([3, 0], 3), ([1, 3], 3), ([2, 0], 2), ([], 0)])
def test_a_limit_that_removes_torrents_counts_if_any_node_has_one(acts: list[int], shown: int) -> None:
    """Trap 17: 1 removes, 3 removes with the files; of harmless ones the first node's is shown."""
    assert preferences([{"max_ratio_act": act} for act in acts]).get("max_ratio_act", 0) == shown


@pytest.mark.parametrize("name", ["queueing_enabled", "dht"])
def test_queueing_and_dht_count_only_where_all_have_them(name: str) -> None:
    """Trap 17: any node may get the next magnet or the next topPrio."""
    values = [preferences([{name: one} for one in states])[name] for states in ([True, True], [True, False], [False])]
    assert values == [True, False, False]
    assert preferences([{name: True}, {}])[name] is False


@pytest.mark.parametrize("name", ["max_ratio", "max_seeding_time", "max_inactive_seeding_time"])
def test_of_unlike_seed_limits_the_strictest_is_shown(name: str) -> None:
    """Trap 16: rows carry their node's own limits, so that this is for warnings alone; -1 where no node has one."""
    limited = {f"{name}_enabled": True, name: 30}
    stricter = {f"{name}_enabled": True, name: 20}
    free = {f"{name}_enabled": False, name: 10}
    fleets: list[list[dict[str, Any]]] = [[free, limited, stricter], [free, free], [{}]]
    shown = [preferences(nodes) for nodes in fleets]
    assert [(one[f"{name}_enabled"], one[name]) for one in shown] == [(True, 20), (False, -1), (False, -1)]


def test_the_rest_is_the_first_nodes_and_no_node_is_changed() -> None:
    """Whose paths and names are shown is decided by the caller."""
    nodes: list[dict[str, Any]] = [{"save_path": "/a", "dht": True}, {"save_path": "/b", "dht": False}]
    shown = preferences(nodes)
    assert (shown["save_path"], nodes[0]["dht"], preferences([])) == ("/a", True, {})


names = ["dl_info_speed", "alltime_dl", "dl_rate_limit", "connection_status", "queueing", "max_ratio", "max_ratio_act"]
lies = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=2), st.just(10**400))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.dictionaries(st.sampled_from([*names, "max_ratio_enabled", "dht"]), lies), max_size=3))
def test_a_lying_node_cannot_break_the_figures(nodes: list[dict[str, Any]]) -> None:
    """Whatever it says, there is an answer, and the figures are numbers that fit 64 bits."""
    state = server_state(nodes, 1)
    preferences(nodes)
    json.dumps(state, allow_nan=False)
    figures = [state[name] for name in ("dl_info_speed", "alltime_dl", "dl_rate_limit")]
    assert [figure for figure in figures if type(figure) is not int or abs(figure) > 2**63 - 1] == []
