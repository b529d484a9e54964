"""What fits nowhere now is held and placed later: once, by whoever is first, and through any crash between."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from werkzeug.wrappers import Request, Response

from qbdispatch.dispatch.actions import Actions
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.library import Library
from qbdispatch.store import held
from qbdispatch.store.claims import Phase
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, adds, at_once, hashes_of
from tests.unit.dispatch.bench import submission as submission_of
from tests.unit.dispatch.conftest import BenchMaker

NodeMaker = Callable[..., ScriptedNode]
ON = {"hold": {"enabled": True}}


class AskedNode(ScriptedNode):
    """Something is done once, before it answers what it has."""

    when_asked: Callable[[], None] | None = None

    def _answer(self, endpoint: str, request: Request) -> Response:
        if endpoint == "torrents/info" and self.when_asked is not None:
            during, self.when_asked = self.when_asked, None
            during()
        return super()._answer(endpoint, request)


def place(bench: Bench) -> None:
    """One turn of the leader's chore."""
    bench.dispatcher.settle_held()
    leave_out: set[int] = set()
    while bench.dispatcher.place_next(leave_out):
        pass


def waiting(bench: Bench) -> list[str]:
    with bench.store.read() as connection:
        found = held.waiting(connection)
        assert held.count(connection) == len(found)
        assert held.oldest(connection) == (found[0] if found else None)
    return [one.hashes.key for one in found]


def grow(bench: Bench, node: ScriptedNode, free_gib: float) -> None:
    node.free_bytes = int(free_gib * GIB)
    bench.poll(node.name, full=True)


def listed(bench: Bench) -> dict[str, tuple[str, str]]:
    shelf = Library(bench.store, bench.fleet).shelf()
    return {hash_: (entry.node, entry.row["state"]) for hash_, entry in shelf.by_hash.items()}


