"""Any order of submissions, deletions, polls, crashes and outages, against a simple model of what was promised.

The store, the dispatcher, the watchers and what settles and heals are the real ones; nodes are simulated in this
process, and the store's clock can be put forward. `QBDISPATCH_STEPS` is the number of steps, 10,000 say.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from qbdispatch.config.settings import DispatcherSettings, NodeSettings, Settings, SyncSettings
from qbdispatch.dispatch.access import Fleet
from qbdispatch.dispatch.actions import ActionFailed, Actions
from qbdispatch.dispatch.dispatcher import Dispatcher, Result
from qbdispatch.dispatch.library import Library
from qbdispatch.dispatch.request import Submission
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.store import claims, health, placements
from qbdispatch.store.engine import Store
from qbdispatch.torrents.magnet import parse_magnet
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import TorrentSource
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.swarm import Kind, MadeTorrent, make_torrent
from tests.unit.dispatch.simulated import Course, Crash, Plan, SimulatedNode

STEPS = int(os.environ.get("QBDISPATCH_STEPS", "800"))
STEPS_EACH = 50
SIZES_GIB = {"a": 20, "b": 30, "c": 40}
FLOOR_GIB = 1
LONG_SECONDS = 200.0
SHAPES: list[tuple[int, Kind]] = [(4, "v1"), (7, "hybrid"), (9, "v1"), (12, "v1"), (5, "hybrid"), (18, "v1")]
TORRENTS = [make_torrent(f"t{number}", size * GIB, kind) for number, (size, kind) in enumerate(SHAPES)]
NODES, MADE = st.sampled_from(sorted(SIZES_GIB)), st.sampled_from(TORRENTS)
AS_FILE, COURSES = st.booleans(), st.lists(st.sampled_from(Course), max_size=3)


class AgingStore(Store):
    """Its clock can be put forward."""

    ahead_seconds = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_seconds


class Fleets(RuleBasedStateMachine):
    """The model: which torrents were promised to be there, and which to be gone."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.promised: dict[str, MadeTorrent] = {}
        self.deleted: set[str] = set()

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="qbd-model-"))
        self.store = AgingStore(f"sqlite:///{self.folder / 'store.sqlite3'}")
        configured = tuple(
            NodeSettings(name=name, url=f"http://{name}", min_free_gb=FLOOR_GIB, timeout_s=0.05) for name in SIZES_GIB
        )
        self.settings = Settings(
            nodes=configured, sync=SyncSettings(interval_s=0.001, stale_after_s=1e9), dispatcher=DispatcherSettings()
        )
        self.plan = Plan()
        self.nodes = {node.name: SimulatedNode(node, SIZES_GIB[node.name] * GIB, self.plan) for node in configured}
        self.fleet = Fleet(cast(Any, self.nodes))
        self.dispatcher = Dispatcher(self.settings, self.store, self.fleet)
        with self.store.write() as connection:
            health.register(connection, SIZES_GIB)
        self.lead_anew()
        for name in self.nodes:
            self.poll(name)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(made=MADE, as_file=AS_FILE, courses=COURSES)
    def submit(self, made: MadeTorrent, as_file: bool, courses: list[Course]) -> None:
        """The add to the first node takes the first course, and so on."""
        self._submit(made, as_file, Plan(courses))

    @rule(made=MADE, other=MADE, polled=NODES, courses=COURSES)
    def submit_while_much_happens(
        self, made: MadeTorrent, other: MadeTorrent, polled: str, courses: list[Course]
    ) -> None:
        """Between the claim and the node's taking it, another torrent is added and a node is polled."""

        def meanwhile() -> None:
            if other is not made:
                self._submit(other, True, Plan())
            self.poll(polled)

        self._submit(made, True, Plan(courses, meanwhile))

    @rule(made=MADE)
    def delete(self, made: MadeTorrent) -> None:
        """Where a node is down, it is not done, and its client is told so."""
        self._delete(str(made.v1))

    @rule()
    def delete_all(self) -> None:
        for made in TORRENTS:
            self._delete(str(made.v1))

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
        for _ in range(3):
            for name in self.nodes:
                self.poll(name)
            self.store.ahead_seconds += LONG_SECONDS
        self._check_order()

    @invariant()
    def count(self) -> None:
        Fleets.steps += 1

    @invariant()
    def nothing_accepted_is_lost(self) -> None:
        """It is on a node, and recorded there."""
        with self.store.read() as connection:
            for hash_, made in self.promised.items():
                assert self._homes(made), f"{made.name} is on no node"
                recorded = placements.find(connection, _source(made, True).hashes)
                assert recorded or claims.live(connection, _source(made, True).hashes), f"{hash_} is not recorded"

    @invariant()
    def no_disk_is_promised_twice(self) -> None:
        """What is on a node, on the way there or claimed fits above its floor."""
        claimed = self._claimed()
        for name, node in self.nodes.items():
            there = {row["hash"] for row in [*node.listed.values(), *node.late]} | claimed[name]
            size = sum(made.size_bytes for made in TORRENTS if {made.hash, made.v1} & there)
            room = (SIZES_GIB[name] - FLOOR_GIB) * GIB
            assert size <= room, f"{name} has {size / GIB} of {room / GIB} GiB"

    def _check_order(self) -> None:
        for made in TORRENTS:
            assert len(self._homes(made)) <= 1, f"{made.name} is on {self._homes(made)}"
            assert not (made.v1 in self.deleted and self._homes(made)), f"{made.name} is back"
        with self.store.read() as connection:
            for name, node in self.nodes.items():
                for claim in claims.on_node(connection, name):
                    row = node.find({}, claim.hashes)
                    assert row is not None, f"{claim} has no end"
                    assert row["size"] == 0, f"{claim} has no end"
                assert {one.node_id for one in placements.on_node(connection, name)} == set(node.listed)
        listed = set(Library(self.store, self.fleet).shelf().by_hash)
        assert listed == {row["infohash_v1"] for node in self.nodes.values() for row in node.listed.values()}

    def _submit(self, made: MadeTorrent, as_file: bool, plan: Plan) -> Result | None:
        submission = Submission(_source(made, as_file), size_estimate_bytes=made.size_bytes)
        self.deleted.discard(str(made.v1))  # it may be there from now on, whatever comes of this
        self.plan.courses = list(plan.courses)
        self.plan.meanwhile, self.plan.afterwards = plan.meanwhile, plan.afterwards
        try:
            result = self.dispatcher.submit(submission)
        except Crash:
            return None
        if result.is_taken:
            self.promised[str(made.v1)] = made
        return result

    def _delete(self, hash_: str) -> None:
        if hash_ not in self.promised:
            return
        actions = Actions(self.store, self.fleet, Library(self.store, self.fleet))
        with suppress(ActionFailed):
            actions.delete(hash_, delete_files=True)
            del self.promised[hash_]
            self.deleted.add(hash_)

    def _homes(self, made: MadeTorrent) -> list[str]:
        return [name for name, node in self.nodes.items() if {made.hash, made.v1} & node.listed.keys()]

    def _claimed(self) -> defaultdict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        with self.store.read() as connection:
            for name in self.nodes:
                for claim in claims.on_node(connection, name):
                    found[name].update(claim.hashes.node_ids)
        return found


def _source(made: MadeTorrent, as_file: bool) -> TorrentSource:
    return parse_torrent_file(made.data) if as_file else parse_magnet(made.magnet)


def test_no_order_of_events_breaks_a_promise() -> None:
    """Nothing accepted is lost, nothing is on two nodes, no disk is promised twice, and every claim ends."""
    Fleets.steps = 0
    run_state_machine_as_test(
        Fleets,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_EACH),
            stateful_step_count=STEPS_EACH,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
            derandomize=True,
            database=None,
        ),
    )
    assert Fleets.steps > STEPS / 2, "the steps were too few to mean anything"
