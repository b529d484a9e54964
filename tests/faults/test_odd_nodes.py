"""Nodes that answer, but are odd: slow, off in time, without free space, with a list that has shrunk, or unwilling."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Flask

from qbdispatch.config.settings import ArrSettings
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.mirroring import CONFIRM_SECONDS
from qbdispatch.dispatch.survey import survey_arr
from qbdispatch.dispatch.watcher import LONGEST_PAUSE_SECONDS
from qbdispatch.nodes.errors import REMEDIES, Cause
from qbdispatch.store import mirror, placements
from tests.conftest import AppMaker, node_entry, poll
from tests.faults import cases
from tests.faults.conftest import BenchMaker, shown
from tests.rig import scripted_faults as faults
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted_faults import FaultyNode
from tests.rig.swarm import MadeTorrent, made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, put
from tests.unit.nodes.wire import answer, wired

Nodes = dict[str, FaultyNode]
HTTP_OK = 200


def _warnings(bench: Bench) -> list[str]:
    return list(shown(bench)["warnings"])


def test_a_slow_node_is_warned_of_and_still_used(make_bench: BenchMaker, nodes: Nodes) -> None:
    """Each call is within its limit; as soon as it is quick again the warning is gone."""
    bench = make_bench(nodes)
    cases.answer_just_in_time(nodes["bad"])
    bench.watchers["bad"].tick()
    document = shown(bench)
    assert (document["excluded"], document["cause"], document["latency_ms"] >= 1100) == (False, None, True)
    (warning,) = document["warnings"]
    assert warning.startswith("slow: it took 1.")
    assert REMEDIES[Cause.SLOW].advice in warning
    assert bench.submit(make_torrent("t", GIB)).node == "bad"
    nodes["bad"].delay_seconds.clear()
    assert _warnings(bench) == []


@pytest.mark.parametrize(("days", "words"), [(1, "1440 min ahead of"), (-1, "1440 min behind")])
def test_a_clock_a_day_off_is_only_a_warning(make_bench: BenchMaker, nodes: Nodes, days: int, words: str) -> None:
    """Its space still counts, and is as fresh as it was; with the clock set right the warning is gone."""
    bench = make_bench(nodes)
    cases.set_clock(nodes["bad"], days)
    document = shown(bench)
    (warning,) = document["warnings"]
    assert words in warning
    assert REMEDIES[Cause.CLOCK_SKEW].advice in warning
    bench.poll("bad")
    assert bench.submit(make_torrent("t", GIB)).node == "bad"
    nodes["bad"].say_date(None)
    assert _warnings(bench) == []


def test_a_date_that_is_none_is_no_warning(make_bench: BenchMaker, nodes: Nodes) -> None:
    """It tells nothing of the clock."""
    bench = make_bench(nodes)
    nodes["bad"].say_date("yesterday")
    assert _warnings(bench) == []


def test_free_space_that_jumps_to_0_and_back_neither_overbooks_nor_flaps(make_bench: BenchMaker, nodes: Nodes) -> None:
    """The last figure holds for a while, with what is claimed and still to be written taken off it."""
    bench = make_bench(nodes)
    cases.lose_free_space(nodes["bad"])
    bench.poll("bad")
    assert bench.submit(make_torrent("t", 300 * GIB)).node == "bad"
    assert (bench.room_gib("bad"), shown(bench)["reasons"]) == (700, [])
    bench.poll("bad")
    assert bench.submit(make_torrent("u", 701 * GIB)).status is Status.REJECTED
    nodes["bad"].free_bytes = 1000 * GIB
    bench.poll("bad")
    assert bench.room_gib("bad") == 700


def test_a_node_that_never_tells_its_free_space_is_out_until_it_does(make_bench: BenchMaker, nodes: Nodes) -> None:
    """To a new leader, who has no earlier figure, 0 says nothing; the reason says where to look."""
    bench = make_bench(nodes)
    cases.lose_free_space(nodes["bad"])
    bench.poll("bad", full=True)
    (reason,) = shown(bench)["reasons"]
    assert reason["code"] == "missing_free_space"
    assert "see that its save path exists and its disk is mounted" in reason["detail"]
    assert bench.submit(make_torrent("t", GIB)).node == "good"
    nodes["bad"].free_bytes = 1000 * GIB
    bench.poll("bad")
    assert shown(bench)["reasons"] == []
    assert bench.submit(make_torrent("u", GIB)).node == "bad"


def test_a_full_disk_takes_the_node_out_and_says_so(make_bench: BenchMaker, nodes: Nodes) -> None:
    """No free space and downloads in error; a new leader sees the same, and room made ends it."""
    bench = make_bench(nodes)
    made = cases.fill_disk(nodes["bad"])
    bench.poll("bad", full=True)
    document = shown(bench)
    (reason,) = document["reasons"]
    assert (document["cause"], reason["code"], document["reachable"]) == ("disk_full", "missing_free_space", True)
    for text in (reason["detail"], *document["warnings"]):
        assert REMEDIES[Cause.DISK_FULL].advice in text
    assert bench.submit(make_torrent("u", GIB)).node == "good"
    nodes["bad"].free_bytes = 1000 * GIB
    nodes["bad"].change(made.hash, state="downloading")
    bench.poll("bad")
    document = shown(bench)
    assert (document["cause"], document["reasons"], document["warnings"]) == (None, [], [])


def test_a_node_that_fails_each_add_hands_over_to_the_next(make_bench: BenchMaker, nodes: Nodes) -> None:
    """As one whose disk is full may; the attempts say why."""
    bench = make_bench(nodes)
    nodes["bad"].add_behaviour = "fail"
    result = bench.submit(make_torrent("t", GIB))
    assert (result.node, bench.claims("bad")) == ("good", [])
    attempts = bench.decision(result.decision_id)["attempts"]
    assert [(one["node"], one["outcome"]) for one in attempts] == [("bad", "not added"), ("good", "added")]


def _placed(bench: Bench, sizes: list[int]) -> list[MadeTorrent]:
    made = [make_torrent(f"t{number}", size) for number, size in enumerate(sizes)]
    assert {bench.submit(one).node for one in made} == {"bad"}
    bench.poll("bad")
    return made


@pytest.mark.parametrize("kept", [0, 1])
def test_after_a_restart_with_an_empty_or_partial_list_all_is_as_before(
    make_bench: BenchMaker, nodes: Nodes, kept: int
) -> None:
    """Placements, rows and the room that the missing ones still need stay; nothing is placed twice; the warning ends
    when the list is whole."""
    bench, bad = make_bench(nodes), nodes["bad"]
    made = _placed(bench, [100 * GIB, 200 * GIB, 300 * GIB])
    room = bench.room_gib("bad")
    assert room == 400
    whole = cases.restart_with(bad, kept)
    bench.poll("bad", full=True)
    (warning,) = _warnings(bench)
    assert warning.startswith(f"list_incomplete: it does not list {3 - kept} of its torrents")
    assert REMEDIES[Cause.LIST_INCOMPLETE].advice in warning
    assert [bench.homes(one) for one in made] == [["bad"]] * 3
    assert [bench.submit(one).status for one in made] == [Status.DUPLICATE] * 3
    assert bench.room_gib("bad") == room
    with bench.store.read() as connection:
        assert mirror.node_rows(connection, "bad").keys() == whole.keys()
        assert len(placements.on_node(connection, "bad")) == 3
    bad.restart(**whole)
    bench.poll("bad")
    assert (_warnings(bench), bench.room_gib("bad")) == ([], room)
    assert not nodes["good"].adds


def test_a_torrent_whose_size_is_not_known_yet_survives_such_a_restart_too(
    make_bench: BenchMaker, nodes: Nodes
) -> None:
    """Its claim is past its deadline and holds only because the node lists it."""
    bench, bad = make_bench(nodes), nodes["bad"]
    made = made_up_magnet("no metadata")
    assert bench.submit(made).node == "bad"
    bench.poll("bad")
    bench.age("claims", deadline=time.time() - 60)
    room = bench.room_gib("bad")
    whole = bad.restart()
    bench.poll("bad", full=True)
    assert (bench.homes(made), len(bench.claims("bad")), bench.room_gib("bad")) == (["bad"], 1, room)
    assert bench.submit(made).status is Status.DUPLICATE
    bad.restart(**whole)
    bench.poll("bad")
    assert (bench.homes(made), len(bench.claims("bad"))) == (["bad"], 1)


def test_another_node_under_the_same_url_is_told_apart(make_bench: BenchMaker, nodes: Nodes) -> None:
    """It lists none of the known torrents, but others; with the right one back all is as before, once what the other
    had is believed to be gone."""
    bench, bad = make_bench(nodes), nodes["bad"]
    made = _placed(bench, [GIB, GIB])
    room = bench.room_gib("bad")
    whole = cases.replace(bad)
    bench.poll("bad", full=True)
    (warning,) = _warnings(bench)
    assert warning.startswith("replaced: it lists none of the 2 torrents")
    assert REMEDIES[Cause.REPLACED].advice in warning
    assert (shown(bench)["excluded"], shown(bench)["cause"]) == (False, "replaced")
    bad.restart(**whole)

    def is_believed() -> bool:
        bench.poll("bad")
        return _warnings(bench) == []

    wait_until(is_believed, 2 * CONFIRM_SECONDS, "the stranger to be believed gone")
    assert ([bench.homes(one) for one in made], bench.room_gib("bad")) == ([["bad"]] * 2, room)
    with bench.store.read() as connection:
        assert mirror.node_rows(connection, "bad").keys() == whole.keys()


@pytest.mark.parametrize("case", cases.WRONG_URLS, ids=str)
def test_a_wrong_url_is_told_with_what_to_do_and_ends_when_it_is_right(
    make_bench: BenchMaker, nodes: Nodes, case: cases.Case
) -> None:
    """The other node takes what comes; the corrected configuration is another worker's."""
    bench = make_bench(nodes, **case.settings_for(nodes["bad"]) | {"timeout_s": 2})
    document = shown(bench)
    assert (document["cause"], document["reasons"][0]["code"]) == (case.cause, case.code)
    assert case.advice in document["error"]
    assert bench.submit(make_torrent("t", GIB)).node == "good"
    assert shown(make_bench(nodes))["reasons"] == []


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_wrong_password_is_told_with_what_to_do(make_bench: BenchMaker, version: Any) -> None:
    """Whether the node says so by `Fails.` or by 401; one login, however often it is asked."""
    with FaultyNode(version, name="bad", password="other") as bad:
        bench = make_bench({"bad": bad}, password="wrong", polled=False)
        for _ in range(3):
            bench.watchers["bad"].tick()
        document = shown(bench)
        assert (document["cause"], document["reasons"][0]["code"]) == ("wrong_credentials", "auth_failed")
        assert REMEDIES[Cause.WRONG_CREDENTIALS].advice in document["error"]
        assert bad.failed_logins == 1
        bad.password = "wrong"
        bench.fleet.members["bad"].forgive()
        bench.watchers["bad"].tick()
        assert shown(bench)["reasons"] == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_api_key_makes_all_workers_pause(make_bench: BenchMaker, status: int) -> None:
    """As a wrong password does: the node hears of it once."""
    with FaultyNode("5.3.0", name="bad") as bad:
        bad.api_key = "right"
        bad.fault = faults.body("Unauthorized", "text/plain", status)
        bench = make_bench({"bad": bad}, api_key="wrong", polled=False)
        for _ in range(3):
            bench.watchers["bad"].tick()
            assert shown(bench)["cause"] == "wrong_credentials"
        assert "refuses the api_key" in shown(bench)["error"]
        assert bad.calls.total() == 1


