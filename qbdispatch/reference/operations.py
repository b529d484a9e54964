"""Each JSON route by endpoint: what it answers with which status, and what it takes. A new route gets its line here.

What it does is not said here: that is the first sentence of its docstring.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from marshmallow import Schema
from marshmallow.fields import Raw

from qbdispatch.dispatch.parse import SubmissionSchema
from qbdispatch.reference import shapes
from qbdispatch.reference.shapes import ErrorShape


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status means, and the shapes of its JSON body: one of them, or a list of the first if `many`."""

    meaning: str
    shapes: tuple[type[Schema], ...] = ()
    many: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """Answers by status; bodies by media type; query parameters with their meaning. `open` needs no admin key."""

    answers: Mapping[int, Answer]
    bodies: Mapping[str, type[Schema]] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    open: bool = False


class UploadShape(SubmissionSchema):
    """A `.torrent` file with what else is known of it; a magnet or an address can be sent as a form as well."""

    torrent = Raw(metadata={"type": "string", "format": "binary", "description": "The file."})


def _one(meaning: str, *found: type[Schema]) -> Answer:
    return Answer(meaning, found)


def _list_of(meaning: str, shape: type[Schema]) -> Answer:
    return Answer(meaning, (shape,), many=True)


LOCKED = {401: _one("The admin key is missing or wrong.", ErrorShape)}
_NO_STORE = {503: _one("The store does not answer; ask again after `Retry-After` seconds.", ErrorShape)}
_BODIES = {"application/json": SubmissionSchema, "multipart/form-data": UploadShape}
_ENTRY = shapes.SubmissionAnswer


def _submission(accepted: str) -> Operation:
    answers = {
        200: _one(f"`accepted`: {accepted} `duplicate`: it was on `selected_node` already.", _ENTRY),
        202: _one("`held`: it fits nowhere now and is placed as soon as a node has room (`hold.enabled`).", _ENTRY),
        400: _one("The body is no JSON.", ErrorShape),
        422: _one("The input cannot be used; `errors` names each field.", ErrorShape),
        503: _one(
            "`rejected`: no node may take it, `attempted_nodes` tells why. `failed`: nodes were tried and none took it,"
            " or the store does not answer. Asking again after `Retry-After` seconds is safe.",
            _ENTRY,
            ErrorShape,
        ),
    }
    return Operation(answers, bodies=_BODIES)


def _drain() -> Operation:
    answers = {200: _one("Done.", shapes.DrainShape), 404: _one("There is no such node.", ErrorShape)}
    return Operation(answers | _NO_STORE)


_NOT_HELD = {404: _one("No such torrent is held.", ErrorShape)}

OPERATIONS: Mapping[str, Operation] = {
    "submit.place": _submission("it is on `selected_node` now."),
    "submit.preview": _submission("it would go to `selected_node`."),
    "admin.nodes": Operation({200: _list_of("Each node, in configured order.", shapes.NodeShape)} | _NO_STORE),
    "admin.drain": _drain(),
    "admin.resume": _drain(),
    "admin.arr_instances": Operation({200: _list_of("Each instance, in configured order.", shapes.ArrShape)}),
    "admin.newest_decisions": Operation(
        {
            200: _list_of("The newest first.", shapes.DecisionShape),
            422: _one("`limit` is out of range.", ErrorShape),
        }
        | _NO_STORE,
        query={"limit": "How many, from 1 to 500; 50 if not given."},
    ),
    "admin.decision": Operation(
        {200: _one("The decision.", shapes.DecisionShape), 404: _one("There is no such decision.", ErrorShape)}
        | _NO_STORE
    ),
    "admin.removed_nodes": Operation({200: _list_of("Each, by name.", shapes.RemovedNodeShape)} | _NO_STORE),
    "admin.open_claims": Operation({200: _list_of("Each, the oldest first.", shapes.ClaimShape)} | _NO_STORE),
    "admin.vanished_torrents": Operation(
        {
            200: _list_of("Each, the newest first.", shapes.VanishedShape),
            422: _one("`hours` is out of range.", ErrorShape),
        }
        | _NO_STORE,
        query={"hours": "How far back, from 1 to 8760; 24 if not given."},
    ),
    "admin.held_torrents": Operation({200: _list_of("Each, the oldest first.", shapes.HeldShape)} | _NO_STORE),
    "admin.delete_held": Operation(
        {
            200: _one("It is forgotten.", shapes.HeldChangeShape),
            503: _one("It is just being placed, or the store does not answer: ask again.", ErrorShape),
        }
        | _NOT_HELD
    ),
    "admin.release_held": Operation({200: _one("It is tried next.", shapes.HeldChangeShape)} | _NOT_HELD | _NO_STORE),
    "admin.alive": Operation({200: _one("It is alive.", shapes.ProbeShape)}, open=True),
    "admin.ready": Operation(
        {
            200: _one("Torrents can be placed.", shapes.ProbeShape),
            503: _one("They cannot; `reason` says why.", ErrorShape),
        },
        open=True,
    ),
    "admin.metrics": Operation({200: Answer("Figures in Prometheus' text format; docs/metrics.md explains each.")}),
    "admin.try_notifications": Operation(
        {
            200: _one("What came of each target.", shapes.TargetsShape),
            422: _one("No target is configured.", ErrorShape),
        }
    ),
}
