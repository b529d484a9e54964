"""What the JSON routes answer, field by field: the API reference is made from this, and tests hold answers to it.

Sizes are GiB with one decimal, speeds Mbit/s, times RFC 3339 in UTC; `null` is "not known". To add a field, add its
line to the shape; a shape takes no other fields and misses none.
"""

from enum import Enum
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from qbdispatch.dispatch.adding import Fate
from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.request import SizeSource
from qbdispatch.nodes.errors import Cause
from qbdispatch.scoring.model import Reason
from qbdispatch.store.claims import Phase

_RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def _numeric(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError("Not a number.")


def _text(description: str, *, null: bool = False, one_of: type[Enum] | list[str] | None = None) -> Any:
    choices = one_of if isinstance(one_of, list) else [one.value for one in one_of or ()]
    check = [validate.OneOf(choices)] if choices else []
    return fields.Str(required=True, allow_none=null, validate=check, metadata={"description": description})


def _time(description: str, *, null: bool = False) -> Any:
    metadata = {"description": description, "format": "date-time"}
    return fields.Str(required=True, allow_none=null, validate=validate.Regexp(_RFC3339), metadata=metadata)


def _number(description: str, *, null: bool = False) -> Any:
    """Any number; unlike marshmallow's own, no text that looks like one."""
    metadata = {"description": description, "type": "number"}
    return fields.Raw(required=True, allow_none=null, validate=_numeric, metadata=metadata)


def _whole(description: str, *, null: bool = False) -> Any:
    return fields.Int(required=True, allow_none=null, strict=True, metadata={"description": description})


def _flag(description: str) -> Any:
    return fields.Bool(required=True, truthy={True}, falsy={False}, metadata={"description": description})


def _list(of: type[Schema] | Any, description: str) -> Any:
    inner = fields.Nested(of) if isinstance(of, type) else of
    return fields.List(inner, required=True, metadata={"description": description})


class Shape(Schema):
    """An object with exactly these fields."""

    class Meta:
        unknown = RAISE


class ReasonShape(Shape):
    """Why a node is out."""

    code = _text("Never renamed; docs/reason-codes.md has what to do.", one_of=Reason)
    detail = _text("The same for people, with figures.")


class ContributionShape(Shape):
    """What a weigher gave."""

    weigher = _text("free_space, downloads or bandwidth.")
    value = _number("From 0 to 1.")
    weight = _number("What it counts with.")


class VerdictShape(Shape):
    """What a decision says of one node."""

    name = _text("The node.")
    score = _number("The highest wins; null for a node that is out.", null=True)
    excluded = _flag("Whether it is out of the decision.")
    reasons = _list(ReasonShape, "Why it is out; empty for one that is not.")
    contributions = _list(ContributionShape, "What its score is made of.")
    free_gb = _number("As the node reports it.", null=True)
    effective_free_gb = _number("Less what is still to be written and what is claimed.", null=True)
    claimed_gb = _number("Promised to torrents that it does not show yet.")
    min_free_gb = _number("What is to stay free.")
    active_downloads = _whole("Running downloads, those just placed included.")
    max_downloads = _whole("How many it may have.")


class NodeShape(VerdictShape):
    """One node, asked live, and how it would fare in a decision now."""

    url = _text("Address of its Web UI.")
    reachable = _flag("Whether it answered just now.")
    error = _text("What is wrong, and what to do.", null=True)
    latency_ms = _number("Time of its answer in ms.", null=True)
    version = _text("Its qBittorrent; the last known where it does not answer.", null=True)
    paused_downloads = _whole("Unfinished torrents that are stopped.", null=True)
    torrents = _whole("How many it has.", null=True)
    outstanding_gb = _number("What its torrents will still write.", null=True)
    download_mbps = _number("What it downloads at.", null=True)
    draining = _flag("Whether it is drained.")
    pool = _text("Name of the disk that it shares with others.", null=True)
    snapshot_at = _time("When the figures of space and torrents were taken.", null=True)
    cause = _text("What exactly is wrong or odd; docs/reason-codes.md lists them.", null=True, one_of=Cause)
    failures = _whole("Polls in a row that failed.")
    retry_in_s = _number("Seconds until it is tried again; null where it is well.", null=True)
    last_seen = _time("When it last answered.", null=True)
    warnings = _list(fields.Str(), "What is odd about it, though it works.")


class DrainShape(Shape):
    """Whether a node is drained."""

    name = _text("The node.")
    draining = _flag("Whether new torrents stay away.")


class SubmissionAnswer(Shape):
    """What came of a submission."""

    status = _text("How it ended.", one_of=Status)
    selected_node = _text("The node that has it.", null=True)
    reason = _text("Why, in a sentence.")
    hash = _text("v1 where there is one, else v2; lower-case hex.")
    decision_id = _text("For /decisions/ID; null for a preview.", null=True)
    attempted_nodes = _list(VerdictShape, "Each node of the decision.")


class AttemptShape(Shape):
    """One add."""

    node = _text("The node.")
    outcome = _text("What came of it.", one_of=Fate)
    detail = _text("What the node said.")


class DecisionShape(Shape):
    """A decision in full."""

    decision_id = _text("Its id.")
    decided_at = _time("When.")
    name = _text("The torrent's name.")
    hash = _text("Its hash.")
    category = _text("Its category; empty for none.")
    size_gb = _number("The size that was claimed.")
    size_source = _text("Where that figure comes from.", one_of=SizeSource)
    status = _text("How it ended; placing while it is under way.", one_of=[*(one.value for one in Status), "placing"])
    selected_node = _text("The node that has it.", null=True)
    reason = _text("Why, in a sentence.")
    attempts = _list(AttemptShape, "Each add, in order.")
    attempted_nodes = _list(VerdictShape, "Each node.")
    vanished_at = fields.Str(metadata={"description": "When its node was found not to list it any more."})
    vanished_from = fields.Str(metadata={"description": "That node."})


class ClaimShape(Shape):
    """Bytes promised to a node for a torrent that it does not show yet, or shows without its size."""

    node = _text("The node.")
    hash = _text("The torrent's hash.")
    name = _text("Its name.")
    size_gb = _number("What is promised.")
    phase = _text("How far it has come.", one_of=Phase)
    age_s = _number("Seconds since it was promised.")
    ends = _text("When, or on what condition, it ends.")
    decision_id = _text("For /decisions/ID.")


class VanishedShape(Shape):
    """A torrent that its node lists no longer, although nobody removed it through us."""

    node = _text("The node.")
    hash = _text("Its hash.")
    name = _text("Its name.")
    decision_id = _text("For /decisions/ID; null for one that was found.", null=True)
    vanished_at = _time("When that was noticed.")


class RemovedNodeShape(Shape):
    """A node that is no longer configured."""

    name = _text("Its name.")
    torrents = _whole("How many are known to be on it.")
    since = _time("Since when it is not configured.")


class HeldShape(Shape):
    """A torrent that waits for a node with room."""

    position = _whole("1 is the oldest, which goes first.")
    name = _text("Its name.")
    hash = _text("Its hash.")
    size_gb = _number("What it will claim.")
    category = _text("Its category; empty for none.")
    since = _time("Since when it waits.")
    age_s = _number("The same in seconds.")
    decision_id = _text("The decision on it, for /decisions/ID.")
    why = _text("What keeps it waiting.", null=True)


class HeldChangeShape(Shape):
    """Whether a torrent is held now."""

    hash = _text("Its hash, as it was given.")
    held = _flag("Whether it waits.")


class ArrShape(Shape):
    """One Sonarr or Radarr."""

    name = _text("Its name in the configuration.")
    type = _text("What it is.", one_of=["sonarr", "radarr"])
    url = _text("Address of its API.")
    reachable = _flag("Whether it answered just now.")
    version = _text("Its version.", null=True)
    error = _text("What is wrong, and what to do.", null=True)


class TargetShape(Shape):
    """Whether a target of notices took the word."""

    target = _text("Its place in the list and its scheme; the address is a secret.")
    ok = _flag("Whether it was taken.")
    error = _text("What to do, where it was not.", null=True)


class TargetsShape(Shape):
    """All targets of notices."""

    targets = _list(TargetShape, "In configured order.")


class ProbeShape(Shape):
    """All is well."""

    status = _text("ok for /healthz, ready for /readyz.", one_of=["ok", "ready"])


class ErrorShape(Shape):
    """Why a request cannot be answered."""

    status = _text("invalid: change the request. failed: ask again.", one_of=["invalid", "failed"])
    reason = _text("What is wrong, in a sentence.")
    errors = fields.Dict(
        keys=fields.Str(),
        values=fields.List(fields.Str()),
        required=True,
        metadata={"description": "Each field of a submission that is at fault."},
    )
