"""What `/nodes` and `/arr` tell: all asked at once, and nobody waits for the slowest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses

from qbdispatch.config.settings import ArrSettings
from qbdispatch.dispatch.survey import DEADLINE_SECONDS, survey_arr, survey_nodes
from qbdispatch.store import health
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench, put
from tests.unit.dispatch.conftest import BenchMaker

NodeMaker = Callable[..., ScriptedNode]
STATUS = "http://sonarr.test/api/v3/system/status"
HTML = "<html>Log in</html>"


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    wait_until(lambda: not any("survey" in thread.name for thread in threading.enumerate()), 10, "surveys to end")


def _survey(bench: Bench) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in survey_nodes(bench.settings, bench.store, bench.fleet)}


def test_a_node_is_shown_with_live_figures_and_those_of_its_last_poll(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """Live: reachable, latency, version, speed; from the poll: space, torrents; from scoring: how it would fare."""
    node = scripted("5.3.0", name="a", free_gib=100)
    put(node, make_torrent("t", 4 * GIB), state="stoppedDL")
    bench = make_bench(node, changes={"a": {"pool": "disk"}})
    node.transfer["dl_info_speed"] = 1_250_000
    bench.submit(make_torrent("u", 10 * GIB))
    shown = _survey(bench)["a"]
    assert 0 < shown.pop("latency_ms") < 5000
    assert shown.pop("snapshot_at").endswith("Z")
    assert shown.pop("last_seen").endswith("Z")
    values = [(part["weigher"], part["value"]) for part in shown.pop("contributions")]
    # One of 50 downloads, the one just placed; at its last poll it loaded nothing.
    assert values == [("free_space", 1.0), ("downloads", 0.98), ("bandwidth", 1.0)]
    assert shown.pop("score") == round((1 + 2 * 0.98 + 0.1) / 3.1, 4)
    assert shown == {
        "name": "a",
        "url": node.url,
        "reachable": True,
        "error": None,
        "cause": None,
        "failures": 0,
        "retry_in_s": None,
        "version": "v5.3.0",
        "excluded": False,
        "reasons": [],
        "free_gb": 100.0,
        "effective_free_gb": 86.0,
        "claimed_gb": 10.0,
        "outstanding_gb": 4.0,
        "min_free_gb": 0.0,
        "active_downloads": 1,
        "max_downloads": 50,
        "paused_downloads": 1,
        "torrents": 1,
        "download_mbps": 10.0,
        "draining": False,
        "pool": "disk",
        "warnings": [],
    }


def test_a_node_that_is_down_is_shown_as_last_seen(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Excluded as unreachable before any poll has noticed; the other one is not touched by that."""
    down, up = scripted(name="down"), scripted(name="up")
    bench = make_bench(down, up)
    down.close()
    shown = _survey(bench)
    assert list(shown) == ["down", "up"]
    assert (shown["down"]["reachable"], shown["down"]["excluded"]) == (False, True)
    assert "refuses connections" in shown["down"]["error"]
    assert [reason["code"] for reason in shown["down"]["reasons"]] == ["unreachable"]
    assert (shown["down"]["version"], shown["down"]["free_gb"]) == ("v5.1.0", 100.0)
    assert (shown["up"]["reachable"], shown["up"]["excluded"]) == (True, False)


def test_a_node_that_was_never_polled_has_no_figures(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Null, never 0."""
    node = scripted(name="a", password="other")
    bench = make_bench(node, polled=False, changes={"a": {"password": "wrong"}})
    shown = _survey(bench)["a"]
    figures = ("version", "free_gb", "effective_free_gb", "torrents", "paused_downloads", "outstanding_gb")
    assert {shown[name] for name in (*figures, "latency_ms", "download_mbps", "snapshot_at", "score")} == {None}
    assert [reason["code"] for reason in shown["reasons"]] == ["auth_failed", "stale", "missing_free_space"]
    assert "Correct username and password" in shown["error"]


def test_a_drained_node_says_so(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Reachable all the same."""
    bench = make_bench(scripted(name="a"))
    with bench.store.write() as connection:
        health.set_draining(connection, "a", True)
    shown = _survey(bench)["a"]
    assert (shown["reachable"], shown["draining"], shown["excluded"]) == (True, True, True)
    assert [reason["code"] for reason in shown["reasons"]] == ["draining"]


def test_one_hung_node_does_not_hold_up_the_list_beyond_the_deadline(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """A node that answers each call just in time, but not all of them, counts as silent; the rest is there."""
    slow, up = scripted(name="slow"), scripted(name="up")
    bench = make_bench(slow, up)
    slow.delay_seconds |= {"transfer/info": 2.2, "app/version": 2.2}
    started = time.monotonic()
    shown = _survey(bench)
    assert time.monotonic() - started < DEADLINE_SECONDS + 1
    assert (shown["slow"]["reachable"], shown["slow"]["cause"]) == (False, "timeout")
    assert shown["slow"]["error"].startswith("no answer within 4 s. ")
    assert shown["up"]["reachable"]
    slow.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"json": {"version": "4.0.9.1"}}, (True, "4.0.9.1", None)),
        ({"status": 401, "json": {}}, (False, None, "answered 401: the api_key is not accepted")),
        ({"status": 403, "body": HTML}, (False, None, "answered 403: the api_key is not accepted")),
        ({"status": 404, "body": HTML}, (False, None, "answered 404; correct its url")),
        ({"body": HTML, "content_type": "text/html"}, (False, None, "does not answer as Sonarr or Radarr does")),
        ({"json": {"appName": "Sonarr"}}, (False, None, "does not answer as Sonarr or Radarr does")),
        ({"json": ["4.0"]}, (False, None, "does not answer as Sonarr or Radarr does")),
        ({"status": 302, "headers": {"Location": "/login"}}, (False, None, "answered 302; correct its url")),
        ({"status": 503, "body": HTML}, (False, None, "answered 503; look into its log")),
        ({"body": requests.ReadTimeout("slow")}, (False, None, "http://sonarr.test/api/v3 did not answer in time")),
    ],
)
def test_an_arr_instance_is_asked_with_its_key_and_its_answer_put_in_words(
    answer: dict[str, Any], expected: tuple[bool, str | None, str | None]
) -> None:
    """Each way it can go wrong says what to look at."""
    with responses.RequestsMock() as web:
        web.get(STATUS, **answer, match=[responses.matchers.header_matcher({"X-Api-Key": "arr-key"})])
        shown = survey_arr([ArrSettings("tv", "sonarr", "http://sonarr.test/api/v3", "arr-key")])[0]
    assert (shown["name"], shown["type"], shown["url"]) == ("tv", "sonarr", "http://sonarr.test/api/v3")
    assert (shown["reachable"], shown["version"]) == expected[:2]
    assert (shown["error"] or "").startswith(expected[2] or "")
    assert (shown["error"] is None) is (expected[2] is None)


def test_arr_instances_are_listed_as_configured() -> None:
    """In order; without any the list is empty."""
    assert survey_arr([]) == []
    names = ["z", "a", "m"]
    with responses.RequestsMock() as web:
        for name in names:
            web.get(f"http://{name}.test/system/status", json={"version": name})
        found = survey_arr([ArrSettings(name, "radarr", f"http://{name}.test", "key") for name in names])
    assert [(one["name"], one["version"]) for one in found] == [(name, name) for name in names]
