"""The filters: each takes a node out of a decision or lets it pass, and says why.

All filters run on every node, so that an explanation is complete. Order here is the order in explanations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qbdispatch.scoring.model import NodeFacts, Policy, Reason, Rejection, Request

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Question:
    """What a filter is asked: does this node, with this room left, suit this request?"""

    node: NodeFacts
    request: Request
    policy: Policy
    room: int | None


Filter = Callable[[Question], Rejection | None]


def healthy(question: Question) -> Rejection | None:
    """A node whose last call failed is out until a poll succeeds."""
    node = question.node
    return Rejection(node.fault, node.fault_detail) if node.fault else None


def recently_heard_of(question: Question) -> Rejection | None:
    """A node that has been silent for too long is out: what it said is no longer to be trusted."""
    age = question.node.age_seconds
    if age is None:
        return Rejection(Reason.STALE, "has not been polled yet")
    if age > question.policy.stale_after_seconds:
        limit = question.policy.stale_after_seconds
        return Rejection(Reason.STALE, f"last answered {age:.0f} s ago; more than {limit:.0f} s is too old")
    return None


def not_draining(question: Question) -> Rejection | None:
    """A drained node takes no new torrents, nor does one whose weight is 0."""
    if question.node.draining:
        return Rejection(Reason.DRAINING, "drained by its user; resume it to place torrents here again")
    if question.node.weight == 0:
        return Rejection(Reason.DRAINING, "its weight is 0 in the configuration")
    return None


def not_tried(question: Question) -> Rejection | None:
    """A node that failed for this very submission is not tried twice."""
    failure = question.request.already_tried.get(question.node.name)
    return Rejection(Reason.ALREADY_TRIED, failure) if failure is not None else None


def accepts_category(question: Question) -> Rejection | None:
    """A node with a list of categories accepts only those, and their subcategories (`tv` covers `tv/anime`)."""
    accepted, category = question.node.categories, question.request.category
    if accepted is None or any(category == name or category.startswith(f"{name}/") for name in accepted):
        return None
    shown = f'category "{category}"' if category else "torrents without category"
    return Rejection(Reason.CATEGORY_NOT_ACCEPTED, f"{shown} not accepted; accepts {', '.join(sorted(accepted))}")


def has_its_folder(question: Question) -> Rejection | None:
    """A torrent that is to be in a folder of certain nodes can go nowhere else."""
    homes = question.request.homes
    if not homes or question.node.name in homes:
        return None
    return Rejection(Reason.PATH_ELSEWHERE, f"its save path belongs to {', '.join(sorted(homes))}")


def below_max_downloads(question: Question) -> Rejection | None:
    """With `max_downloads: 3` the third download is admitted and the fourth refused."""
    node = question.node
    if node.downloads < node.max_downloads:
        return None
    return Rejection(Reason.TOO_MANY_DOWNLOADS, f"{node.downloads} active downloads of at most {node.max_downloads}")


def has_room(question: Question) -> Rejection | None:
    """The torrent must fit above the node's floor, after all that is still to be written and is claimed."""
    node, room, size = question.node, question.room, question.request.size_bytes
    if room is None:
        why = node.fault_detail if node.fault is None else ""
        why = why or "see that its save path exists and its disk is mounted"
        return Rejection(Reason.MISSING_FREE_SPACE, f"its free space is not known; {why}")
    floor = f"the floor of {node.min_free_bytes / GIB:.1f} GB"
    if room < node.min_free_bytes:
        return Rejection(Reason.BELOW_MIN_FREE_SPACE, f"{room / GIB:.1f} GB effectively free is below {floor}")
    if room - size < node.min_free_bytes:
        needs = f"needs {size / GIB:.1f} GB above {floor}"
        return Rejection(Reason.INSUFFICIENT_SPACE, f"{needs}; {room / GIB:.1f} GB effectively free")
    return None


def not_reserved(question: Question) -> Rejection | None:
    """A disk that is kept for the oldest held torrent takes no other (`scoring.queueing`)."""
    if not question.node.reserved:
        return None
    return Rejection(Reason.RESERVED, "kept for the oldest held torrent, which waits for room there; see GET /held")


FILTERS: tuple[Filter, ...] = (
    healthy,
    recently_heard_of,
    not_draining,
    not_tried,
    accepts_category,
    has_its_folder,
    below_max_downloads,
    has_room,
    not_reserved,
)


def rejections(
    node: NodeFacts, request: Request, policy: Policy, rooms: Mapping[str, int | None]
) -> tuple[Rejection, ...]:
    """Every reason why the node is out; empty for an eligible one."""
    question = Question(node, request, policy, rooms[node.name])
    return tuple(answer for ask in FILTERS if (answer := ask(question)) is not None)


def availability(node: NodeFacts, policy: Policy) -> list[Reason]:
    """Why the node takes no torrent at all, whatever its size; empty for one that may."""
    question = Question(node, Request(size_bytes=0), policy, None)
    return [answer.code for ask in (healthy, recently_heard_of, not_draining) if (answer := ask(question))]
