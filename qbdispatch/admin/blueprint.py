"""What people and monitoring ask: nodes, *arr instances, decisions, health; and drain and resume."""

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import NotFound, UnprocessableEntity

from qbdispatch import meters
from qbdispatch.dispatch import draining
from qbdispatch.dispatch.gauges import StoreCollector
from qbdispatch.dispatch.held_actions import NotWhileHeld
from qbdispatch.dispatch.holding import held_documents
from qbdispatch.dispatch.reconcile import claim_documents, removed_documents
from qbdispatch.dispatch.sending import test_targets
from qbdispatch.dispatch.survey import survey_arr, survey_nodes
from qbdispatch.dispatch.unseen import awaited
from qbdispatch.dispatch.vanishing import vanished_documents, with_vanished
from qbdispatch.scoring.filters import availability
from qbdispatch.scoring.model import Policy
from qbdispatch.services import services
from qbdispatch.store import decisions, facts
from qbdispatch.torrents.source import InfoHashes
from qbdispatch.web import add_json_errors, json_error, refuse_other_sites, require_admin_key

MAX_DECISIONS = 500
MOST_HOURS = 8760
HOUR_SECONDS = 3600.0
admin = Blueprint("admin", __name__)
add_json_errors(admin)
admin.before_request(refuse_other_sites)
_OPEN = frozenset({"admin.alive", "admin.ready"})


@admin.before_request
def guard() -> Response | None:
    """All but the two probes need the admin key."""
    return None if request.endpoint in _OPEN else require_admin_key(bearer=request.endpoint == "admin.metrics")


@admin.get("/nodes")
def nodes() -> Response:
    """Every node, asked live."""
    found = services()
    return jsonify(survey_nodes(found.settings, found.store, found.fleet))


@admin.get("/nodes/removed")
def removed_nodes() -> Response:
    """Nodes that are no longer configured; what is on them is listed again as soon as they are."""
    with services().store.read() as connection:
        return jsonify(removed_documents(connection))


@admin.get("/claims")
def open_claims() -> Response:
    """What is promised to nodes and not shown by them yet, oldest first, and when each promise ends."""
    store = services().store
    with store.read() as connection:
        return jsonify(claim_documents(connection, store.now()))


@admin.get("/vanished")
def vanished_torrents() -> Response:
    """What nodes no longer list although nobody removed it through us; `hours` back, 24 if not given."""
    hours, store = _whole("hours", 24, MOST_HOURS), services().store
    with store.read() as connection:
        return jsonify(vanished_documents(connection, store.now() - hours * HOUR_SECONDS))


@admin.post("/nodes/<name>/drain")
def drain(name: str) -> Response:
    """Place no new torrents on this node."""
    draining.drain(services().store, _known(name))
    return jsonify(name=name, draining=True)


@admin.post("/nodes/<name>/resume")
def resume(name: str) -> Response:
    """Place torrents there again; also ends the pause after refused logins."""
    draining.resume(services().store, services().fleet, _known(name))
    return jsonify(name=name, draining=False)


@admin.get("/arr")
def arr_instances() -> Response:
    """Every configured Sonarr and Radarr, asked live."""
    return jsonify(survey_arr(services().settings.arr_instances))


@admin.get("/decisions")
def newest_decisions() -> Response:
    """The newest decisions; `limit` from 1 to 500, 50 if not given."""
    limit = _whole("limit", 50, MAX_DECISIONS)
    with services().store.read() as connection:
        return jsonify(with_vanished(connection, decisions.newest(connection, limit)))


@admin.get("/decisions/<decision_id>")
def decision(decision_id: str) -> Response:
    """One decision in full."""
    with services().store.read() as connection:
        document = decisions.get(connection, decision_id)
        traced = with_vanished(connection, [document] if document else [])
    if not traced:
        raise NotFound("no such decision; GET /decisions lists the newest")
    return jsonify(traced[0])


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
    settings, now = found.settings, found.store.now()
    with found.store.read() as connection:
        fleet = facts.gather(connection, settings.nodes, max_downloads=settings.dispatcher.max_downloads, now=now)
        reason = awaited(connection, [node.name for node in settings.nodes], now, settings.sync.stale_after_s)
    if reason:
        return json_error(503, reason)
    wishes = Policy(stale_after_seconds=settings.sync.stale_after_s)
    codes = {node.name: availability(node, wishes) for node in fleet}
    if not all(codes.values()):
        return jsonify(status="ready")
    why = ", ".join(f"{name} is {' and '.join(reasons)}" for name, reasons in codes.items())
    return json_error(503, f"no node takes torrents: {why}; GET /nodes tells what to do")


@admin.get("/metrics")
def metrics() -> Response:
    """Everything that is counted and measured, for Prometheus."""
    found = services()
    registry = meters.registry()
    registry.register(StoreCollector(found.settings, found.store))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@admin.post("/notifications/test")
def try_notifications() -> Response:
    """Send a word to each target; says which took it."""
    targets = test_targets(services().settings.notifications)
    if not targets:
        raise UnprocessableEntity("nobody is to be told; set notifications.targets")
    return jsonify(targets=targets)


def _whole(name: str, default: int, most: int) -> int:
    """A whole number from the query."""
    text = request.args.get(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= number <= most:
        raise UnprocessableEntity(f"{name}: give a whole number from 1 to {most}")
    return number


def _hashes(text: str) -> InfoHashes:
    try:
        return InfoHashes.read(text)
    except ValueError as error:
        raise _not_held() from error


def _not_held() -> NotFound:
    return NotFound("no such torrent is held; GET /held lists those that are")


def _known(name: str) -> str:
    members = services().fleet.members
    if name not in members:
        raise NotFound(f"no such node; there are: {', '.join(members)}")
    return name
