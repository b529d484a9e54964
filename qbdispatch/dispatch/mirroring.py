"""Keeps the mirror of one node while this worker leads, from what each poll showed.

A torrent that an increment removes is gone. One that is only missing from a full list, as after a restart of the node
or with a new leader, is believed to be gone when it is still missing some time later: a node may open its WebUI
before it has loaded all of its torrents.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from qbdispatch.dispatch.oddities import Oddity, in_list
from qbdispatch.dispatch.settle import Poll
from qbdispatch.nodes.view import NodeView, Torrent
from qbdispatch.store import claims, mirror, placements

CONFIRM_SECONDS = 10.0
CONFIRM_MANY_SECONDS = 60.0
MANY = 10


class NodeMirror:
    """What must be remembered between polls of one node; begin a new one with each new view."""

    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}  # the node's id to the hash under which we list the torrent
        self._missing: dict[str, float] = {}  # since when
        self._left: dict[str, int] = {}  # bytes that missing torrents had still to write
        self._claimed: set[str] = set()  # ids of torrents that were added just now and whose bytes are claimed
        self._known = 0  # torrents that the last full list should have had
        self._wait = CONFIRM_SECONDS
        self._unwritten: set[str] = set()  # an action of ours was newer than the poll

    def confirm_missing(self, connection: Connection, poll: Poll) -> None:
        """Add to the poll's removed ids those that are believed to be gone by now, and tell it of the others."""
        listed = poll.view.torrents
        if poll.change.full:
            rows = mirror.node_rows(connection, poll.node)
            known = rows.keys()
            recorded = {found.node_id for found in placements.on_node(connection, poll.node)}
            missing = (known | recorded) - listed.keys()
            renamed = {hash_ for one in listed.values() for hash_ in (one.v1, (one.v2 or "")[:40]) if hash_} & missing
            poll.change.removed.update(renamed)  # nothing is missing: the node lists them under their other hash
            self._missing = {node_id: self._missing.get(node_id, poll.polled_at) for node_id in missing - renamed}
            self._note(connection, poll, rows, recorded - renamed)
            suspicious = len(self._missing) >= MANY and len(self._missing) > len(listed)
            self._wait = CONFIRM_MANY_SECONDS if suspicious else CONFIRM_SECONDS
        self._missing = {node_id: since for node_id, since in self._missing.items() if node_id not in listed}
        gone = {node_id for node_id, since in self._missing.items() if poll.polled_at - since >= self._wait}
        poll.change.removed.update(gone)
        self._missing = {node_id: since for node_id, since in self._missing.items() if node_id not in gone}
        poll.unconfirmed.update(self._missing)

    @property
    def missing_bytes(self) -> int:
        """What the torrents that are missing, but not believed to be gone, may still write."""
        return sum(self._left.get(node_id, 0) for node_id in self._missing.keys() - self._claimed)

    def oddity(self, view: NodeView) -> Oddity | None:
        """What is odd about the node's list."""
        return in_list(view, len(self._missing.keys() - self._claimed), self._known)

    def _note(
        self, connection: Connection, poll: Poll, rows: Mapping[str, mirror.MirrorRow], recorded: set[str]
    ) -> None:
        """Remember what is to be told of the missing torrents while they are."""
        claimed = claims.on_node(connection, poll.node)
        self._claimed = {node_id for claim in claimed for node_id in claim.hashes.node_ids}
        self._known = len((rows.keys() | recorded) - self._claimed)
        self._left = {node_id: _left(rows[node_id].row) for node_id in self._missing.keys() & rows.keys()}

    def write(self, connection: Connection, poll: Poll) -> None:
        """Write what the poll changed, if anything, under one new revision."""
        listed, removed = self._to_list(connection, poll), set(poll.change.removed)
        removed |= self._name(connection, poll, listed)
        if not listed and not removed:
            return
        revision = mirror.next_revision(connection)
        rows = [mirror.Listed(one.node_id, self._hashes[one.node_id], one.row) for one in listed]
        self._unwritten = mirror.put(connection, poll.node, rows, revision=revision, seen_at=poll.polled_at)
        mirror.remove(connection, poll.node, removed, revision=revision, seen_at=poll.polled_at)
        for node_id in removed:
            self._hashes.pop(node_id, None)

    def _to_list(self, connection: Connection, poll: Poll) -> list[Torrent]:
        """The torrents whose rows are to be written: on a full list those that differ from the mirror's."""
        torrents = poll.view.torrents
        if not poll.change.full:
            changed = poll.change.changed | self._unwritten
            return [torrents[node_id] for node_id in changed if node_id in torrents]
        stored = mirror.node_rows(connection, poll.node)
        self._hashes = {node_id: row.hash for node_id, row in stored.items()}
        return [one for one in torrents.values() if one.node_id not in stored or stored[one.node_id].row != one.row]

    def _name(self, connection: Connection, poll: Poll, listed: Iterable[Torrent]) -> set[str]:
        """Give new torrents the hash under which we list them for good; answers ids that they had before.

        The hash is v1 where there is one, as *arr computes it. A torrent that the node lists under a new id, because
        it learned the other half of a hybrid's hashes, keeps the hash it was listed under.
        """
        unnamed = [one for one in listed if one.node_id not in self._hashes]
        aliases = {
            alias: one
            for one in unnamed
            for alias in (one.v1, (one.v2 or "")[:40])
            if alias and alias != one.node_id and alias not in poll.view.torrents
        }
        former = {row.node_id: row.hash for row in mirror.named(connection, poll.node, list(aliases))}
        for one in unnamed:
            self._hashes[one.node_id] = one.v1 or one.node_id
        for alias, hash_ in former.items():
            self._hashes[aliases[alias].node_id] = hash_
        return set(former)


def _left(row: Mapping[str, Any]) -> int:
    left = row.get("amount_left")
    return max(0, left) if isinstance(left, int) else 0