@pytest.mark.parametrize("fault", [faults.page(200), faults.body("Please log in to this network", "text/plain")])
def test_a_page_in_place_of_a_login_is_no_wrong_password(
    make_bench: BenchMaker, nodes: Nodes, fault: faults.Fault
) -> None:
    """A proxy's login page with status 200: no pause, and well again as soon as the proxy lets us through."""
    bench = make_bench(nodes, polled=False)
    nodes["bad"].fault = fault
    bench.watchers["bad"].tick()
    assert (shown(bench)["cause"], shown(bench)["reasons"][0]["code"]) == ("not_qbittorrent", "unreachable")
    nodes["bad"].fault = None
    bench.watchers["bad"].tick()
    assert shown(bench)["reasons"] == []


def test_what_concerns_a_node_known_to_be_down_is_answered_at_once(make_app: AppMaker, nodes: Nodes) -> None:
    """An action with 503 and the reason, `/nodes` as its watcher last saw it; the node is not called; after its
    watcher has found it well the action is done."""
    bad = nodes["bad"]
    made = make_torrent("t", GIB)
    put(bad, made)
    app = make_app([node_entry(node, timeout_s=1) for node in nodes.values()], sync={"interval_s": 0.05})
    client, asked = app.test_client(), {"hashes": made.hash}
    bad.fault = faults.hang
    poll(app, "bad")
    calls, started = bad.calls.total(), time.monotonic()
    refused = client.post("/api/v2/torrents/stop", data=asked)
    document = next(node for node in client.get("/nodes").get_json() if node["name"] == "bad")
    assert time.monotonic() - started < 0.9
    assert (refused.status_code, REMEDIES[Cause.TIMEOUT].advice in refused.text) == (503, True)
    assert (document["cause"], document["reachable"], bad.calls.total()) == ("timeout", False, calls)
    assert document["retry_in_s"] <= LONGEST_PAUSE_SECONDS
    bad.fault = None
    poll(app, "bad")
    assert client.post("/api/v2/torrents/stop", data=asked).status_code == HTTP_OK


