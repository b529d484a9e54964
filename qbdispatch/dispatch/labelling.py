"""Categories and tags everywhere: made on all nodes at once, and caught up on nodes that were away.

The store says what the fleet has. A node that lacks one gets it, a node that still has one that was removed loses it,
and one that a node has by itself becomes the fleet's, also where it had been removed and was made there anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.request import is_category
from qbdispatch.nodes.errors import NodeRefused
from qbdispatch.nodes.paths import to_client
from qbdispatch.nodes.view import NodeView
from qbdispatch.store import labels, mirror
from qbdispatch.store.labels import Kind, Label

Post = Callable[[str, Mapping[str, str]], object]


@dataclass(frozen=True, slots=True)
class Work:
    """What a node is to be told."""

    create: Mapping[str, str] = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    create_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()


def names(text: str) -> list[str]:
    """Tags as a form has them, separated by commas; each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def define_new(connection: Connection, category: str, tags: str) -> None:
    """A torrent is to have these, so the whole fleet is. To be called before a node is told: until then, what was
    removed once is taken off every node."""
    wanted = {Kind.CATEGORY: [category] if is_category(category) else [], Kind.TAG: names(tags)}
    missing = {kind: labels.undefined(connection, kind, given) for kind, given in wanted.items()}
    _define(connection, {kind: dict.fromkeys(given, "") for kind, given in missing.items()})


class NodeLabels:
    """One node's categories and tags against the fleet's, and what must be remembered of them between polls."""

    def __init__(self) -> None:
        self._rid_of: dict[Kind, set[Label]] = {kind: set() for kind in Kind}  # removed ones that it no longer had

    def compare(self, connection: Connection, view: NodeView, node: NodeSettings, *, anew: bool) -> Work:
        """What the node lacks or has too much; takes over what only the node knows. `anew`: the view does not go on
        from the one before, so that the node may have gone back to what it had earlier."""
        if anew:
            self._rid_of = {kind: set() for kind in Kind}
        paths = {name: to_client(path, node.path_map) for name, path in view.categories.items()}
        has = {Kind.CATEGORY: paths, Kind.TAG: dict.fromkeys(view.tags, "")}
        found = {kind: _compared(labels.every(connection, kind), has[kind], self._rid_of[kind]) for kind in Kind}
        self._rid_of = {kind: one.rid_of for kind, one in found.items()}
        _define(connection, {kind: one.new for kind, one in found.items()})
        categories, tags = found[Kind.CATEGORY], found[Kind.TAG]
        return Work(categories.lacking, categories.surplus, frozenset(tags.lacking), tags.surplus)


@dataclass(frozen=True, slots=True)
class _Compared:
    new: Mapping[str, str]
    lacking: Mapping[str, str]
    surplus: frozenset[str]
    rid_of: set[Label]


def _compared(known: Sequence[Label], has: Mapping[str, str], rid_of: set[Label]) -> _Compared:
    """The fleet's and a node's labels of one kind. A removed one that the node was rid of has been made there anew,
    if the fleet has not changed it since."""
    remade = {one.name for one in known if one in rid_of and one.name in has}
    names_known = {one.name for one in known}
    return _Compared(
        new={name: path for name, path in has.items() if name not in names_known or name in remade},
        lacking={one.name: one.save_path for one in known if not one.gone and one.name not in has},
        surplus=frozenset(one.name for one in known if one.gone and one.name in has and one.name not in remade),
        rid_of={one for one in known if one.gone and one.name not in has},
    )


def _define(connection: Connection, found: Mapping[Kind, Mapping[str, str]]) -> None:
    if any(found.values()):
        revision = mirror.next_revision(connection)
        for kind, named in found.items():
            labels.define(connection, kind, named, revision=revision)


def carry_out(work: Work, post: Post) -> None:
    """Tell the node. Raises `NodeError`; the next poll tries again. A category that it refuses, say because another
    worker has just made it, does not keep the others from it."""
    refused: NodeRefused | None = None
    for name, save_path in work.create.items():
        try:
            post("torrents/createCategory", {"category": name, "savePath": save_path})
        except NodeRefused as error:
            refused = error
    if work.remove:
        post("torrents/removeCategories", {"categories": "\n".join(sorted(work.remove))})
    if work.create_tags:
        post("torrents/createTags", {"tags": ",".join(sorted(work.create_tags))})
    if work.remove_tags:
        post("torrents/deleteTags", {"tags": ",".join(sorted(work.remove_tags))})
    if refused is not None:
        raise refused
