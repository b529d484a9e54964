"""One submission: where it goes, what is written down, and the answers to repeats and refusals."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import text

from qbdispatch.dispatch.adding import Fate, add_to_node
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.store import decisions
from qbdispatch.store.claims import Phase
from qbdispatch.store.engine import StoreUnavailable
from tests.rig.disks import GIB
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.dispatch.bench import Bench, adds, at_once, codes, submission
from tests.unit.dispatch.conftest import BenchMaker

pytestmark = pytest.mark.both_stores

NodeMaker = Callable[..., ScriptedNode]


@pytest.fixture
def three(scripted: NodeMaker) -> list[ScriptedNode]:
    return [scripted(free_gib=free, name=f"n{free}") for free in (100, 900, 300)]


@pytest.fixture
def bench(make_bench: BenchMaker, three: list[ScriptedNode]) -> Bench:
    return make_bench(*three)


def test_a_torrent_goes_to_the_roomiest_node_and_its_bytes_count_there_at_once(
    bench: Bench, three: list[ScriptedNode]
) -> None:
    """Of 100, 900 and 300 GB the 900 GB node takes 50 GB, and has 850 left before any poll."""
    made = make_torrent("t", 50 * GIB)
    result = bench.submit(made, category="tv", tags="a,b")
    assert (result.status, result.node, result.hash, result.is_taken) == (Status.ACCEPTED, "n900", made.hash, True)
    assert [node["name"] for node in result.nodes] == ["n900", "n300", "n100"]
    assert three[1].adds == [(made.hash, {"category": "tv", "tags": "a,b"})]
    assert adds(three) == ["n900"]
    assert bench.room_gib("n900") == 850
    assert bench.homes(made) == ["n900"]
    decision = bench.decision(result.decision_id)
    assert (decision["status"], decision["selected_node"], decision["size_gb"]) == ("accepted", "n900", 50.0)
    assert decision["attempts"] == [{"node": "n900", "outcome": "added", "detail": ""}]


def test_other_spellings_of_a_placed_torrent_are_duplicates(bench: Bench, three: list[ScriptedNode]) -> None:
    """Upper case, base32, other parameters, a file of the same torrent: all name the first one's node."""
    made = make_torrent("t", GIB)
    first = bench.submit(made.magnet)
    v1 = bytes.fromhex(str(made.v1))
    spellings = [f"magnet:?xt=urn:btih:{v1.hex().upper()}", f"magnet:?dn=x&xt=urn:btih:{base64.b32encode(v1).decode()}"]
    for again in [bench.submit(link) for link in spellings] + [bench.submit(made)]:
        assert (again.status, again.node, again.decision_id) == (Status.DUPLICATE, first.node, first.decision_id)
        assert (again.is_taken, again.reason) == (True, f"already on {first.node}")
    assert len(adds(three)) == 1


def test_what_fits_nowhere_is_rejected_with_each_nodes_reason(bench: Bench, three: list[ScriptedNode]) -> None:
    """5000 GB: nothing is sent or claimed, and the refusal can be looked up."""
    result = bench.submit(make_torrent("t", 5000 * GIB))
    assert (result.status, result.node, result.is_taken) == (Status.REJECTED, None, False)
    assert codes(result) == {name: ["insufficient_space"] for name in ("n100", "n300", "n900")}
    assert [node.add_requests for node in three] == [[], [], []]
    assert [bench.claims(node.name) for node in three] == [[], [], []]
    assert bench.decision(result.decision_id)["status"] == "rejected"


def test_a_preview_answers_as_a_submission_would_and_changes_nothing(bench: Bench, three: list[ScriptedNode]) -> None:
    """Accepted, rejected and duplicate; no claim, no decision, no call."""
    made, huge = make_torrent("t", 50 * GIB), make_torrent("huge", 5000 * GIB)
    calls = [node.calls.total() for node in three]
    seen = bench.dispatcher.preview(submission(made))
    assert (seen.status, seen.node, seen.decision_id, seen.hash) == (Status.ACCEPTED, "n900", None, made.hash)
    refused = bench.dispatcher.preview(submission(huge))
    assert (refused.status, refused.decision_id) == (Status.REJECTED, None)
    assert codes(refused)["n900"] == ["insufficient_space"]
    with bench.store.read() as connection:
        assert decisions.newest(connection, 9) == []
    assert bench.room_gib("n900") == 900
    assert [node.calls.total() for node in three] == calls
    placed = bench.submit(made)
    known = bench.dispatcher.preview(submission(made))
    assert (known.status, known.node, known.decision_id) == (Status.DUPLICATE, "n900", placed.decision_id)


