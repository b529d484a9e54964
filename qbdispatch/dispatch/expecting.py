"""Lists a torrent that a node has just taken, before the node itself shows it."""

from sqlalchemy import Connection

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.request import Submission
from qbdispatch.nodes.paths import to_node
from qbdispatch.nodes.rows import expected_row
from qbdispatch.store import mirror


def list_expected(connection: Connection, node: NodeSettings, submission: Submission, now: float) -> None:
    """Show the torrent to clients before the next poll does."""
    source, hashes = submission.source, submission.source.hashes
    if mirror.named(connection, node.name, hashes.node_ids):
        return
    row = expected_row(
        submission.fields,
        name=source.name or hashes.key,
        size_bytes=source.size_bytes or 0 if source.is_file else 0,
        magnet=source.magnet,
        added_on=int(now),
    )
    row |= {"infohash_v1": hashes.v1 or "", "infohash_v2": hashes.v2 or ""}
    row["save_path"] = to_node(row["save_path"], node.path_map)
    listed = mirror.Listed(hashes.node_ids[-1], hashes.v1 or hashes.node_ids[-1], row)
    revision = mirror.next_revision(connection)
    mirror.put(connection, node.name, [listed], revision=revision, seen_at=now, touched=True)