def test_without_anybody_who_tries_it_a_node_is_not_taken_to_be_down(make_bench: BenchMaker, nodes: Nodes) -> None:
    """The leader may have died: past the time of its next try everybody may ask again."""
    bench = make_bench(nodes, timeout_s=1)
    nodes["bad"].fault = faults.drop
    bench.watchers["bad"].tick()
    nodes["bad"].fault = None
    assert shown(bench)["reachable"] is False
    bench.age("node_states", retry_at=time.time() - 5)
    assert shown(bench)["reachable"] is True


def _ready(app: Flask) -> tuple[int, str]:
    reply = app.test_client().get("/readyz")
    return reply.status_code, reply.get_data(as_text=True)


def test_it_is_not_ready_while_every_node_is_drained_or_faulty(make_app: AppMaker, nodes: Nodes) -> None:
    """And says which is what; one that may take torrents is enough."""
    app = make_app([node_entry(node) for node in nodes.values()])
    assert _ready(app)[0] == HTTP_OK
    app.test_client().post("/nodes/good/drain")
    assert _ready(app)[0] == HTTP_OK
    nodes["bad"].fault = faults.drop
    poll(app, "bad")
    status, text = _ready(app)
    assert (status, "bad is unreachable, good is draining" in text) == (503, True)
    app.test_client().post("/nodes/good/resume")
    assert _ready(app)[0] == HTTP_OK


def test_an_arr_is_asked_past_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key goes to nobody else."""
    with wired(answer(b'{"version": "4.0"}')) as arr, wired(answer(b"{}")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        (found,) = survey_arr([ArrSettings("tv", "sonarr", f"{arr.url}/api/v3", "key")])
        assert (found["version"], len(arr.requests), proxy.requests) == ("4.0", 1, [])
