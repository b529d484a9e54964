"""Nodes that leave the configuration and come back, as clients see it; and `/claims`, `/vanished`, `/nodes/removed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qbdispatch.services import EXTENSION
from qbdispatch.store import claims
from qbdispatch.torrents.source import InfoHashes
from tests.api.test_virtual_sync import Follower
from tests.api.virtual import FAST, SwitchedNode, Virtual
from tests.conftest import AppMaker, node_entry
from tests.rig.disks import GIB
from tests.rig.swarm import make_torrent

Worker = Callable[..., Virtual]


@pytest.fixture
def nodes(switched: Callable[..., SwitchedNode]) -> list[SwitchedNode]:
    return [switched("5.1.0", name="stays"), switched("5.1.0", name="leaves")]


@pytest.fixture
def worker(make_app: AppMaker) -> Worker:
    """Starts a worker with these nodes configured."""
    return lambda *nodes: Virtual(make_app([node_entry(node) for node in nodes], polled=False, **FAST))


def admin(virtual: Virtual, path: str) -> Any:
    answer = virtual.app.test_client().get(path)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_torrents_of_a_removed_node_leave_every_list_and_come_back_with_it(
    nodes: list[SwitchedNode], worker: Worker
) -> None:
    """Told by increments, whichever worker answers; nothing has to be polled for them to be back."""
    stays, leaves = nodes
    kept, hidden = stays.have(make_torrent("kept", GIB)).hash, leaves.have(make_torrent("hidden", GIB)).hash
    before = worker(*nodes)
    before.poll(*nodes)
    client = Follower()
    client.ask(before)
    after = [worker(stays), worker(stays)]
    assert client.ask(after[0]) == {"torrents_removed": [hidden]}
    assert client.ask(after[1]) == {}
    assert [set(virtual.rows()) for virtual in after] == [{kept}, {kept}]
    (removed,) = admin(after[0], "/nodes/removed")
    assert (removed["name"], removed["torrents"]) == ("leaves", 1)
    assert [one["name"] for one in admin(after[0], "/nodes")] == ["stays"]
    again = worker(*nodes)
    assert list(client.ask(again)["torrents"]) == [hidden]
    client.check(again)
    assert admin(again, "/nodes/removed") == []


def test_a_worker_that_still_runs_with_the_nodes_of_before_does_no_harm(
    nodes: list[SwitchedNode], worker: Worker
) -> None:
    """During a reload a client is answered by old and new workers in turn: what the old ones say and leave out is put
    right by the next new one, a node that leaves as well as one that comes."""
    stays, leaves = nodes
    hidden = leaves.have(make_torrent("hidden", GIB)).hash
    old = worker(*nodes)
    old.poll(*nodes)
    new, client = worker(stays), Follower()
    for virtual in (old, new, old, new):
        client.ask(virtual)
        stays.have(make_torrent(f"t{client.rid}", GIB))
        new.poll(stays)
    client.ask(new)
    client.check(new)
    newest = worker(*nodes)
    leaves.have(make_torrent("came meanwhile", GIB))
    newest.poll(leaves)
    client.ask(newest)
    leaves.change(hidden, progress=0.5)
    newest.poll(leaves)
    asked = client.ask(new)
    assert hidden not in asked.get("torrents_removed", [])
    client.ask(newest)
    client.check(newest)
    assert hidden in client.torrents


def test_a_copy_on_a_removed_node_does_not_hide_the_other(nodes: list[SwitchedNode], worker: Worker) -> None:
    """It is listed as on the node that is left, not as removed."""
    made = make_torrent("on both", GIB)
    for node in nodes:
        node.have(made, progress=float(node.name == "leaves"))
    before = worker(*nodes)
    before.poll(*nodes)
    client = Follower()
    client.ask(before)
    assert client.torrents[made.hash]["progress"] == 1
    after = worker(nodes[0])
    assert client.ask(after)["torrents"][made.hash]["progress"] == 0
    client.check(after)


def test_open_claims_are_listed_until_they_end(nodes: list[SwitchedNode], worker: Worker) -> None:
    """What was accepted a moment ago and no poll has shown yet."""
    virtual = worker(*nodes)
    virtual.poll(*nodes)
    made = make_torrent("t", 10 * GIB)
    answer = virtual.app.test_client().post("/submit", json={"magnet": made.magnet, "size_estimate_gb": 10}).get_json()
    (claim,) = admin(virtual, "/claims")
    assert claim.pop("age_s") < 30
    assert claim.pop("ends").startswith("when the node lists the torrent, or after 20")
    about = {"hash": made.v1, "phase": "added", "size_gb": 10.0, "decision_id": answer["decision_id"]}
    assert claim == about | {"node": answer["selected_node"], "name": claim["name"]}
    store = virtual.app.extensions[EXTENSION].store
    with store.write() as connection:
        live = claims.live(connection, InfoHashes(v1=made.v1))
        assert live is not None
        claims.release(connection, [live.id])
    assert admin(virtual, "/claims") == []


def test_what_vanished_is_listed_and_told_by_its_decision(nodes: list[SwitchedNode], worker: Worker) -> None:
    """With the node that has lost it and when."""
    virtual = worker(nodes[0])
    virtual.poll(nodes[0])
    magnet = make_torrent("t", GIB).magnet
    decision_id = virtual.app.test_client().post("/submit", json={"magnet": magnet}).get_json()["decision_id"]
    virtual.poll(nodes[0])
    assert admin(virtual, "/vanished") == []
    nodes[0].torrents_by_hash.clear()
    virtual.poll(nodes[0])
    (gone,) = admin(virtual, "/vanished?hours=1")
    assert (gone["node"], gone["decision_id"]) == ("stays", decision_id)
    for decision in (admin(virtual, f"/decisions/{decision_id}"), admin(virtual, "/decisions")[0]):
        assert (decision["vanished_at"], decision["vanished_from"]) == (gone["vanished_at"], "stays")


@pytest.mark.parametrize("hours", ["0", "8761", "-1", "1.5", "x", ""])
def test_hours_that_are_none_are_refused(nodes: list[SwitchedNode], worker: Worker, hours: str) -> None:
    """With what may be given."""
    answer = worker(nodes[0]).app.test_client().get("/vanished", query_string={"hours": hours})
    assert (answer.status_code, "from 1 to 8760" in answer.text) == (422, True)
