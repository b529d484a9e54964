"""The pace of polling, and what a failing node leaves in the books."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from qbdispatch.dispatch.watcher import LONGEST_PAUSE_SECONDS
from qbdispatch.scoring.model import Reason
from qbdispatch.store import health, snapshots
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import make_torrent
from tests.unit.dispatch.bench import Bench, put
from tests.unit.dispatch.conftest import BenchMaker

NodeMaker = Callable[..., ScriptedNode]
DEAR_SECONDS = 0.1


@pytest.fixture
def node(scripted: NodeMaker) -> ScriptedNode:
    return scripted(name="a", free_gib=100)


@pytest.fixture
def bench(make_bench: BenchMaker, node: ScriptedNode) -> Bench:
    return make_bench(node, polled=False, sync={"interval_s": 0.05})


def _state(bench: Bench) -> health.NodeState:
    with bench.store.read() as connection:
        return health.states(connection)["a"]


def test_a_dear_poll_is_followed_by_a_pause_of_nine_times_its_length_with_cheap_calls_in_it(
    bench: Bench, node: ScriptedNode
) -> None:
    """At most a tenth of the node's time goes to us, and we still learn at once when it dies."""
    node.delay_seconds["sync/maindata"] = DEAR_SECONDS
    watcher = bench.watcher("a")
    watcher.tick()
    polled = time.monotonic()

    def has_polled_again() -> bool:
        time.sleep(watcher.tick())
        return node.calls["sync/maindata"] == 2

    wait_until(has_polled_again, 30, "a second poll")
    assert time.monotonic() - polled > 9 * DEAR_SECONDS - 0.05
    assert node.calls["transfer/info"] >= 5


def test_a_cheap_poll_is_made_at_every_tick(make_bench: BenchMaker, node: ScriptedNode) -> None:
    """The pace is the configured interval as long as the node answers in a tenth of it."""
    bench = make_bench(node, polled=False, sync={"interval_s": 0.5})
    watcher = bench.watcher("a")
    for polls in (1, 2):
        assert watcher.tick() == 0.5
        assert (node.calls["sync/maindata"], node.calls["transfer/info"]) == (polls, 0)
        time.sleep(0.5)


