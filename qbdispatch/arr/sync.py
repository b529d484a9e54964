"""`sync/*`: increments over the whole fleet.

The `rid` is the mirror's revision, as far as the shelf tells it, plus one, as a client's 0 asks for everything. So
every worker can answer any client's next call, also after a restart.
"""

import json
from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from qbdispatch.arr.reply import json_text
from qbdispatch.arr.torrents import answered_by_node
from qbdispatch.arr.values import values, whole
from qbdispatch.dispatch.holding import HELD
from qbdispatch.dispatch.library import Shelf
from qbdispatch.dispatch.overview import server_state
from qbdispatch.services import services
from qbdispatch.store.labels import Kind


def maindata() -> Response:
    """What changed since `rid`; everything where that is unknown, 0 or too old."""
    found = services()
    shelf, known = found.library.shelf(), whole("rid") - 1
    parts = [f'"rid": {shelf.told + 1}']
    if known != shelf.revision:
        parts += _changes(shelf, known)
    parts.append(f'"server_state": {json.dumps(server_state(found.settings, found.store))}')
    return json_text("{" + ", ".join(parts) + "}")


def torrent_peers() -> Response:
    """The peers of one torrent, as its node has them: a `rid` of the node's own, hence always in full."""
    entry = services().library.shelf().find(values().get("hash", ""))
    if entry is None:
        raise NotFound("Not Found")
    if entry.node == HELD:
        return json_text('{"full_update": true, "peers": {}, "rid": 1, "show_flags": true}')
    return answered_by_node("sync/torrentPeers", {"rid": "0"})


def _changes(shelf: Shelf, known: int) -> list[str]:
    full = known < 0 or not shelf.floor <= known <= shelf.revision
    since = 0 if full else known
    parts = ['"full_update": true'] if full else []
    return parts + _torrent_parts(shelf, since, full) + _label_parts(shelf, since, full)


def _torrent_parts(shelf: Shelf, since: int, full: bool) -> list[str]:
    changed = [entry for entry in shelf.by_hash.values() if entry.revision > since]
    gone = [] if full else [hash_ for hash_, revision in shelf.gone.items() if revision > since]
    parts = []
    if changed:
        rows = ", ".join(f"{json.dumps(entry.hash)}: {entry.text_without_hash}" for entry in changed)
        parts.append(f'"torrents": {{{rows}}}')
    if gone:
        parts.append(f'"torrents_removed": {json.dumps(gone)}')
    return parts


def _label_parts(shelf: Shelf, since: int, full: bool) -> list[str]:
    changed = {kind: [label for label in shelf.labels.get(kind, ()) if label.revision > since] for kind in Kind}
    here = {kind: [label for label in found if not label.gone] for kind, found in changed.items()}
    gone = {kind: [label.name for label in found if label.gone] for kind, found in changed.items()}
    named = {label.name: {"name": label.name, "savePath": label.save_path} for label in here[Kind.CATEGORY]}
    sections: dict[str, Any] = {"categories": named, "tags": [label.name for label in here[Kind.TAG]]}
    if not full:
        sections |= {"categories_removed": gone[Kind.CATEGORY], "tags_removed": gone[Kind.TAG]}
    return [f"{json.dumps(name)}: {json.dumps(section)}" for name, section in sections.items() if section]