def test_without_hold_a_torrent_that_fits_nowhere_is_rejected_at_once(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """As before: nothing is kept and nothing listed."""
    bench = make_bench(scripted(name="a", free_gib=5))
    assert bench.submit(make_torrent("t", 10 * GIB)).status is Status.REJECTED
    assert (waiting(bench), listed(bench)) == ([], {})


@pytest.mark.parametrize("kind", ["magnet", "file"])
def test_a_held_torrent_is_listed_and_placed_with_all_its_fields_when_there_is_room(
    make_bench: BenchMaker, scripted: NodeMaker, kind: str
) -> None:
    """The decision says why it waits, a second submission since when; the node gets every field; it is then held no
    longer, and is in the list before and after."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, **ON)
    made = make_torrent("t", 10 * GIB) if kind == "file" else made_up_magnet("t")
    asked = made if kind == "file" else made.magnet
    first = bench.submit(asked, category="tv", tags="x", savepath="/d", upLimit="5")
    assert (first.status, first.node, first.is_taken) == (Status.HELD, None, True)
    assert "insufficient_space" in first.reason
    assert bench.decision(first.decision_id)["status"] == "held"
    again = bench.submit(asked)
    assert (again.status, again.decision_id) == (Status.HELD, first.decision_id)
    assert "held since 20" in again.reason
    assert waiting(bench) == [made.hash]
    assert listed(bench) == {made.hash: ("", "queuedDL")}
    place(bench)
    assert node.add_requests == []
    grow(bench, node, 100)
    place(bench)
    assert (waiting(bench), bench.homes(made)) == ([], ["a"])
    assert [node_ for node_, _ in listed(bench).values()] == ["a"]
    ((hash_, fields),) = node.adds
    assert hash_ == made.hash
    sent = {"category": "tv", "tags": "x", "savepath": "/d", "upLimit": "5"}
    assert sent.items() <= fields.items()
    assert bench.decision(first.decision_id)["status"] == "accepted"


def test_what_every_node_failed_to_take_is_held_too(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """It is tried again, then put off for a while, and placed once a node takes it."""
    node = scripted(name="a", free_gib=100)
    node.add_behaviour = "fail"
    bench = make_bench(node, **ON)
    made = make_torrent("t", GIB)
    assert bench.submit(made).status is Status.HELD
    place(bench)
    tried = len(node.add_requests)
    place(bench)
    assert len(node.add_requests) == tried == 2
    assert waiting(bench) == [made.hash]
    node.add_behaviour = "normal"
    assert bench.dispatcher.try_now(hashes_of(made))
    place(bench)
    assert (waiting(bench), bench.homes(made)) == ([], ["a"])


def test_what_no_node_accepts_and_what_is_too_much_is_refused_with_the_reason(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """Waiting would not help the one, and hold.max_torrents is the user's word."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, changes={"a": {"categories": ["tv"]}}, hold={"enabled": True, "max_torrents": 1})
    refused = bench.submit(make_torrent("m", 10 * GIB), category="movies")
    assert (refused.status, "waiting does not help" in refused.reason) == (Status.REJECTED, True)
    assert bench.submit(make_torrent("t", 10 * GIB), category="tv").status is Status.HELD
    second = bench.submit(make_torrent("u", 10 * GIB), category="tv")
    assert (second.status, "hold.max_torrents" in second.reason) == (Status.REJECTED, True)
    assert len(waiting(bench)) == 1


def test_a_new_submission_does_not_take_the_room_that_the_oldest_waits_for(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """It is held behind it where there is one disk, and goes to the other one where there are two."""
    bench = make_bench(scripted(name="a", free_gib=50), **ON)
    assert bench.submit(make_torrent("big", 80 * GIB)).status is Status.HELD
    small = bench.submit(make_torrent("small", GIB))
    assert (small.status, "reserved" in small.reason) == (Status.HELD, True)


def test_what_is_being_placed_is_not_counted_twice(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Its claim counts already: 60 of 100 GB are promised, and one of 30 finds room beside it."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, **ON)
    big = make_torrent("big", 60 * GIB)
    assert bench.submit(big).status is Status.HELD
    bench.open_claim(big, "a", age_seconds=1, bytes=60 * GIB)
    grow(bench, node, 100)
    assert bench.submit(make_torrent("small", 30 * GIB)).status is Status.ACCEPTED
    assert bench.submit(make_torrent("too much", 30 * GIB)).status is Status.HELD


def test_several_leaders_at_once_place_each_torrent_once_and_overbook_nothing(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """Four workers that all believe to lead, six torrents of 10 GB, two disks of 25: the four oldest are added, each
    once and two to a disk; the others wait on."""
    nodes = [scripted(name=name, free_gib=5) for name in "ab"]
    bench = make_bench(*nodes, **ON)
    made = [make_torrent(f"t{number}", 10 * GIB) for number in range(6)]
    assert {bench.submit(one).status for one in made} == {Status.HELD}
    for node in nodes:
        grow(bench, node, 25)
    workers = [bench, *(Bench(bench.settings, bench.store, nodes) for _ in range(3))]
    at_once([lambda worker=worker: place(worker) for worker in workers])  # type: ignore[misc]
    place(bench)
    assert Counter(adds(nodes)) == {"a": 2, "b": 2}
    assert sorted(hash_ for node in nodes for hash_, _ in node.adds) == sorted(one.hash for one in made[:4])
    assert waiting(bench) == [one.hash for one in made[4:]]


def test_a_worker_that_dies_while_placing_loses_and_doubles_nothing(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """Its claim stands until its time is over, so nobody else places the torrent meanwhile; then the node is asked."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, **ON)
    lost, taken = make_torrent("lost", 10 * GIB), make_torrent("taken", 10 * GIB)
    for made in (lost, taken):
        assert bench.submit(made).status is Status.HELD
        bench.open_claim(made, "a", age_seconds=1)
    node.free_bytes = 500 * GIB
    node.session().add(torrent=taken.data)
    node.adds.clear()
    bench.age("snapshots", free_bytes=500 * GIB)
    place(bench)
    assert (node.adds, waiting(bench)) == ([], [lost.hash, taken.hash])
    bench.age("claims", deadline=1.0)
    place(bench)
    place(bench)
    assert [hash_ for hash_, _ in node.adds] == [lost.hash]
    assert waiting(bench) == []
    assert {hash_: where for hash_, (where, _) in listed(bench).items()} == {lost.hash: "a", taken.hash: "a"}


def test_an_unanswered_add_is_asked_about_before_a_held_torrent_goes_elsewhere(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """The node had taken it without saying so: it is found there, and the other node gets no copy."""
    first, second = scripted(name="a", free_gib=5), scripted(name="b", free_gib=5)
    bench = make_bench(first, second, **ON)
    made = make_torrent("t", 10 * GIB)
    assert bench.submit(made).status is Status.HELD
    bench.open_claim(made, "a", age_seconds=60, phase=Phase.DOUBT)
    first.session().add(torrent=made.data)
    grow(bench, second, 500)
    place(bench)
    assert (second.adds, bench.homes(made), waiting(bench)) == ([], ["a"], [])


def test_a_held_torrent_that_was_deleted_does_not_come_back_by_an_unanswered_add(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """The node takes it only afterwards: the poll that shows it removes it."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, **ON)
    made = make_torrent("t", 10 * GIB)
    assert bench.submit(made).status is Status.HELD
    bench.open_claim(made, "a", age_seconds=60, phase=Phase.DOUBT)
    Actions(bench.store, bench.fleet, Library(bench.store, bench.fleet)).delete(made.hash, delete_files=True)
    node.session().add(torrent=made.data)
    bench.poll("a", full=True)
    bench.poll("a")
    assert (node.torrents_by_hash, listed(bench), bench.claims("a")) == ({}, {}, [])


def test_what_is_changed_while_a_held_torrent_is_about_to_be_placed_is_not_lost(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """A node is asked about an add that it never answered; meanwhile a client names a category. The torrent waits for
    the next turn and is then added with it."""
    second = scripted(name="b", free_gib=5)
    with AskedNode(name="a", free_gib=5) as first:
        bench = make_bench(first, second, **ON)
        made = make_torrent("t", 10 * GIB)
        assert bench.submit(made).status is Status.HELD
        bench.open_claim(made, "a", age_seconds=60, phase=Phase.DOUBT)
        grow(bench, second, 500)
        actions = Actions(bench.store, bench.fleet, Library(bench.store, bench.fleet))
        first.when_asked = lambda: actions.set_category(made.hash, "tv", "")
        place(bench)
    assert second.adds == []
    place(bench)
    ((_, fields),) = second.adds
    assert fields["category"] == "tv"


def test_room_is_kept_only_where_the_oldest_may_go(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Its folder is on one node: that disk is kept for it, and the roomy one stays free for others, held or new."""
    nodes = [scripted(name="small", free_gib=20), scripted(name="large", free_gib=100)]
    maps = {name: {"path_map": [{"from": "/downloads", "to": f"/mnt/{name}"}]} for name in ("small", "large")}
    bench = make_bench(*nodes, changes=maps, **ON)
    assert bench.submit(make_torrent("big", 90 * GIB), savepath="/mnt/small").status is Status.HELD
    new = bench.submit(make_torrent("new", 50 * GIB))
    assert (new.status, new.node) == (Status.ACCEPTED, "large")
    assert bench.submit(make_torrent("later", 90 * GIB)).status is Status.HELD
    grow(bench, nodes[1], 300)
    place(bench)
    assert [node.name for node in nodes for _ in node.adds] == ["large", "large"]
    reserved = bench.submit(make_torrent("small", GIB), savepath="/mnt/small")
    assert (reserved.status, "reserved" in reserved.reason) == (Status.HELD, True)


def test_what_the_only_node_with_its_folder_does_not_accept_is_refused(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """Others accept the category, but it can never go there."""
    rules = {"path_map": [{"from": "/downloads", "to": "/mnt/a"}], "categories": ["tv"]}
    bench = make_bench(scripted(name="a"), scripted(name="b"), changes={"a": rules}, **ON)
    result = bench.submit(make_torrent("m", GIB), category="movies", savepath="/mnt/a")
    assert (result.status, "waiting does not help" in result.reason) == (Status.REJECTED, True)


def test_a_held_torrent_claims_what_others_made_room_for(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Also where the configuration reckons with more for its category by now; else it would never get its turn."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, **ON, dispatcher={"default_size_gb": 10})
    made = made_up_magnet("t")
    assert bench.submit(made.magnet).status is Status.HELD
    later = make_bench(node, **ON, dispatcher={"default_size_gb": 50})
    grow(later, node, 20)
    place(later)
    assert (waiting(later), later.room_gib("a")) == ([], 10)


def test_what_somebody_added_to_a_node_meanwhile_is_held_no_longer(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """The poll finds it there; it stays in the list throughout and is not added again."""
    node = scripted(name="a", free_gib=5)
    bench = make_bench(node, **ON)
    made = make_torrent("t", 10 * GIB, "hybrid")
    bench.submit(made)
    node.session().add(torrent=made.data)
    bench.poll("a", full=True)
    assert listed(bench)[str(made.v1)][0] == "a"
    before = len(node.adds)
    place(bench)
    assert (waiting(bench), len(node.adds)) == ([], before)
    assert listed(bench)[str(made.v1)][0] == "a"


def test_a_preview_says_that_it_would_be_held_and_keeps_nothing(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """The same status as the submission would have."""
    bench = make_bench(scripted(name="a", free_gib=5), **ON)
    from_preview = bench.dispatcher.preview(submission_of(make_torrent("t", 10 * GIB)))
    assert (from_preview.status, from_preview.decision_id, waiting(bench)) == (Status.HELD, None, [])


def test_a_held_torrent_does_not_show_its_secrets(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """Neither the repr of what is held nor its decision holds a passkey or a cookie."""
    bench = make_bench(scripted(name="a", free_gib=5), **ON)
    made = made_up_magnet("t")
    result = bench.submit(f"{made.magnet}&tr=http%3A%2F%2Ft%2Fpasskey-1", cookie="cookie-1")
    with bench.store.read() as connection:
        shown = repr(held.waiting(connection)) + repr(held.torrent(connection, 1))
    shown += json.dumps(bench.decision(result.decision_id))
    assert "passkey-1" not in shown
    assert "cookie-1" not in shown
