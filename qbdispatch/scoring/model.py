"""The plain types a decision is made of. Byte counts are `int`, unknown is `None`, never 0.

Does not own: how facts are gathered (`store.facts`) and how a decision is shown (`dispatch.documents`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a node is out of a decision. The codes are part of the API and are never renamed."""

    UNREACHABLE = "unreachable"
    AUTH_FAILED = "auth_failed"
    STALE = "stale"
    DRAINING = "draining"
    BELOW_MIN_FREE_SPACE = "below_min_free_space"
    INSUFFICIENT_SPACE = "insufficient_space"
    TOO_MANY_DOWNLOADS = "too_many_downloads"
    CATEGORY_NOT_ACCEPTED = "category_not_accepted"
    MISSING_FREE_SPACE = "missing_free_space"
    SCORE_BELOW_MINIMUM = "score_below_minimum"
    ALREADY_TRIED = "already_tried"
    PATH_ELSEWHERE = "path_elsewhere"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """All that a decision may know of one node.

    `outstanding_bytes` is what the node's unfinished torrents will still write; `claimed_bytes` is what is promised
    beyond that. `claimed_downloads` counts claims whose torrent the node does not list yet; listed ones are in
    `active_downloads`. Speeds and limits are bytes per second. `age_seconds` is the time since the node last
    answered, `None` if it never did. `waiting_seconds` is how long the oldest unanswered add has been under way.
    `fault_detail` without a `fault` is what is odd about a node that answers. `reserved`: its disk is kept for the
    oldest held torrent.
    """

    name: str
    weight: float = 1.0
    min_free_bytes: int = 0
    max_downloads: int = 50
    pool: str | None = None
    categories: frozenset[str] | None = None
    bandwidth_bytes_per_second: int | None = None
    draining: bool = False
    fault: Reason | None = None
    fault_detail: str = ""
    age_seconds: float | None = None
    free_bytes: int | None = None
    outstanding_bytes: int = 0
    active_downloads: int = 0
    download_speed: int = 0
    download_limit: int | None = None
    claimed_bytes: int = 0
    claimed_downloads: int = 0
    waiting_seconds: float = 0.0
    reserved: bool = False

    @property
    def downloads(self) -> int:
        """Active downloads, those just placed included."""
        return self.active_downloads + self.claimed_downloads


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be placed. `size_bytes` is the best estimate there is; `already_tried` maps node name to failure.
    `homes` are the nodes that its folder belongs to; empty where any node will do."""

    size_bytes: int
    category: str = ""
    already_tried: Mapping[str, str] = field(default_factory=dict)
    homes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """The user's wishes that hold for all nodes. `stale_after_seconds`: a node silent for longer is out."""

    disk_weight: float = 1.0
    download_weight: float = 2.0
    bandwidth_weight: float = 0.1
    min_score: float = -1.0
    stale_after_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """One filter's no, with its stable code and a sentence for people."""

    code: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """One weigher's value (0 to 1) and the weight it counts with."""

    weigher: str
    value: float
    weight: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a decision says of one node. `score` is `None` for a node that a filter took out before weighing."""

    facts: NodeFacts
    effective_free_bytes: int | None
    rejections: tuple[Rejection, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    score: float | None = None

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def excluded(self) -> bool:
        return bool(self.rejections)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdicts on all nodes: eligible ones first, best first; then those taken out, by name."""

    request: Request
    verdicts: tuple[Verdict, ...]

    @property
    def winner(self) -> Verdict | None:
        """The best eligible node, or `None` if every node was taken out."""
        first = self.verdicts[0] if self.verdicts else None
        return first if first is not None and not first.excluded else None
