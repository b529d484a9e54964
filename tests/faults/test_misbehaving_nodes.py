"""Each way a node can misbehave: what it is called, what its user is told to do, that nobody else waits, and that all
is well again with its next good answer."""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any

import pytest

from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.nodes.bounded import MOST_BYTES
from qbdispatch.nodes.errors import Cause
from tests.faults.cases import ODD, UNTIL_MENDED, WRONG_URLS, Case
from tests.faults.conftest import BenchMaker, shown
from tests.rig import scripted_faults as faults
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted_faults import FaultyNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench, put

EVERY_CASE = [*UNTIL_MENDED, *WRONG_URLS, *ODD]
FLOOR_SECONDS = 0.005
CALLS = 60


def _bench(make_bench: BenchMaker, nodes: dict[str, FaultyNode], case: Case) -> Bench:
    return make_bench(nodes, **case.settings_for(nodes["bad"]))


def _mend(bench: Bench, node: FaultyNode) -> None:
    node.fault, node.unauthorised = None, False
    bench.fleet.members[node.name].forgive()


def _codes(document: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in document["reasons"]]


def test_each_cause_is_among_the_cases() -> None:
    """None can be added without these tests."""
    assert {case.cause for case in EVERY_CASE if case.cause} == set(Cause)


@pytest.mark.parametrize("case", UNTIL_MENDED, ids=str)
def test_a_fault_has_a_code_a_cause_and_advice_and_ends_with_the_next_good_answer(
    make_bench: BenchMaker, nodes: dict[str, FaultyNode], case: Case
) -> None:
    """In time, with all figures of the back-off; what is submitted meanwhile goes to the other node."""
    bench = _bench(make_bench, nodes, case)
    bad, seen = nodes["bad"], shown(bench)["last_seen"]
    case.begin(bad)
    started = time.monotonic()
    pause = bench.watchers["bad"].tick()
    # The endless ones take what 64 MiB take on a busy machine; their own limits are tested below.
    assert time.monotonic() - started < (10 if case.cause is Cause.TOO_LARGE else 3)
    document = shown(bench)
    assert (document["cause"], _codes(document)[0], document["reachable"]) == (case.cause, case.code, False)
    assert case.advice in document["error"]
    assert (document["failures"], 0 <= document["retry_in_s"] <= pause, document["last_seen"] >= seen) == (
        1,
        True,
        True,
    )
    placed = bench.submit(make_torrent("t", GIB))
    assert (placed.status, placed.node) == (Status.ACCEPTED, "good")
    assert _codes(shown(bench, "good")) == []
    _mend(bench, bad)
    bench.watchers["bad"].tick()
    mended = shown(bench)
    assert (mended["cause"], mended["error"], _codes(mended), mended["warnings"]) == (None, None, [], [])
    assert (mended["failures"], mended["retry_in_s"], mended["reachable"]) == (0, None, True)
    assert bench.submit(make_torrent("u", GIB)).node == "bad"


def _median_seconds(bench: Bench) -> float:
    access, times = bench.fleet.members["good"], []
    for _ in range(CALLS):
        started = time.monotonic()
        access.call(lambda cookies: access.client.transfer(cookies))
        times.append(time.monotonic() - started)
    return statistics.median(times)


@pytest.mark.alone
@pytest.mark.parametrize("case", EVERY_CASE, ids=str)
def test_nobody_else_is_slower_for_it(make_bench: BenchMaker, nodes: dict[str, FaultyNode], case: Case) -> None:
    """While a new leader and the callers of the bad node suffer, which say what it is, a call to the good one takes at
    most twice as long."""
    bad = nodes["bad"]
    for number in range(2):
        put(bad, make_torrent(f"known {number}", GIB))
    bench = _bench(make_bench, nodes, case)
    before = _median_seconds(bench)
    case.begin(bad)
    stop = threading.Event()
    sufferer = threading.Thread(target=bench.watcher("bad").run, args=(stop,))
    sufferer.start()
    try:
        during = _median_seconds(bench)
        wait_until(lambda: _is_told(case, shown(bench)), 30, f"it to be called {case.cause}, {case.code}")
    finally:
        stop.set()
        sufferer.join()
    assert during <= 2 * max(before, FLOOR_SECONDS)


def _is_told(case: Case, document: dict[str, Any]) -> bool:
    causes = {document["cause"], *(warning.partition(":")[0] for warning in document["warnings"])}
    return case.cause in causes and _codes(document)[:1] == ([case.code] if case.code else [])


def test_an_endless_answer_is_read_up_to_the_limit_only(make_bench: BenchMaker, nodes: dict[str, FaultyNode]) -> None:
    """The node may send what the sockets hold beyond it, and no more."""
    bench = make_bench(nodes, timeout_s=20)
    nodes["bad"].fault = faults.endless
    bench.watchers["bad"].tick()
    assert shown(bench)["cause"] == Cause.TOO_LARGE
    assert MOST_BYTES <= nodes["bad"].sent_bytes < MOST_BYTES + 16 * 2**20