def test_a_poll_keeps_what_the_node_said(bench: Bench, node: ScriptedNode) -> None:
    """Space, torrents by state, speeds, version."""
    for number, state in enumerate(["downloading", "stoppedDL", "stalledUP"]):
        made = make_torrent(f"t{number}", GIB)
        put(node, made, state=state, amount_left=0 if state == "stalledUP" else GIB // 2)
    node.transfer |= {"dl_info_speed": 7, "up_info_speed": 8, "dl_rate_limit": 9}
    before = time.time()
    bench.watcher("a").tick()
    with bench.store.read() as connection:
        kept = snapshots.latest(connection)["a"]
    assert before <= kept.taken_at <= time.time()
    assert kept == snapshots.Snapshot("a", kept.taken_at, 100 * GIB, GIB, 1, 1, 3, 7, 8, 9, "v5.1.0")


def test_failures_make_the_calls_ever_more_seldom_and_an_answer_ends_that(
    make_bench: BenchMaker, node: ScriptedNode, caplog: pytest.LogCaptureFixture
) -> None:
    """Twice the pause each time, up to the longest; the fault is there for all to see, and said once."""
    bench = make_bench(node, polled=False, sync={"interval_s": 2})
    watcher = bench.watcher("a")
    node.garbage = "html"
    assert [watcher.tick() for _ in range(5)] == [min(2**n, LONGEST_PAUSE_SECONDS) for n in range(1, 6)]
    assert (_state(bench).fault, _state(bench).up_since) == (Reason.UNREACHABLE, None)
    assert "does not answer as qBittorrent does" in _state(bench).fault_detail
    node.garbage = None
    before = time.time()
    assert watcher.tick() == 2
    state = _state(bench)
    assert (state.fault, state.fault_detail) == (None, "")
    assert state.up_since == state.seen_at
    assert before <= (state.up_since or 0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    node.close()
    assert watcher.tick() == 2
    assert "answers again" in caplog.text


def test_up_since_stays_while_all_is_well(bench: Bench) -> None:
    """Only the time of the last answer moves on, by polls and by the cheap calls alike."""
    watcher = bench.watcher("a")
    watcher.tick()
    bench.age("node_states", up_since=5.0, seen_at=6.0)
    before = time.time()
    watcher.tick()
    assert _state(bench).up_since == 5.0
    assert (_state(bench).seen_at or 0) >= before


def test_a_node_that_refuses_us_is_left_alone_until_forgiven(bench: Bench, node: ScriptedNode) -> None:
    """`auth_failed` for all workers; the longest pause at once; a single login however often it is tried."""
    node.unauthorised = True
    watcher = bench.watcher("a")
    assert [watcher.tick() for _ in range(3)] == [LONGEST_PAUSE_SECONDS] * 3
    assert (_state(bench).fault, node.calls["auth/login"]) == (Reason.AUTH_FAILED, 1)
    node.unauthorised = False
    bench.fleet.members["a"].forgive()
    assert watcher.tick() == 0.05
    assert _state(bench).fault is None


def test_a_fault_between_two_polls_is_noticed_by_the_cheap_call(bench: Bench, node: ScriptedNode) -> None:
    """The next poll is far off, but the node is found to be gone."""
    node.delay_seconds["sync/maindata"] = 0.3
    watcher = bench.watcher("a")
    watcher.tick()
    node.close()
    watcher.tick()
    assert node.calls["sync/maindata"] == 1
    assert _state(bench).fault is Reason.UNREACHABLE


def test_who_no_longer_leads_writes_nothing(bench: Bench, node: ScriptedNode) -> None:
    """Neither what a poll showed, nor that the node answers, nor that it fails."""
    node.delay_seconds["sync/maindata"] = 0.05
    watcher = bench.watcher("a", leads=False)
    for _ in range(2):
        watcher.tick()
    assert node.calls["transfer/info"] == 1
    node.close()
    watcher.tick()
    assert _state(bench) == health.NodeState("a")
    assert bench.facts()["a"].free_bytes is None


def test_what_a_failing_store_did_not_keep_is_polled_again_in_full(bench: Bench, node: ScriptedNode) -> None:
    """The torrent of a lost increment is not lost: the poll after it starts from the beginning."""
    watcher = bench.watcher("a")
    watcher.tick()
    made = make_torrent("t", GIB)
    put(node, made)
    with bench.store.write() as connection:
        connection.execute(text("ALTER TABLE placements RENAME TO away"))

    def ticks_until(polls: int) -> None:
        wait_until(lambda: watcher.tick() and node.calls["sync/maindata"] == polls, 10, f"{polls} polls")

    ticks_until(2)
    with bench.store.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO placements"))
    assert bench.homes(made) == []
    ticks_until(3)
    assert bench.homes(made) == ["a"]


def test_a_node_and_a_store_that_fail_together_are_no_surprise(
    bench: Bench, node: ScriptedNode, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault cannot be kept; that is logged as a sentence, and the watcher goes on."""
    watcher = bench.watcher("a")
    node.close()
    with bench.store.write() as connection:
        connection.execute(text("ALTER TABLE node_states RENAME TO away"))
        connection.execute(text("ALTER TABLE sessions RENAME TO sessions_away"))
    assert watcher.tick() == 0.05
    with bench.store.write() as connection:
        connection.execute(text("ALTER TABLE sessions_away RENAME TO sessions"))
    assert watcher.tick() > 0
    assert "the store does not answer" in caplog.text


def test_it_runs_until_it_is_told_to_stop(bench: Bench, node: ScriptedNode) -> None:
    """In its own thread, at once when told."""
    stop = threading.Event()
    thread = threading.Thread(target=bench.watcher("a").run, args=(stop,))
    thread.start()
    wait_until(lambda: node.calls["sync/maindata"] >= 2, 10, "two polls")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
