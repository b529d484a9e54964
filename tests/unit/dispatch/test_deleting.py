"""A deletion leaves word of itself, so that nobody is told that a torrent is there which has just gone."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from qbdispatch.dispatch import account
from qbdispatch.dispatch.actions import ActionFailed, Actions
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.library import Library
from qbdispatch.store import placements, vanished
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import MadeTorrent, make_torrent
from tests.unit.dispatch.bench import Bench, adds, hashes_of
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores
TIMEOUT_SECONDS = 0.5
NEVER_SECONDS = 60.0


@pytest.fixture
def nodes(scripted: Callable[..., ScriptedNode]) -> list[ScriptedNode]:
    """The first is preferred."""
    return [scripted(name="a", free_gib=500), scripted(name="b", free_gib=100)]


@pytest.fixture
def bench(make_bench: BenchMaker, nodes: list[ScriptedNode]) -> Bench:
    return make_bench(*nodes, changes={name: {"timeout_s": TIMEOUT_SECONDS} for name in "ab"})


@pytest.fixture
def made(bench: Bench) -> MadeTorrent:
    """A torrent on the first node."""
    made = make_torrent("t", GIB)
    assert bench.submit(made).node == "a"
    bench.poll()
    return made


def _delete(bench: Bench, made: MadeTorrent) -> None:
    Actions(bench.store, bench.fleet, Library(bench.store, bench.fleet)).delete(str(made.v1), delete_files=True)


def _delete_in_vain(bench: Bench, made: MadeTorrent) -> None:
    with pytest.raises(ActionFailed) as raised:
        _delete(bench, made)
    assert raised.value.status == 503


def _leaving(bench: Bench, made: MadeTorrent) -> list[bool]:
    with bench.store.read() as connection:
        return [one.leaving_until is not None for one in placements.find(connection, hashes_of(made))]


def test_what_was_deleted_unanswered_is_not_called_a_duplicate(
    bench: Bench, nodes: list[ScriptedNode], made: MadeTorrent
) -> None:
    """Nor reported as removed by others. Who asks while it may be under way is to ask again, and is counted so; later
    the node is asked, and the torrent placed anew."""
    nodes[0].delay_seconds["torrents/delete"] = 2 * TIMEOUT_SECONDS
    _delete_in_vain(bench, made)
    early = bench.submit(made)
    assert (early.status, "still deleting this torrent from a; ask again" in early.reason) == (Status.FAILED, True)
    with bench.store.read() as connection:
        assert account.counted(connection)["failed", "still_deleting"] == 1
    wait_until(lambda: not nodes[0].torrents_by_hash, 10, "the node to carry it out")
    bench.age("placements", leaving_until=bench.store.now() - 1)
    late = bench.submit(made)
    assert (late.status, adds(nodes), bench.homes(made)) == (Status.ACCEPTED, ["a", "a"], ["a"])
    bench.poll()
    with bench.store.read() as connection:
        assert vanished.since(connection, 0) == []


def test_a_poll_that_shows_the_end_of_such_a_deletion_reports_nothing(
    bench: Bench, nodes: list[ScriptedNode], made: MadeTorrent
) -> None:
    """It was ours; and the torrent can be placed anew at once."""
    nodes[0].delay_seconds["torrents/delete"] = 2 * TIMEOUT_SECONDS
    _delete_in_vain(bench, made)
    wait_until(lambda: not nodes[0].torrents_by_hash, 10, "the node to carry it out")
    bench.poll()
    with bench.store.read() as connection:
        assert vanished.since(connection, 0) == []
    assert bench.submit(made).status is Status.ACCEPTED


def test_a_deletion_that_came_to_nothing_leaves_the_torrent_placed(
    bench: Bench, nodes: list[ScriptedNode], made: MadeTorrent
) -> None:
    """The node is asked once; afterwards it is a duplicate like any other."""
    nodes[0].delay_seconds["torrents/delete"] = NEVER_SECONDS
    _delete_in_vain(bench, made)
    assert _leaving(bench, made) == [True]
    bench.age("placements", leaving_until=bench.store.now() - 1)
    assert bench.submit(made).status is Status.DUPLICATE
    assert _leaving(bench, made) == [False]
    calls = nodes[0].calls.total()
    assert bench.submit(made).status is Status.DUPLICATE
    assert nodes[0].calls.total() == calls


def test_while_its_node_is_silent_nobody_can_say(bench: Bench, nodes: list[ScriptedNode], made: MadeTorrent) -> None:
    """Neither a duplicate nor placed anew: whoever asks is to ask again."""
    nodes[0].delay_seconds["torrents/delete"] = NEVER_SECONDS
    _delete_in_vain(bench, made)
    bench.age("placements", leaving_until=bench.store.now() - 1)
    nodes[0].close()
    result = bench.submit(made)
    assert (result.status, adds(nodes)) == (Status.FAILED, ["a"])
    assert "the node does not say what came of deleting this torrent from a" in result.reason


def test_a_deletion_that_was_never_sent_changes_nothing(
    bench: Bench, nodes: list[ScriptedNode], made: MadeTorrent
) -> None:
    """Its announcement is taken back."""
    nodes[0].close()
    _delete_in_vain(bench, made)
    assert (_leaving(bench, made), bench.submit(made).status) == ([False], Status.DUPLICATE)


def test_who_submits_during_a_deletion_waits_for_its_end(
    bench: Bench, nodes: list[ScriptedNode], made: MadeTorrent
) -> None:
    """Then the torrent is placed anew."""
    nodes[0].delay_seconds["torrents/delete"] = 0.5 * TIMEOUT_SECONDS
    deleting = threading.Thread(target=_delete, args=(bench, made))
    deleting.start()
    wait_until(lambda: _leaving(bench, made) == [True], 5, "the announcement")
    result = bench.submit(made)
    deleting.join(10)
    assert (result.status, adds(nodes), bench.homes(made)) == (Status.ACCEPTED, ["a", "a"], ["a"])