@pytest.mark.parametrize(("sent", "arrives"), [({}, "/default"), ({"savepath": "/own"}, "/own")])
def test_the_configured_save_path_is_for_torrents_without_one(
    make_bench: BenchMaker, scripted: NodeMaker, sent: dict[str, str], arrives: str
) -> None:
    """What the client says wins."""
    node = scripted()
    bench = make_bench(node, dispatcher={"submission": {"save_path": "/default"}})
    bench.submit(made_up_magnet(), **sent)
    assert node.add_requests[0]["savepath"] == arrives


def test_a_burst_from_many_threads_never_promises_more_than_there_is(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """Disks of 101 and 61 GB and ten torrents of 40 GB over two workers: two and one are taken, seven refused."""
    nodes = [scripted(free_gib=101, name="a"), scripted(free_gib=61, name="b")]
    bench = make_bench(*nodes)
    workers = [bench, Bench(bench.settings, bench.store, nodes)]
    made = [make_torrent(f"t{number}", 40 * GIB) for number in range(10)]
    results = at_once([partial(workers[turn % 2].submit, one) for turn, one in enumerate(made)])
    assert sorted(result.status for result in results) == ["accepted"] * 3 + ["rejected"] * 7
    assert adds(nodes) == ["a", "a", "b"]


def test_two_nodes_on_one_disk_share_its_room(make_bench: BenchMaker, scripted: NodeMaker) -> None:
    """A pool of 101 GB takes two torrents of 40 GB, wherever they go."""
    nodes = [scripted(free_gib=101, name=name) for name in ("a", "b")]
    bench = make_bench(*nodes, changes={name: {"pool": "disk"} for name in ("a", "b")})
    results = at_once([partial(bench.submit, make_torrent("t", 40 * GIB)) for _ in range(6)])
    assert [result.status for result in results].count(Status.ACCEPTED) == 2
    assert len(adds(nodes)) == 2


def test_nothing_is_sent_once_it_is_too_late(bench: Bench, three: list[ScriptedNode]) -> None:
    """A claim whose time to send has passed may be taken for a dead worker's: the add must not follow it."""
    outcome = add_to_node(bench.fleet.members["n900"], submission(made_up_magnet()), time.monotonic() - 0.001)
    assert (outcome.fate, "not sent" in outcome.detail) == (Fate.NOT_ADDED, True)
    assert three[1].add_requests == []


@pytest.mark.parametrize("table", ["claims", "placements", "decisions"])
def test_without_the_store_nothing_is_promised(bench: Bench, three: list[ScriptedNode], table: str) -> None:
    """`StoreUnavailable`, before any node is called."""
    with bench.store.write() as connection:
        connection.execute(text(f"DROP TABLE {table}"))
    with pytest.raises(StoreUnavailable):
        bench.submit(made_up_magnet())
    assert [node.add_requests for node in three] == [[], [], []]


def test_a_record_on_a_node_that_is_no_longer_configured_does_not_count(
    make_bench: BenchMaker, scripted: NodeMaker
) -> None:
    """The torrent can be placed anew, whether it was placed there or is still claimed there."""
    old, new = scripted(name="old", free_gib=500), scripted(name="new")
    made, claimed = make_torrent("t", GIB), make_torrent("c", GIB)
    before = make_bench(old, new)
    assert before.submit(made).node == "old"
    before.open_claim(claimed, "old", age_seconds=0)
    after = make_bench(new)
    assert [(result.status, result.node) for result in (after.submit(made), after.submit(claimed))] == [
        (Status.ACCEPTED, "new")
    ] * 2


def test_the_log_tells_each_outcome_in_one_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Outcome, name, hash, size, node, how many adds it took and how long, and which decision has more."""
    caplog.set_level("INFO", "qbdispatch")
    made = make_torrent("my title", GIB)
    placed, again = bench.submit(made), bench.submit(made)
    refused = bench.submit(make_torrent("big", 2000 * GIB))
    lines = [(record.getMessage(), vars(record)["fields"]) for record in caplog.records if "fields" in vars(record)]
    assert [said for said, _ in lines] == ["submission accepted", "submission duplicate", "submission rejected"]
    first, second, third = (told for _, told in lines)
    wanted = {
        "status": "accepted",
        "node": "n900",
        "hash": made.hash,
        "name": "my title",
        "size_gb": 1.0,
        "attempts": 1,
    }
    assert first.items() >= (wanted | {"decision": placed.decision_id}).items()
    assert (second["node"], second["decision"], second["attempts"]) == ("n900", again.decision_id, 0)
    assert (third["node"], third["decision"]) == (None, refused.decision_id)
    assert "insufficient_space" in third["reason"]
    assert all(told["ms"] > 0 for _, told in lines)


def test_a_claim_of_an_accepted_torrent_is_marked_so(bench: Bench) -> None:
    """After the answer no claim is left under way."""
    bench.submit(make_torrent("t", GIB))
    assert [(claim.phase, claim.bytes) for claim in bench.claims("n900")] == [(Phase.ADDED, GIB)]
