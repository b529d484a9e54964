"""The tables, as SQLAlchemy Core sees them; `migrations/` makes them, and a test holds the two together.

Times are seconds since 1970 (UTC), sizes bytes, speeds bytes per second, hashes lower-case hex (`v1` 40 characters,
`v2` 64). Where somebody may still hold the id of a row that is gone, no id is given twice (`sqlite_autoincrement`).
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
)
from sqlalchemy import String as PlainString
from sqlalchemy import Text as PlainText

metadata = MetaData()


def storable(value: str) -> str:
    """Text as any database takes it, whatever a node or a client sent: PostgreSQL refuses NUL, UTF-8 half pairs."""
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()


class Text(TypeDecorator[str]):
    """Any text; what is compared with a column is treated as what is stored."""

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Replace what cannot be stored."""
        return None if value is None else storable(value)


class String(TypeDecorator[str]):
    """Text with an end: PostgreSQL refuses what is longer than its column, SQLite would keep it."""

    impl = PlainString
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Replace what cannot be stored and cut off what is too long."""
        return None if value is None else storable(value)[: self.length]


node_states = Table(
    "node_states",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("draining", Boolean, nullable=False, default=False),
    Column("fault", String(32)),  # reason code of the last failed call, NULL while all is well
    Column("fault_detail", Text, nullable=False, default=""),
    Column("up_since", Float),  # since when it has answered without a fault
    Column("seen_at", Float),  # when it last answered
    Column("cause", String(32)),  # what exactly is wrong, nodes.errors.Cause; NULL while all is well
    Column("failures", Integer, nullable=False, default=0),  # polls in a row that failed
    Column("retry_at", Float),  # when the leader tries it again
    Column("latency_ms", Float),  # of the last cheap call that was answered
    Column("removed_at", Float),  # since when it is not configured any more; NULL while it is
)

sessions = Table(
    "sessions",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("generation", Integer, nullable=False, default=0),  # grows by one with each login
    Column("cookies", JSON),  # name -> value; NULL where there is no session
    Column("login_until", Float),  # a worker is logging in, for this long at most
    Column("refusals", Integer, nullable=False, default=0),  # logins refused in a row
    Column("retry_at", Float),  # no login before this time
    Column("refusal_detail", Text, nullable=False, default=""),
    Column("credentials", String(64), nullable=False, default=""),  # fingerprint of what was refused
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("taken_at", Float, nullable=False),
    Column("free_bytes", BigInteger),  # NULL: not known
    Column("outstanding_bytes", BigInteger, nullable=False),
    Column("active_downloads", Integer, nullable=False),
    Column("paused_downloads", Integer, nullable=False),
    Column("torrents", Integer, nullable=False),
    Column("download_speed", BigInteger, nullable=False),
    Column("upload_speed", BigInteger, nullable=False),
    Column("download_limit", BigInteger),  # NULL: none
    Column("version", String(32), nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("v1", String(40)),
    Column("v2", String(64)),
    Column("node", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("phase", String(8), nullable=False),  # claims.Phase
    Column("shown", Boolean, nullable=False, default=False),  # the node lists the torrent, but not its size yet
    Column("claimed_at", Float, nullable=False),
    Column("deadline", Float, nullable=False),  # an add still under way after this has lost its worker
    Column("decision_id", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("category", Text, nullable=False),
    Index("claims_v1", "v1"),
    Index("claims_v2", "v2"),
    Index("claims_node", "node"),
    sqlite_autoincrement=True,
)

placements = Table(
    "placements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("node", String(64), nullable=False),
    Column("node_id", String(40), nullable=False),  # the hash under which the node lists it
    Column("v1", String(40)),
    Column("v2", String(64)),
    Column("name", Text, nullable=False),
    Column("placed_at", Float, nullable=False),
    Column("decision_id", String(32)),  # NULL: found on the node, not placed by us
    Column("leaving_until", Float),  # until then somebody may be deleting it; stays where that was not heard to end
    Index("placements_node_id", "node", "node_id", unique=True),
    Index("placements_v1", "v1"),
    Index("placements_v2", "v2"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("decided_at", Float, nullable=False, index=True),
    Column("status", String(16), nullable=False),
    Column("selected_node", String(64)),
    Column("hash", String(64), nullable=False),
    Column("document", JSON, nullable=False),
)

vanished = Table(
    "vanished",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("node", String(64), nullable=False),
    Column("node_id", String(40), nullable=False),  # the hash under which the node listed it
    Column("name", Text, nullable=False),
    Column("decision_id", String(32)),  # NULL: found on the node, not placed by us
    Column("vanished_at", Float, nullable=False, index=True),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("expires_at", Float, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

mirror = Table(
    "mirror",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("node_id", String(40), primary_key=True),  # the hash under which the node lists it
    Column("hash", String(64), nullable=False),  # the hash under which we list it, for the torrent's life
    Column("revision", BigInteger, nullable=False, index=True),  # of the last change
    Column("gone", Boolean, nullable=False),  # no longer on the node; kept for a while so that views learn of it
    Column("touched_at", Float, nullable=False),  # when an action of ours changed it; older polls do not count
    Column("row", JSON, nullable=False),  # the node's own row
    Column("save_path", String(512)),  # of that row, as far as it is text
    Index("mirror_save_path", "node", "save_path"),
)

mirror_nodes = Table(
    "mirror_nodes",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("state", JSON, nullable=False),  # server_state of sync/maindata
    Column("preferences", JSON, nullable=False),  # app/preferences without secrets
)

labels = Table(
    "labels",
    metadata,
    Column("kind", String(8), primary_key=True),  # category or tag
    Column("name", String(255), primary_key=True),
    Column("save_path", Text, nullable=False),  # of a category, as clients know it
    Column("gone", Boolean, nullable=False),  # removed through us; taken off nodes that still have it
    Column("revision", BigInteger, nullable=False),
)

details = Table(
    "details",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),  # properties, files, trackers, ...
    Column("document", JSON, nullable=False),  # the last answer, for when the node is away
)

held = Table(
    "held",
    metadata,
    Column("id", Integer, primary_key=True),  # the order in which they came
    Column("v1", String(40)),
    Column("v2", String(64)),
    Column("name", Text),  # as the client named it, if it did
    Column("title", Text, nullable=False),  # what people know it by
    Column("size_estimate", BigInteger),  # as the client gave it, if it did
    Column("size", BigInteger, nullable=False),  # the bytes that it will claim
    Column("category", Text, nullable=False),
    Column("fields", JSON, nullable=False),  # form fields of torrents/add
    Column("magnet", Text),
    Column("content", LargeBinary),  # the .torrent file, where it came as one
    Column("decision_id", String(32), nullable=False),
    Column("held_at", Float, nullable=False),
    Column("next_at", Float, nullable=False),  # not to be tried before
    Column("noticed_at", Float),  # when its long wait was told to the user
    Index("held_v1", "v1"),
    Index("held_v2", "v2"),
    sqlite_autoincrement=True,
)

tallies = Table(
    "tallies",
    metadata,
    Column("name", String(64), primary_key=True),  # what is counted, such as submissions
    Column("label", String(64), primary_key=True),  # outcome and reason
    Column("value", BigInteger, nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("at", Float, primary_key=True),
    Column("free_bytes", BigInteger),  # NULL: not known
    Column("effective_free_bytes", BigInteger),  # NULL: not known
    Column("download_speed", BigInteger, nullable=False),
    Column("active_downloads", Integer, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("key", String(128), primary_key=True),  # event and what it is about, such as node_down:box-1
    Column("since", Float, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", String(64), nullable=False),  # by the name that it has in answers and the log
    Column("event", String(32), nullable=False),
    Column("raised_at", Float, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Float, nullable=False),  # not to be sent before
    Index("notices_next_at", "next_at"),
    sqlite_autoincrement=True,
)

buckets = Table(
    "buckets",
    metadata,
    Column("name", String(128), primary_key=True),  # what is limited, and for whom
    Column("tokens", Float, nullable=False),
    Column("filled_at", Float, nullable=False),
)
