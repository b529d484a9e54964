"""Trackers or files of many torrents at once, for `torrents/info` with `includeTrackers` or `includeFiles`.

One call to each node that can list them with its torrents (`nodes.endpoints`), else one for each torrent, and only for
some seconds. What a node does not say is as last known; what nobody knows is left out.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from qbdispatch.dispatch.access import Fleet, NodeAccess, at_once
from qbdispatch.dispatch.holding import HELD
from qbdispatch.dispatch.library import Entry
from qbdispatch.nodes.client import Cookies
from qbdispatch.nodes.endpoints import Version, listing_option, parse_version
from qbdispatch.nodes.errors import NodeError, NodeRefused
from qbdispatch.store import details, snapshots
from qbdispatch.store.engine import Store

ONE_BY_ONE_SECONDS = 5.0
"""Clients give up after 15 s; they ask for what is missing by itself."""


def extras(store: Store, fleet: Fleet, entries: Iterable[Entry], kind: str) -> dict[str, Any]:
    """`torrents/<kind>` of these torrents, by hash."""
    by_node: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_node[entry.node].append(entry)
    found: dict[str, Any] = {entry.hash: [] for entry in by_node.pop(HELD, [])}
    with store.read() as connection:
        versions = {name: parse_version(one.version) for name, one in snapshots.latest(connection).items()}

    def of_node(name: str) -> dict[str, Any]:
        return _live(fleet.members[name], by_node[name], kind, versions.get(name, parse_version("")))

    for documents in at_once(of_node, list(by_node)):
        found |= documents
    unsaid = [entry.hash for listed in by_node.values() for entry in listed if entry.hash not in found]
    with store.read() as connection:
        kept = details.kept(connection, kind)
        known = {hash_: details.get(connection, hash_, kind) for hash_ in unsaid if hash_ in kept}
    new = {hash_: document for hash_, document in found.items() if document and hash_ not in kept}
    if new:
        with store.write() as connection:
            for hash_, document in new.items():
                details.keep(connection, hash_, kind, document)
    return found | known


def _live(access: NodeAccess, entries: Sequence[Entry], kind: str, version: Version) -> dict[str, Any]:
    """What the node says now; nothing where it does not answer."""
    hashes = {entry.node_id: entry.hash for entry in entries}
    option = listing_option(kind, version)
    try:
        access.require_up()
        if option is None:
            documents = access.call(lambda cookies: _one_by_one(access, cookies, list(hashes), kind))
        else:
            asked = {"hashes": "|".join(hashes), option: "true"}
            rows = access.send("POST", "torrents/info", asked, version).json()
            documents = {row["hash"]: row.get(kind, []) for row in rows}  # 5.3 has no files without metadata
    except (NodeError, ValueError, TypeError, KeyError, AttributeError):  # not what qBittorrent answers
        return {}
    return {hashes[node_id]: told for node_id, told in documents.items() if node_id in hashes and _are_documents(told)}


def _are_documents(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(one, dict) for one in told)


def _one_by_one(access: NodeAccess, cookies: Cookies, node_ids: Sequence[str], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    give_up = time.monotonic() + ONE_BY_ONE_SECONDS
    for node_id in node_ids:
        if time.monotonic() > give_up:
            break
        try:
            found[node_id] = access.client.send(cookies, "GET", f"torrents/{kind}", {"hash": node_id}).json()
        except NodeRefused:
            continue  # it has just gone
    return found
