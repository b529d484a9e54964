"""What people and monitoring ask: nodes, *arr instances, decisions, health; and drain and resume."""

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import NotFound, UnprocessableEntity

from qbdispatch.dispatch.held_actions import NotWhileHeld
from qbdispatch.dispatch.holding import held_documents
from qbdispatch.dispatch.survey import survey_arr, survey_nodes
from qbdispatch.scoring.filters import availability
from qbdispatch.scoring.model import Policy
from qbdispatch.services import services
from qbdispatch.store import decisions, facts, health
from qbdispatch.torrents.source import InfoHashes
from qbdispatch.web import add_json_errors, json_error, require_admin_key

MAX_DECISIONS = 500
V2_LENGTH = 64
admin = Blueprint("admin", __name__)
add_json_errors(admin)
_OPEN = frozenset({"admin.alive", "admin.ready"})


@admin.before_request
def guard() -> Response | None:
    """All but the two probes need the admin key."""
    return None if request.endpoint in _OPEN else require_admin_key()


@admin.get("/nodes")
def nodes() -> Response:
    """Every node, asked live."""
    found = services()
    return jsonify(survey_nodes(found.settings, found.store, found.fleet))


@admin.post("/nodes/<name>/drain")
def drain(name: str) -> Response:
    """Place no new torrents on this node."""
    return _set_draining(name, True)


@admin.post("/nodes/<name>/resume")
def resume(name: str) -> Response:
    """Place torrents there again; also ends the pause after refused logins."""
    response = _set_draining(name, False)
    services().fleet.members[name].forgive()
    return response


@admin.get("/arr")
def arr_instances() -> Response:
    """Every configured Sonarr and Radarr, asked live."""
    return jsonify(survey_arr(services().settings.arr_instances))


@admin.get("/decisions")
def newest_decisions() -> Response:
    """The newest decisions; `limit` from 1 to 500, 50 if not given."""
    text = request.args.get("limit", "50")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= limit <= MAX_DECISIONS:
        raise UnprocessableEntity(f"limit: give a whole number from 1 to {MAX_DECISIONS}")
    with services().store.read() as connection:
        return jsonify(decisions.newest(connection, limit))


@admin.get("/decisions/<decision_id>")
def decision(decision_id: str) -> Response:
    """One decision in full."""
    with services().store.read() as connection:
        document = decisions.get(connection, decision_id)
    if document is None:
        raise NotFound("no such decision; GET /decisions lists the newest")
    return jsonify(document)


@admin.get("/held")
def held_torrents() -> Response:
    """What waits for a node with room, oldest first, and why."""
    store = services().store
    with store.read() as connection:
        return jsonify(held_documents(connection, store.now()))


@admin.delete("/held/<hash_>")
def delete_held(hash_: str) -> Response:
    """Wait no longer for this one."""
    try:
        deleted = services().actions.held.delete_one(_hashes(hash_))
    except NotWhileHeld as error:
        return json_error(error.status, str(error))
    if not deleted:
        raise _not_held()
    return jsonify(hash=hash_.lower(), held=False)


@admin.post("/held/<hash_>/release")
def release_held(hash_: str) -> Response:
    """Try it again at once after nodes have failed to take it."""
    if not services().dispatcher.try_now(_hashes(hash_)):
        raise _not_held()
    return jsonify(hash=hash_.lower(), held=True)


@admin.get("/healthz")
def alive() -> Response:
    """The process answers; says nothing of the nodes."""
    return jsonify(status="ok")


@admin.get("/readyz")
def ready() -> Response:
    """The store answers and at least one node is neither drained nor faulty nor silent: torrents can be placed."""
    found = services()
    settings = found.settings
    with found.store.read() as connection:
        fleet = facts.gather(
            connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=found.store.now()
        )
    wishes = Policy(stale_after_seconds=settings.sync.stale_after_s)
    codes = {node.name: availability(node, wishes) for node in fleet}
    if not all(codes.values()):
        return jsonify(status="ready")
    why = ", ".join(f"{name} is {' and '.join(reasons)}" for name, reasons in codes.items())
    return json_error(503, f"no node takes torrents: {why}; GET /nodes tells what to do")


def _hashes(text: str) -> InfoHashes:
    lower = text.lower()
    try:
        return InfoHashes(v2=lower) if len(lower) == V2_LENGTH else InfoHashes(v1=lower)
    except ValueError as error:
        raise _not_held() from error


def _not_held() -> NotFound:
    return NotFound("no such torrent is held; GET /held lists those that are")


def _set_draining(name: str, draining: bool) -> Response:
    found = services()
    if name not in found.fleet.members:
        raise NotFound(f"no such node; there are: {', '.join(found.fleet.members)}")
    with found.store.write() as connection:
        health.set_draining(connection, name, draining)
    return jsonify(name=name, draining=draining)
