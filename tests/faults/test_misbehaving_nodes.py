"""Each way a node can misbehave: what it is called, what its user is told to do, that nobody else waits, and that all
is well again with its next good answer."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.nodes.bounded import MOST_BYTES
from qbdispatch.nodes.errors import REMEDIES, Cause
from qbdispatch.scoring.model import Reason
from tests.faults.conftest import BenchMaker, shown
from tests.rig import scripted_faults as faults
from tests.rig.disks import GIB
from tests.rig.scripted_faults import FaultyNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench

TIMEOUT_SECONDS = 0.4
FLOOR_SECONDS = 0.005
CALLS = 60


@dataclass(frozen=True)
class Case:
    """A fault, what it is to be called, and the code under which the node is out."""

    name: str
    fault: faults.Fault
    cause: Cause
    code: Reason = Reason.UNREACHABLE


UNTIL_MENDED = [
    Case("hung", faults.hang, Cause.TIMEOUT),
    Case("drops connections", faults.drop, Cause.DROPPED),
    Case("login page of a proxy", faults.page(200), Cause.NOT_QBITTORRENT),
    Case("bad gateway", faults.page(502), Cause.SERVER_ERROR),
    Case("redirects", faults.page(302, Location="/login"), Cause.NOT_QBITTORRENT),
    Case("redirects for good", faults.page(308, Location="https://elsewhere.test/"), Cause.NOT_QBITTORRENT),
    Case("not found", faults.page(404), Cause.REFUSED),
    Case("ends in the middle of JSON", faults.body('{"rid": 1, "torrents": {'), Cause.TRUNCATED),
    Case("ends before its length", faults.cut_short, Cause.TRUNCATED),
    Case("JSON of another kind", faults.body("[1, 2]"), Cause.NOT_QBITTORRENT),
    Case("JSON that says it is a page", faults.body('{"rid": 1}', "text/html"), Cause.NOT_QBITTORRENT),
    Case("a page that says it is JSON", faults.body(faults.LOGIN_PAGE), Cause.NOT_QBITTORRENT),
    Case("endless JSON", faults.endless, Cause.TOO_LARGE),
    Case("announces too much", faults.announced, Cause.TOO_LARGE),
    Case("unpacks to too much", faults.bomb, Cause.TOO_LARGE),
    Case("drips its body", faults.drip_body, Cause.TIMEOUT),
    Case("drips its head", faults.drip_head, Cause.TIMEOUT),
    Case("banned us", faults.body(""), Cause.BANNED, Reason.AUTH_FAILED),
]
SLOW = Case("each call just within its limit", faults.drop, Cause.SLOW)
CASES = pytest.mark.parametrize("case", UNTIL_MENDED, ids=lambda case: case.name.replace(" ", "-"))


def _bench(make_bench: BenchMaker, nodes: dict[str, FaultyNode], case: Case) -> Bench:
    """What is too large gets the time to become so."""
    return make_bench(nodes, timeout_s=20 if case.cause is Cause.TOO_LARGE else TIMEOUT_SECONDS)


def _break(case: Case, node: FaultyNode) -> None:
    if case.cause is Cause.BANNED:
        node.unauthorised = True
    elif case is SLOW:
        node.delay_seconds["*"] = 0.9 * TIMEOUT_SECONDS
    else:
        node.fault = case.fault


def _mend(bench: Bench, node: FaultyNode) -> None:
    node.fault, node.unauthorised = None, False
    bench.fleet.members[node.name].forgive()


def _codes(document: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in document["reasons"]]


@CASES
def test_a_fault_has_a_code_a_cause_and_advice_and_ends_with_the_next_good_answer(
    make_bench: BenchMaker, nodes: dict[str, FaultyNode], case: Case
) -> None:
    """In time, with all figures of the back-off; what is submitted meanwhile goes to the other node."""
    bench = _bench(make_bench, nodes, case)
    bad, seen = nodes["bad"], shown(bench)["last_seen"]
    _break(case, bad)
    started = time.monotonic()
    pause = bench.watchers["bad"].tick()
    # The endless ones take what 64 MiB take on a busy machine; their own limits are tested below.
    assert time.monotonic() - started < (10 if case.cause is Cause.TOO_LARGE else 3)
    document = shown(bench)
    assert (document["cause"], _codes(document)[0], document["reachable"]) == (case.cause, case.code, False)
    assert REMEDIES[case.cause].advice in document["error"]
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
@pytest.mark.parametrize("case", [*UNTIL_MENDED, SLOW], ids=lambda case: case.name.replace(" ", "-"))
def test_nobody_else_is_slower_for_it(make_bench: BenchMaker, nodes: dict[str, FaultyNode], case: Case) -> None:
    """While the watcher and the callers of the bad node suffer, a call to the good one takes at most twice as long."""
    bench = _bench(make_bench, nodes, case)
    before = _median_seconds(bench)
    _break(case, nodes["bad"])
    stop = threading.Event()
    sufferer = threading.Thread(target=bench.watchers["bad"].run, args=(stop,))
    sufferer.start()
    try:
        during = _median_seconds(bench)
    finally:
        stop.set()
        sufferer.join()
    assert during <= 2 * max(before, FLOOR_SECONDS)


def test_an_endless_answer_is_read_up_to_the_limit_only(make_bench: BenchMaker, nodes: dict[str, FaultyNode]) -> None:
    """The node may send what the sockets hold beyond it, and no more."""
    bench = make_bench(nodes, timeout_s=20)
    nodes["bad"].fault = faults.endless
    bench.watchers["bad"].tick()
    assert shown(bench)["cause"] == Cause.TOO_LARGE
    assert MOST_BYTES <= nodes["bad"].sent_bytes < MOST_BYTES + 16 * 2**20
