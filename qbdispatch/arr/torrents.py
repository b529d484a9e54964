"""`torrents/*` that read: the list over all nodes, and what a torrent's own node knows of it."""

import json
from typing import Any

from flask import Response
from werkzeug.exceptions import BadRequest, NotFound

from qbdispatch.arr.reply import json_text, text
from qbdispatch.arr.values import flag, required, values, whole
from qbdispatch.dispatch.library import Entry
from qbdispatch.dispatch.listing import InvalidSort, Query, select
from qbdispatch.nodes.errors import NodeError, NodeRefused
from qbdispatch.services import services

_NO_TRACKER = "** ["
"""How rows for DHT, PEX and LSD begin among the trackers; the list of torrents leaves them out."""


def info() -> Response:
    """The merged list; a node that is away is listed as last seen."""
    shelf, given = services().library.shelf(), values()
    if hashes := given.get("hashes", "").strip("|"):
        found = {entry.hash: entry for hash_ in hashes.split("|") if (entry := shelf.find(hash_))}
        entries = list(found.values())
    else:
        entries = list(shelf.by_hash.values())
    query = Query(
        filter=given.get("filter", ""),
        category=given.get("category"),
        tag=given.get("tag"),
        private=flag("private"),
        sort=given.get("sort", ""),
        reverse=bool(flag("reverse")),
        limit=whole("limit"),
        offset=whole("offset"),
    )
    try:
        listed = select(entries, query)
    except InvalidSort as error:
        raise BadRequest(str(error)) from error
    wanted = [kind for kind, option in (("trackers", "includeTrackers"), ("files", "includeFiles")) if flag(option)]
    extras = {kind: services().actions.extras(listed, kind) for kind in wanted if listed}
    return json_text("[" + ",".join(_with(entry, extras) for entry in listed) + "]")


def count() -> Response:
    """How many torrents there are."""
    return text(str(len(services().library.shelf().by_hash)))


def properties() -> Response:
    """What a torrent's node says of it, in the shape of 5.1 and with clients' paths."""
    return _detail("properties")


def trackers() -> Response:
    """Its trackers."""
    return _detail("trackers")


def webseeds() -> Response:
    """Its web seeds."""
    return _detail("webseeds")


def files() -> Response:
    """Its files."""
    return _detail("files")


def piece_states() -> Response:
    """The state of each piece."""
    return _detail("pieceStates")


def piece_hashes() -> Response:
    """The hash of each piece."""
    return _detail("pieceHashes")


def export() -> Response:
    """Its .torrent file."""
    entry = _named()
    try:
        answer = services().actions.ask(entry, "POST", "torrents/export", {})
    except NodeError as error:
        return _failed(error)
    return Response(answer.content, content_type="application/x-bittorrent")


def answered_by_node(endpoint: str, fields: dict[str, str]) -> Response:
    """What a torrent's node answers, as it is."""
    try:
        return json_text(services().actions.ask(_named(), "GET", endpoint, fields).text)
    except NodeError as error:
        return _failed(error)


def ssl_parameters() -> Response:
    """Its certificate and keys."""
    return answered_by_node("torrents/SSLParameters", {})


def _named() -> Entry:
    (hash_,) = required("hash")
    entry = services().library.shelf().find(hash_)
    if entry is None:
        raise NotFound("Not Found")
    return entry


def _detail(kind: str) -> Response:
    entry = _named()
    more = {name: value for name, value in values().items() if name != "hash"}
    try:
        return json_text(json.dumps(services().actions.detail(entry, kind, more)))
    except NodeError as error:
        return _failed(error)


def _with(entry: Entry, extras: dict[str, dict[str, Any]]) -> str:
    """The row; without those of the extras that nobody knows while its node is away: an empty list would tell clients
    that the torrent has no files."""
    if not extras:
        return entry.text
    known = {kind: found[entry.hash] for kind, found in extras.items() if entry.hash in found}
    shown = {kind: [one for one in listed if not _is_no_tracker(one)] for kind, listed in known.items()}
    return json.dumps(entry.row | shown)


def _is_no_tracker(one: dict[str, Any]) -> bool:
    return str(one.get("url", "")).startswith(_NO_TRACKER)


def _failed(error: NodeError) -> Response:
    if isinstance(error, NodeRefused):
        return text(error.text or str(error), error.status)
    return text(str(error), 503)
