"""Acts on torrents wherever they are: finds their nodes, speaks each node's dialect, and shows the outcome at once.

An action on a node that does not answer is an error, so that the client asks again; it is never pretended. After an
action the rows of the torrents are read back and written to the mirror, so that the very next listing by any worker
shows it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import requests

from qbdispatch.dispatch.access import Fleet, NodeAccess, at_once
from qbdispatch.dispatch.deleting import delete_from_node
from qbdispatch.dispatch.detailing import KEPT, keep_detail, last_known, outward_detail, properties_from_row
from qbdispatch.dispatch.extras import extras
from qbdispatch.dispatch.held_actions import HeldActions, NotWhileHeld
from qbdispatch.dispatch.holding import HELD
from qbdispatch.dispatch.library import Entry, Library
from qbdispatch.errors import QbdispatchError
from qbdispatch.nodes.endpoints import Version, parse_version
from qbdispatch.nodes.errors import Cause, NodeAuthFailed, NodeError, NodeOutcomeUnknown, NodeRefused, NodeUnreachable
from qbdispatch.store import mirror, snapshots
from qbdispatch.store.engine import Store

ALL = "all"
CONFLICT = 409
WAITS = "the torrent waits for a node with room; ask again when it has one"


class ActionFailed(QbdispatchError):
    """At least one node did not do it. `status` is the HTTP status for the client, `str()` the text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Actions:
    """Safe for threads."""

    def __init__(self, store: Store, fleet: Fleet, library: Library) -> None:
        self._store = store
        self._fleet = fleet
        self._library = library
        self.held = HeldActions(store)

    def on_torrents(self, endpoint: str, hashes: str, fields: Mapping[str, str], *, key: str = "hashes") -> int:
        """A call such as `torrents/stop` for hashes separated by `|`, or `all`. Unknown hashes are ignored, as
        qBittorrent does. `key` is the name of the field that takes the hashes. Answers on how many nodes there was
        something to do. Raises `ActionFailed`."""

        def act(access: NodeAccess, entries: list[Entry]) -> None:
            ids = [entry.node_id for entry in entries]
            self.send(access, "POST", endpoint, {**fields, key: "|".join(ids)})
            self._read_back(access, entries)

        located = self._located(hashes)
        self._on_each(located, act, lambda waiting: self.held.act(waiting, endpoint, fields))
        return len(located)

    def add_peers(self, hashes: str, peers: str) -> dict[str, Any]:
        """Name peers for torrents; answers how many each torrent took, by hash. Raises `ActionFailed`."""
        taken: dict[str, Any] = {}

        def act(access: NodeAccess, entries: list[Entry]) -> None:
            listed = {entry.node_id: entry.hash for entry in entries}
            answer = self.send(access, "POST", "torrents/addPeers", {"hashes": "|".join(listed), "peers": peers})
            taken.update({listed.get(node_id, node_id): count for node_id, count in _json(answer).items()})

        def act_on_held(waiting: list[Entry]) -> list[str]:
            failed = len(peers.split("|"))
            taken.update({entry.hash: {"added": 0, "failed": failed} for entry in waiting})
            return []

        self._on_each(self._located(hashes), act, act_on_held)
        return taken

    def delete(self, hashes: str, *, delete_files: bool) -> None:
        """Remove torrents from whichever nodes have them. Raises `ActionFailed`, and then is to be asked again."""

        def act(access: NodeAccess, entries: list[Entry]) -> None:
            deleted = {entry.node_id: entry.hashes for entry in entries}
            delete_from_node(access, self._store, deleted, delete_files=delete_files)

        self._on_each(self._located(hashes), act, self.held.delete)

    def set_category(self, hashes: str, category: str, save_path: str) -> None:
        """Put torrents into a category that the fleet has; a node that lacks it yet gets it. Raises `ActionFailed`."""
        fields = {"category": category}

        def act(access: NodeAccess, entries: list[Entry]) -> None:
            asked = fields | {"hashes": "|".join(entry.node_id for entry in entries)}
            try:
                self.send(access, "POST", "torrents/setCategory", asked)
            except NodeRefused as error:
                if error.status != CONFLICT:
                    raise
                self.send(access, "POST", "torrents/createCategory", fields | {"savePath": save_path})
                self.send(access, "POST", "torrents/setCategory", asked)
            self._read_back(access, entries)

        located = self._located(hashes)
        self._on_each(located, act, lambda waiting: self.held.act(waiting, "torrents/setCategory", fields))

    def refresh(self, entries: Sequence[Entry]) -> None:
        """Read rows back that something else than an action on them has changed. Raises `ActionFailed`."""
        by_node: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_node[entry.node].append(entry)
        self._on_each(by_node, self._read_back, self.held.drop_labels)

    def everywhere(self, endpoint: str, fields: Mapping[str, str]) -> None:
        """A call that concerns no torrent, on every node. Raises `ActionFailed`."""
        self._on_each(
            {name: [] for name in self._fleet.members}, lambda access, _: self._post(access, endpoint, fields)
        )

    def configure(self, endpoint: str, fields: Mapping[str, Mapping[str, str]]) -> None:
        """A call that changes nodes' settings, with each node's own fields; what they say then is shown at once.
        Raises `ActionFailed`."""

        def act(access: NodeAccess, _: list[Entry]) -> None:
            self.send(access, "POST", endpoint, fields[access.node.name])
            preferences = access.call(access.client.preferences)
            limits = access.call(access.client.rate_limits)
            queue = {"queueing": preferences.get("queueing_enabled") is True}
            with self._store.write() as connection:
                mirror.keep_preferences(connection, access.node.name, preferences)
                mirror.change_state(connection, access.node.name, limits | queue)

        self._on_each({name: [] for name in fields}, act)

    def ask(self, entry: Entry, method: str, endpoint: str, fields: Mapping[str, str]) -> requests.Response:
        """A question about one torrent, put to its node. Raises `NodeError`."""
        if entry.node == HELD:
            raise NodeRefused(WAITS, CONFLICT, WAITS)
        access = self._fleet.members[entry.node]
        access.require_up()
        (now,) = self._as_listed_now(access, [entry])
        return self.send(access, method, endpoint, {**fields, "hash": now.node_id})

    def detail(self, entry: Entry, kind: str, fields: Mapping[str, str]) -> Any:
        """`torrents/<kind>` of one torrent: live, or as last known where its node does not answer. Raises
        `NodeError` where nothing is known."""
        if entry.node == HELD:
            return properties_from_row(entry) if kind == "properties" else []
        known = last_known(self._store, entry, kind) if entry.away else None
        if known is not None:  # clients that ask for each torrent must not wait for a dead node each time
            return known
        try:
            document = _json(self.ask(entry, "GET", f"torrents/{kind}", fields))
        except (NodeOutcomeUnknown, NodeUnreachable, NodeAuthFailed):
            known = last_known(self._store, entry, kind)
            if known is None:
                raise
            return known
        shown = outward_detail(kind, document, entry, self._fleet.members[entry.node].node)
        if kind in KEPT and not fields:
            keep_detail(self._store, entry, kind, shown)
        return shown

    def extras(self, entries: Sequence[Entry], kind: str) -> dict[str, Any]:
        """`torrents/<kind>` of these torrents by hash, without those of which nobody knows it."""
        return extras(self._store, self._fleet, entries, kind)

    def change_one(self, entry: Entry, endpoint: str, fields: Mapping[str, str]) -> None:
        """A call that takes a single `hash`, on every node that has a copy. Raises `ActionFailed`."""
        self.on_torrents(endpoint, entry.hash, fields, key="hash")

    def send(self, access: NodeAccess, method: str, endpoint: str, fields: Mapping[str, str]) -> requests.Response:
        """One call in the node's dialect. Raises `NodeError`."""
        return access.send(method, endpoint, fields, self._version(access.node.name))

    def _post(self, access: NodeAccess, endpoint: str, fields: Mapping[str, str]) -> None:
        self.send(access, "POST", endpoint, fields)

    def _version(self, node: str) -> Version:
        with self._store.read() as connection:
            snapshot = snapshots.latest(connection).get(node)
        return parse_version(snapshot.version if snapshot else "")

    def _as_listed_now(self, access: NodeAccess, entries: Sequence[Entry]) -> list[Entry]:
        """The entries under the ids that the node has for them now. A hybrid that came as a v1 magnet gets another id
        with its metadata, which the mirror may not know yet; a call with the old one would be ignored in silence."""
        unsure = [entry.node_id for entry in entries if not entry.row["has_metadata"]]
        if not unsure:
            return list(entries)
        listed = access.call(lambda cookies: access.client.rows(cookies, unsure))
        if len(listed) == len(unsure):
            return list(entries)
        everything = access.call(lambda cookies: access.client.rows(cookies, None))
        by_v1 = {str(row.get("infohash_v1")): node_id for node_id, row in everything.items()}
        return [
            replace(entry, node_id=by_v1.get(entry.node_id, entry.node_id)) if entry.node_id in unsure else entry
            for entry in entries
        ]

    def _located(self, hashes: str) -> dict[str, list[Entry]]:
        """The entries meant by `hashes`, by node; every copy of a torrent is meant."""
        shelf = self._library.newest()
        by_node: defaultdict[str, list[Entry]] = defaultdict(list)
        wanted: Iterable[Entry]
        if hashes == ALL:
            wanted = shelf.by_key.values()
        else:
            listed = [entry for hash_ in hashes.split("|") if (entry := shelf.find(hash_.strip()))]
            unique = {entry.hash: entry for entry in listed}
            wanted = [copy for entry in unique.values() for copy in shelf.copies(entry)]
        for entry in wanted:
            by_node[entry.node].append(entry)
        return by_node

    def _on_each(
        self,
        located: Mapping[str, list[Entry]],
        act: Callable[[NodeAccess, list[Entry]], None],
        act_on_held: Callable[[list[Entry]], list[str]] = lambda _: [],
    ) -> None:
        """Act on all nodes at once; each is under its own time limit. A conflict on some nodes, say where queueing
        is off, does not spoil what the others did."""
        found = self._without_held(located, act_on_held)

        def act_there(name: str) -> None:
            access = self._fleet.members[name]
            access.require_up()
            act(access, self._as_listed_now(access, found[name]))

        failures = at_once(lambda name: _failure(lambda: act_there(name)), list(found))
        raised = {name: error for name, error in zip(found, failures, strict=True) if error is not None}
        conflicts = [error for error in raised.values() if isinstance(error, NodeRefused) and error.status == CONFLICT]
        if raised and (len(raised) > len(conflicts) or len(conflicts) == len(found)):
            raise _action_failed(raised)

    def _without_held(
        self, located: Mapping[str, list[Entry]], act_on_held: Callable[[list[Entry]], list[str]]
    ) -> dict[str, list[Entry]]:
        """Act on the held torrents; what is left to do on nodes, where some of them may have gone by now."""
        found = {name: list(entries) for name, entries in located.items() if name != HELD}
        try:
            missed = act_on_held(located[HELD]) if HELD in located else []
        except NotWhileHeld as error:
            raise ActionFailed(error.status, str(error)) from error
        for name, entries in (self._located("|".join(missed)) if missed else {}).items():
            if name != HELD:
                found.setdefault(name, []).extend(entries)
        return found

    def _read_back(self, access: NodeAccess, entries: Sequence[Entry]) -> None:
        named = {entry.node_id: entry.hash for entry in entries}
        rows = access.call(lambda cookies: access.client.rows(cookies, list(named)))
        listed = [mirror.Listed(node_id, named[node_id], row) for node_id, row in rows.items() if node_id in named]
        with self._store.write() as connection:
            revision = mirror.next_revision(connection)
            mirror.put(connection, access.node.name, listed, revision=revision, seen_at=self._store.now(), touched=True)


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise NodeOutcomeUnknown("its answer is not JSON", Cause.NOT_QBITTORRENT) from error


def _failure(act: Callable[[], None]) -> NodeError | None:
    try:
        act()
    except NodeError as error:
        return error
    return None


def _action_failed(raised: Mapping[str, NodeError]) -> ActionFailed:
    """A node that says no counts with its own words; one that does not answer makes it a 503, to be tried again."""
    silent = {name: error for name, error in raised.items() if not isinstance(error, NodeRefused)}
    if silent:
        return ActionFailed(503, "; ".join(f"node {name}: {error}" for name, error in silent.items()))
    first = next(error for error in raised.values() if isinstance(error, NodeRefused))
    return ActionFailed(first.status, first.text or str(first))
