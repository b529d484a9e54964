"""Any order of submissions, deletions, polls, crashes and outages, against a simple model of what was promised.

The store, the dispatcher, the watchers and what settles, heals, holds and places what is held are the real ones; nodes
are simulated in this process, two of them on one disk, and the store's clock can be put forward. A process dies between
any two steps: before any transaction and any call of a node. `QBDISPATCH_STEPS` is the number of steps, 10,000 say;
`QBDISPATCH_SEED` draws others than the usual ones.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from qbdispatch.config.settings import DispatcherSettings, HoldSettings, NodeSettings, Settings, SyncSettings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.actions import ActionFailed, Actions
from qbdispatch.dispatch.dispatcher import Dispatcher, Result
from qbdispatch.dispatch.library import Library
from qbdispatch.dispatch.request import Submission
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.store import claims, health, held, placements
from qbdispatch.torrents.magnet import parse_magnet
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import TorrentSource
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.swarm import Kind, MadeTorrent, make_torrent
from tests.unit.dispatch.simulated import AgingStore, Course, Crash, Plan, SimulatedNode

STEPS = int(os.environ.get("QBDISPATCH_STEPS", "800"))
STEPS_EACH = 50
SEED = os.environ.get("QBDISPATCH_SEED")
DISKS = {"a": "nas", "b": "nas", "c": "c"}
SIZES_GIB = {"nas": 24, "c": 26}
FLOOR_GIB = 1
LONG_SECONDS = 200.0
SHAPES: list[tuple[int, Kind]] = [(4, "v1"), (7, "hybrid"), (9, "v1"), (12, "v1"), (5, "hybrid"), (18, "v1")]
TORRENTS = [make_torrent(f"t{number}", size * GIB, kind) for number, (size, kind) in enumerate(SHAPES)]
NODES, MADE = st.sampled_from(sorted(DISKS)), st.sampled_from(TORRENTS)
AS_FILE, COURSES = st.booleans(), st.lists(st.sampled_from(Course), max_size=3)
DIES = st.one_of(st.none(), st.integers(0, 15))  # after so many steps


class Fleets(RuleBasedStateMachine):
    """The model: which torrents were promised to be there, and which to be gone."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.promised: dict[str, MadeTorrent] = {}
        self.deleted: set[str] = set()

    @initialize(holds=st.booleans())
    def open(self, holds: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="qbd-model-"))
        self.store = AgingStore(f"sqlite:///{self.folder / 'store.sqlite3'}")
        configured = tuple(
            NodeSettings(name=name, url=f"http://{name}", pool=disk, min_free_gb=FLOOR_GIB, timeout_s=0.05)
            for name, disk in DISKS.items()
        )
        self.settings = Settings(
            nodes=configured,
            sync=SyncSettings(interval_s=0.001, stale_after_s=1e9),
            dispatcher=DispatcherSettings(),
            hold=HoldSettings(enabled=holds),
        )
        self.plan = self.store.plan = Plan()
        self.nodes = {
            node.name: SimulatedNode(node, SIZES_GIB[DISKS[node.name]] * GIB, self.plan) for node in configured
        }
        self.fleet = Fleet(cast(Any, self.nodes))
        self.dispatcher = Dispatcher(self.settings, self.store, self.fleet)
        with self.store.write() as connection:
            health.register(connection, DISKS)
        self.lead_anew()
        for name in self.nodes:
            self.poll(name)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @contextmanager
    def mortal(self, dies: int | None) -> Iterator[None]:
        """The process may die meanwhile; then another one leads."""
        self.plan.steps_left = dies
        try:
            yield
        except Crash:
            self.lead_anew()
        finally:
            self.plan.steps_left = None

    @rule(made=MADE, as_file=AS_FILE, courses=COURSES, dies=DIES)
    def submit(self, made: MadeTorrent, as_file: bool, courses: list[Course], dies: int | None) -> None:
        """The add to the first node takes the first course, and so on."""
        with self.mortal(dies):
            self._submit(made, as_file, Plan(courses))

    @rule(made=MADE, other=MADE, polled=NODES, courses=COURSES)
    def submit_while_much_happens(
        self, made: MadeTorrent, other: MadeTorrent, polled: str, courses: list[Course]
    ) -> None:
        """Between the claim and the node's taking it, another torrent is added, and a node carries out what it owes and
        is polled."""

        def meanwhile() -> None:
            if other is not made:
                self._submit(other, True, Plan())
            self.come_up(polled)
            self.poll(polled)

        with self.mortal(None):
            self._submit(made, True, Plan(courses, meanwhile))

    @rule(made=MADE, polled=NODES, seconds=st.sampled_from((0.0, LONG_SECONDS)))
    def submit_and_hear_late(self, made: MadeTorrent, polled: str, seconds: float) -> None:
        """The node has taken it, but its worker is stopped, and another one is asked for the same torrent."""

        def afterwards() -> None:
            self.poll(polled)
            self.wait(seconds)
            self.poll(polled)
            self._submit(made, True, Plan())

        self._submit(made, True, Plan(afterwards=afterwards))

    @rule(made=MADE, dies=DIES)
    def delete(self, made: MadeTorrent, dies: int | None) -> None:
        """Where a node is down, it is not done, and its client is told so."""
        with self.mortal(dies):
            self._delete(str(made.v1))

    @rule(made=MADE, dies=st.integers(2, 6), seconds=st.sampled_from((0.0, 6.0)))
    def delete_and_submit_again(self, made: MadeTorrent, dies: int, seconds: float) -> None:
        """Whether or not who deleted it has lived to write that down."""
        for name in self.nodes:
            self.come_up(name)
        self._submit(made, True, Plan())
        with self.mortal(dies):
            self._delete(str(made.v1))
        self.wait(seconds)
        self._submit(made, True, Plan())

    @rule()
    def delete_all(self) -> None:
        for made in TORRENTS:
            self._delete(str(made.v1))

    @rule(courses=COURSES, dies=DIES)
    def place_held(self, courses: list[Course], dies: int | None) -> None:
        """One turn of the leader's chore."""
        self._follow(Plan(courses))
        with self.mortal(dies):
            self.dispatcher.settle_held()
            left_out: set[int] = set()
            while self.dispatcher.place_next(left_out):
                pass

    @rule(node=NODES, dies=DIES)
    def poll_and_die(self, node: str, dies: int | None) -> None:
        with self.mortal(dies):
            self.poll(node)

    @rule(node=NODES)
    def poll(self, node: str) -> None:
        """What is drawn must not depend on time: tick until the pace of polls lets it."""
        asked = self.nodes[node].polls
        wait_until(lambda: self._has_polled(node, asked), 60, f"{node} to be polled")

    def _has_polled(self, node: str, asked: int) -> bool:
        self.watchers[node].tick()
        return self.nodes[node].polls > asked or not self.nodes[node].is_up

    @rule()
    def lead_anew(self) -> None:
        """Another worker leads: what the last one remembered of earlier polls is gone."""
        self.watchers = {
            name: Watcher(access, self.fleet, self.store, self.settings.sync, lambda _: True)
            for name, access in self.fleet.members.items()
        }

    @rule(node=NODES)
    def go_down(self, node: str) -> None:
        self.nodes[node].is_up = False

    @rule(node=NODES)
    def come_up(self, node: str) -> None:
        self.nodes[node].is_up = True
        self.nodes[node].deliver()

    @rule(seconds=st.sampled_from((1.0, 6.0, 15.0)))
    def wait(self, seconds: float) -> None:
        self.store.ahead_seconds += seconds

    @rule()
    def settle(self) -> None:
        """All nodes are up and nothing is under way for some time: then everything is in order."""
        for name in self.nodes:
            self.come_up(name)
        for _ in range(4):
            self.place_held([], None)
            for name in self.nodes:
                self.poll(name)
            self.store.ahead_seconds += LONG_SECONDS
        self._check_order()

    @invariant()
    def count(self) -> None:
        Fleets.steps += 1

    @invariant()
    def nothing_accepted_is_lost(self) -> None:
        """It is held, or on a node and recorded there."""
        with self.store.read() as connection:
            for made in self.promised.values():
                hashes = _source(made, True).hashes
                if held.find(connection, hashes):
                    continue
                assert self._homes(made), f"{made.name} is on no node"
                recorded = placements.find(connection, hashes) or claims.live(connection, hashes)
                assert recorded, f"{made.name} is not recorded"

    @invariant()
    def no_disk_is_promised_twice(self) -> None:
        """What is on a node, on the way there or claimed fits above its disk's floor."""
        for disk in SIZES_GIB:
            assert self._room(disk) >= 0, f"{disk} lacks {-self._room(disk) / GIB} GiB"

    def _check_order(self) -> None:
        for made in TORRENTS:
            assert len(self._homes(made)) <= 1, f"{made.name} is on {self._homes(made)}"
            assert not (made.v1 in self.deleted and self._homes(made)), f"{made.name} is back"
        with self.store.read() as connection:
            waiting = held.waiting(connection)
            for name, node in self.nodes.items():
                for claim in claims.on_node(connection, name):
                    row = node.find({}, claim.hashes)
                    assert row is not None, f"{claim} has no end"
                    assert row["size"] == 0, f"{claim} has no end"
                assert {one.node_id for one in placements.on_node(connection, name)} == set(node.listed)
        for one in waiting:
            assert not any(self._homes(made) for made in TORRENTS if made.v1 == one.v1), f"{one.title} is held still"
        for oldest in waiting[:1]:
            assert all(self._room(disk) < oldest.size for disk in SIZES_GIB), f"{oldest.title} waits, but has room"
        listed = set(Library(self.store, self.fleet).shelf().by_hash)
        there = {row["infohash_v1"] for node in self.nodes.values() for row in node.listed.values()}
        assert listed == there | {one.v1 for one in waiting}

    def _submit(self, made: MadeTorrent, as_file: bool, plan: Plan) -> Result | None:
        submission = Submission(_source(made, as_file), size_estimate_bytes=made.size_bytes)
        self.deleted.discard(str(made.v1))  # it may be there from now on, whatever comes of this
        self._follow(plan)
        try:
            result = self.dispatcher.submit(submission)
        except Crash:
            if self.plan.steps_left is not None:
                raise
            return None
        if result.is_taken:
            self.promised[str(made.v1)] = made
        return result

    def _follow(self, plan: Plan) -> None:
        self.plan.courses = list(plan.courses)
        self.plan.meanwhile, self.plan.afterwards = plan.meanwhile, plan.afterwards

    def _delete(self, hash_: str) -> None:
        if hash_ not in self.promised:
            return
        made = self.promised.pop(hash_)  # whoever dies meanwhile may have done it or not
        actions = Actions(self.store, self.fleet, Library(self.store, self.fleet))
        try:
            actions.delete(hash_, delete_files=True)
            self.deleted.add(hash_)
        except ActionFailed:
            self.promised[hash_] = made

    def _homes(self, made: MadeTorrent) -> list[str]:
        return [name for name, node in self.nodes.items() if {made.hash, made.v1} & node.listed.keys()]

    def _room(self, disk: str) -> int:
        """Bytes above the floor that nothing is on, on the way to or claimed for."""
        claimed, room = self._claimed(), (SIZES_GIB[disk] - FLOOR_GIB) * GIB
        for name in (name for name, its in DISKS.items() if its == disk):
            node = self.nodes[name]
            there = {row["hash"] for row in [*node.listed.values(), *node.late]} | claimed[name]
            room -= sum(made.size_bytes for made in TORRENTS if {made.hash, made.v1} & there)
        return room

    def _claimed(self) -> defaultdict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        with self.store.read() as connection:
            for name in self.nodes:
                for claim in claims.on_node(connection, name):
                    found[name].update(claim.hashes.node_ids)
        return found


def _source(made: MadeTorrent, as_file: bool) -> TorrentSource:
    return parse_torrent_file(made.data) if as_file else parse_magnet(made.magnet)


@pytest.mark.timeout(max(300, STEPS // 4))
def test_no_order_of_events_breaks_a_promise() -> None:
    """Nothing accepted is lost, nothing is on two nodes, no disk is promised twice, and every claim ends."""
    Fleets.steps = 0
    run_state_machine_as_test(
        seed(int(SEED))(Fleets) if SEED else Fleets,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_EACH),
            stateful_step_count=STEPS_EACH,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
            derandomize=SEED is None,
            database=None,
        ),
    )
    assert Fleets.steps > STEPS / 2, "the steps were too few to mean anything"
