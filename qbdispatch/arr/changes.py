"""`torrents/*` that change torrents: one table of endpoints, each carried to the nodes that have the torrents.

The way on: `dispatch.actions`, which knows the nodes and speaks each one's dialect.
"""

import json
from collections.abc import Callable

from flask import Response
from werkzeug.exceptions import NotFound

from qbdispatch.arr.labels import define_tags
from qbdispatch.arr.reply import json_text, text
from qbdispatch.arr.values import flag, required, values
from qbdispatch.dispatch import overview
from qbdispatch.dispatch.actions import CONFLICT
from qbdispatch.nodes.endpoints import modern_name
from qbdispatch.services import services
from qbdispatch.store import labels
from qbdispatch.store.labels import Kind

View = Callable[[], Response]

# fmt: off
BY_HASHES: dict[str, tuple[str, ...]] = {
    "stop": (), "start": (), "pause": (), "resume": (), "recheck": (), "reannounce": (),
    "topPrio": (), "bottomPrio": (), "increasePrio": (), "decreasePrio": (),
    "toggleSequentialDownload": (), "toggleFirstLastPiecePrio": (),
    "setShareLimits": ("ratioLimit", "seedingTimeLimit"), "setUploadLimit": ("limit",), "setDownloadLimit": ("limit",),
    "setForceStart": ("value",), "setSuperSeeding": ("value",), "setAutoManagement": ("enable",),
    "setLocation": ("location",), "addTags": ("tags",), "setTags": ("tags",), "removeTags": (),
}
"""Endpoints that take `hashes`, with their other required fields."""

QUEUE_MOVES = frozenset({"topPrio", "bottomPrio", "increasePrio", "decreasePrio"})
"""Those that are refused where there is no queue."""

BY_ID: dict[str, tuple[str, ...]] = {"setSavePath": ("path",), "setDownloadPath": ("path",)}
"""Endpoints that take the hashes as `id`."""

BY_HASH: dict[str, tuple[str, ...]] = {
    "rename": ("name",), "renameFile": ("oldPath", "newPath"), "renameFolder": ("oldPath", "newPath"),
    "filePrio": ("id", "priority"), "addTrackers": ("urls",), "editTracker": ("origUrl", "newUrl"),
    "removeTrackers": ("urls",), "addWebSeeds": ("urls",), "editWebSeed": ("origUrl", "newUrl"),
    "removeWebSeeds": ("urls",), "setSSLParameters": ("ssl_certificate", "ssl_private_key", "ssl_dh_params"),
}
"""Endpoints that take one `hash` and answer 404 for one that is not there."""
# fmt: on


def views() -> dict[str, View]:
    """A view for each endpoint of the tables, by endpoint name."""
    found: dict[str, View] = {}
    found |= {name: _by_hashes(name, "hashes", more) for name, more in BY_HASHES.items()}
    found |= {name: _by_hashes(name, "id", more) for name, more in BY_ID.items()}
    found |= {name: _by_hash(name, more) for name, more in BY_HASH.items()}
    return found | {
        "addPeers": add_peers,
        "delete": delete,
        "setCategory": set_category,
        "uploadLimit": upload_limit,
        "downloadLimit": download_limit,
    }


def delete() -> Response:
    """Remove torrents, with their files if asked; an error where a node does not answer, so that clients retry."""
    hashes, _ = required("hashes", "deleteFiles")
    services().actions.delete(hashes, delete_files=bool(flag("deleteFiles")))
    return text("")


def set_category() -> Response:
    """Put torrents into a category; 409 for one that does not exist."""
    hashes, category = required("hashes", "category")
    with services().store.read() as connection:
        known = labels.defined(connection, Kind.CATEGORY)
    if category and category not in known:
        return text("Incorrect category name", CONFLICT)
    services().actions.set_category(hashes, category, known.get(category, ""))
    return text("")


def add_peers() -> Response:
    """Name peers for torrents; answers for each torrent how many were taken."""
    hashes, peers = required("hashes", "peers")
    return json_text(json.dumps(services().actions.add_peers(hashes, peers)))


def upload_limit() -> Response:
    """The upload limits of torrents, bytes per second by hash."""
    return _limits("up_limit")


def download_limit() -> Response:
    """The download limits of torrents, bytes per second by hash."""
    return _limits("dl_limit")


def _limits(field: str) -> Response:
    (hashes,) = required("hashes")
    shelf = services().library.shelf()
    found = {hash_: shelf.find(hash_) for hash_ in hashes.split("|")}
    return json_text(json.dumps({hash_: entry.row[field] if entry else -1 for hash_, entry in found.items()}))


def _by_hashes(name: str, key: str, more: tuple[str, ...]) -> View:
    def view() -> Response:
        hashes, *_ = required(key, *more)
        fields = {field: value for field, value in values().items() if field != key}
        if name in ("addTags", "setTags"):
            define_tags(fields["tags"])
        acted_on = services().actions.on_torrents(modern_name(f"torrents/{name}"), hashes, fields, key=key)
        if name in QUEUE_MOVES and not acted_on and not _has_queue():
            return text("Torrent queueing must be enabled", CONFLICT)
        return text("")

    return view


def _has_queue() -> bool:
    return bool(overview.server_state(services().settings, services().store)["queueing"])


def _by_hash(name: str, more: tuple[str, ...]) -> View:
    def view() -> Response:
        hash_, *_ = required("hash", *more)
        entry = services().library.newest().find(hash_)
        if entry is None:
            raise NotFound("Not Found")
        fields = {field: value for field, value in values().items() if field != "hash"}
        services().actions.change_one(entry, f"torrents/{name}", fields)
        return text("")

    return view
