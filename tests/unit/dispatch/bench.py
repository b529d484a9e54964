"""A dispatcher over scripted nodes whose polls happen when the test says so, and a look into its store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import update
from werkzeug.wrappers import Request, Response

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.dispatcher import Dispatcher, Result
from qbdispatch.dispatch.ledger import Ledger
from qbdispatch.dispatch.request import Submission
from qbdispatch.dispatch.steps import Claimed
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.scoring.model import NodeFacts
from qbdispatch.scoring.room import effective_free
from qbdispatch.store import claims, decisions, facts, health, placements, tables
from qbdispatch.store.engine import Store
from qbdispatch.torrents.magnet import parse_magnet
from qbdispatch.torrents.metainfo import parse_torrent_file
from qbdispatch.torrents.source import InfoHashes
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_torrents import parse_file
from tests.rig.swarm import MadeTorrent

Answer = TypeVar("Answer")


class Bench:
    """What one worker has; make another over the same settings and store for a second worker."""

    def __init__(self, settings: Settings, store: Store, nodes: Iterable[ScriptedNode]) -> None:
        self.settings = settings
        self.store = store
        self.nodes = {node.name: node for node in nodes}
        with store.write() as connection:
            health.register(connection, [node.name for node in settings.nodes])
        self.fleet = Fleet({node.name: NodeAccess(node, store) for node in settings.nodes})
        self.dispatcher = Dispatcher(settings, store, self.fleet)
        self._ledger = Ledger(store, settings)
        self.watchers = {name: self.watcher(name) for name in self.fleet.members}

    def watcher(self, name: str, *, leads: bool = True) -> Watcher:
        """A watcher with no memory of earlier polls."""
        return Watcher(self.fleet.members[name], self.fleet, self.store, self.settings.sync, lambda _: leads)

    def poll(self, *names: str, full: bool = False) -> None:
        """One real poll of these nodes, of all if none is named; `full` as by a leader that has just taken over."""
        for name in names or tuple(self.watchers):
            if full:
                self.watchers[name] = self.watcher(name)
            asked = self.nodes[name].calls["sync/maindata"]
            wait_until(lambda: self._has_polled(name, asked), 60, f"{name} to be polled")  # noqa: B023

    def _has_polled(self, name: str, asked: int) -> bool:
        """Tick until the watcher's pace lets it poll, or it finds a fault."""
        self.watchers[name].tick()
        return self.nodes[name].calls["sync/maindata"] > asked or self.facts()[name].fault is not None

    def submit(self, torrent: MadeTorrent | str, **fields: str) -> Result:
        """Submit a made torrent as its file, if it has one, or a link."""
        return self.dispatcher.submit(submission(torrent, **fields))

    def facts(self) -> dict[str, NodeFacts]:
        """What a decision would know now, by node."""
        with self.store.read() as connection:
            gathered = facts.gather(connection, self.settings.nodes, max_downloads=50, now=now())
        return {fact.name: fact for fact in gathered}

    def room_gib(self, name: str) -> float | None:
        """The node's effective free space."""
        free = effective_free(self.facts().values(), 30)[name]
        return None if free is None else free / GIB

    def claims(self, name: str) -> list[claims.Claim]:
        with self.store.read() as connection:
            return claims.on_node(connection, name)

    def homes(self, torrent: MadeTorrent) -> list[str]:
        """The nodes on which the store has this torrent placed."""
        with self.store.read() as connection:
            return [found.node for found in placements.find(connection, hashes_of(torrent))]

    def decision(self, decision_id: str | None) -> dict[str, Any]:
        with self.store.read() as connection:
            document = decisions.get(connection, decision_id or "")
        assert document is not None
        return document

    def open_claim(self, torrent: MadeTorrent, node: str, *, age_seconds: float, **values: Any) -> int:
        """A claim as another worker would have left it: it may be adding for 20 s from `age_seconds` ago on."""
        opened = now() - age_seconds
        defaults = {"bytes": GIB, "claimed_at": opened, "deadline": opened + 20, "decision_id": "other-worker"}
        with self.store.write() as connection:
            row = {"node": node, "name": torrent.name, "category": ""} | defaults | values
            return claims.open_claim(connection, hashes_of(torrent), **row).id

    def claimed(self, torrent: MadeTorrent) -> Claimed:
        """What a worker has that is about to add the torrent; `confirm` says that the node has taken it."""
        step = self._ledger.claim(submission(torrent), f"by-hand-{torrent.name}", {}, [])
        assert isinstance(step, Claimed)
        return step

    def confirm(self, claimed: Claimed, torrent: MadeTorrent) -> None:
        self._ledger.confirm(claimed, submission(torrent), claimed.document | {"status": "accepted"})

    def place(self, torrent: MadeTorrent, node: str, decision_id: str = "another-decision") -> None:
        """What a node has came there by a decision of another worker."""
        with self.store.write() as connection:
            row: dict[str, Any] = {"name": torrent.name, "placed_at": now(), "decision_id": decision_id}
            placements.record(connection, node, hashes_of(torrent), **row)

    def release_claim(self, claim_id: int) -> None:
        with self.store.write() as connection:
            claims.release(connection, [claim_id])

    def age(self, table: str, **values: Any) -> None:
        """Set columns of every row of a table, say a time to one long ago."""
        with self.store.write() as connection:
            connection.execute(update(tables.metadata.tables[table]).values(values))


class WatchedNode(ScriptedNode):
    """A scripted node that remembers what it was told to delete; it may know everybody or nobody, and say 415."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.deleted: list[tuple[str, str]] = []
        self.knows: bool | None = None
        self.refuses_files = False
        super().__init__(*args, **kwargs)

    def _delete(self, hashes: str | None, delete_files: str | None) -> Response:
        self.deleted.append((str(hashes), str(delete_files).lower()))
        return super()._delete(hashes, delete_files)

    def _take(self, fields: dict[str, str], uploads: list[bytes]) -> Response:
        return super()._take(fields, [b"not a torrent"] if self.refuses_files else uploads)

    def _is_known(self, request: Request) -> bool:
        return super()._is_known(request) if self.knows is None else self.knows


def now() -> float:
    return time.time()


def hashes_of(torrent: MadeTorrent) -> InfoHashes:
    return InfoHashes(torrent.v1, torrent.v2)


def submission(torrent: MadeTorrent | str, **fields: str) -> Submission:
    if isinstance(torrent, str):
        return Submission(parse_magnet(torrent), fields=fields)
    source = parse_torrent_file(torrent.data) if torrent.data else parse_magnet(torrent.magnet)
    return Submission(source, fields=fields)


def put(node: ScriptedNode, torrent: MadeTorrent, **changes: Any) -> None:
    """Have the node hold a made .torrent from the start."""
    parsed = parse_file(torrent.data)
    assert parsed is not None
    node.put(parsed, **changes)


def at_once(actions: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Run all actions in threads of their own; their answers in order."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result(60) for future in [pool.submit(action) for action in actions]]


def codes(result: Result) -> dict[str, list[str]]:
    """The reasons of a result's verdicts, by node."""
    return {node["name"]: [reason["code"] for reason in node["reasons"]] for node in result.nodes}


def adds(nodes: Iterable[ScriptedNode]) -> list[str]:
    """The names of the nodes that took something, once for each."""
    return [node.name for node in nodes for _ in node.adds]
