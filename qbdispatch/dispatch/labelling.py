"""Categories and tags everywhere: made on all nodes at once, and caught up on nodes that were away.

The store says what the fleet has. A node that lacks one gets it, a node that still has one that was removed loses it,
and one that a node has by itself becomes the fleet's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.errors import NodeRefused
from qbdispatch.nodes.paths import to_client
from qbdispatch.nodes.view import NodeView
from qbdispatch.store import labels, mirror
from qbdispatch.store.labels import Kind

Post = Callable[[str, Mapping[str, str]], object]


@dataclass(frozen=True, slots=True)
class Work:
    """What a node is to be told."""

    create: Mapping[str, str] = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    create_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()


def compare(connection: Connection, view: NodeView, node: NodeSettings) -> Work:
    """What the node lacks or has too much; takes over what only the node knows."""
    categories, tags = labels.defined(connection, Kind.CATEGORY), labels.defined(connection, Kind.TAG)
    gone, gone_tags = labels.gone(connection, Kind.CATEGORY), labels.gone(connection, Kind.TAG)
    found = {
        name: to_client(path, node.path_map)
        for name, path in view.categories.items()
        if name not in categories and name not in gone
    }
    found_tags = view.tags - tags.keys() - gone_tags
    if found or found_tags:
        revision = mirror.next_revision(connection)
        labels.define(connection, Kind.CATEGORY, found, revision=revision)
        labels.define(connection, Kind.TAG, dict.fromkeys(found_tags, ""), revision=revision)
    return Work(
        create={name: path for name, path in categories.items() if name not in view.categories},
        remove=frozenset(gone & view.categories.keys()),
        create_tags=frozenset(tags.keys() - view.tags),
        remove_tags=frozenset(gone_tags & view.tags),
    )


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
