"""Every setting, declared once: its type, check, default, secrecy and a line for the reader.

The schema, the documentation test and the reader of secret files all work from these classes. GB means GiB.
"""

from collections.abc import Mapping
from typing import Literal

from marshmallow import ValidationError
from marshmallow.fields import Boolean, List

from qbdispatch.config import fields as f
from qbdispatch.config.notifications import Event, TargetUrl
from qbdispatch.config.options import option, section
from qbdispatch.config.schema import FILLED, Part

SHORTEST_S, HOUR_S = 0.01, 3600.0


def gib(amount: float) -> int:
    """Bytes of an amount given in the GB of the configuration and the API."""
    return int(amount * 2**30)


@section
class PathRule:
    """One folder under two names."""

    from_: str = option(f.FOLDER, "Folder as the node knows it.", key="from", unique=True)
    to: str = option(f.FOLDER, "The same folder as Sonarr and the other clients know it.")


@section
class NodeSettings:
    """One qBittorrent."""

    name: str = option(f.NAME, "Name in answers, logs and addresses.", unique=True)
    url: str = option(f.Url(), "Address of its Web UI, with http:// or https://.", unique=True)
    username: str = option(f.ANY_TEXT, "Web UI user.", default="")
    password: str = option(f.ANY_TEXT, "Web UI password.", default="", secret=True)
    min_free_gb: float = option(f.Number(), "Room that stays free on its disk.", default=0.0)
    weight: float = option(f.Number(), "Factor on its score; 0 takes it out.", default=1.0)
    api_key: str | None = option(
        f.API_KEY,
        "Key of a qBittorrent 5.2 or later, in place of user and password.",
        default=None,
        secret=True,
    )
    max_downloads: int | None = option(
        f.Whole(), "Its own limit of running downloads, over dispatcher.max_downloads.", default=None
    )
    pool: str | None = option(f.NAME, "One name for all nodes that stand on one disk.", default=None)
    categories: tuple[str, ...] | None = option(
        List(f.ANY_TEXT, validate=FILLED), 'The only categories it takes; "" is none.', default=None
    )
    path_map: tuple[PathRule, ...] = option(
        Part(PathRule, many=True), "Folders that clients know by another path.", default=()
    )
    bandwidth_mbps: float | None = option(
        f.Number(SHORTEST_S), "Its line in Mbit/s, if the node has no rate limit of its own.", default=None
    )
    verify_tls: bool = option(Boolean(), "Check its certificate when its address is https.", default=True)
    timeout_s: float = option(
        f.Number(SHORTEST_S, HOUR_S), "Seconds to wait for an answer; connecting gets 3.", default=10.0
    )

    @property
    def min_free_bytes(self) -> int:
        return gib(self.min_free_gb)


@section
class ArrSettings:
    """One Sonarr or Radarr whose health /arr shows."""

    name: str = option(f.NAME, "Name in answers.", unique=True)
    type: Literal["sonarr", "radarr"] = option(f.Text("sonarr|radarr", "be sonarr or radarr"), "sonarr or radarr.")
    url: str = option(f.Url(), "Address of its API, like http://sonarr:8989/api/v3.")
    api_key: str = option(f.API_KEY, "Its API key, from Settings, General.", secret=True)


@section
class SubmissionSettings:
    """How a torrent is handed to a node."""

    max_retries: int = option(f.Whole(most=100), "Further nodes to try when one cannot take a torrent.", default=2)
    save_path: str | None = option(f.TEXT, "Folder on the node, if a torrent comes without one.", default=None)


@section
class DispatcherSettings:
    """How nodes are compared, and who may look."""

    disk_weight: float = option(f.Number(), "Weight of free space in the score.", default=1.0)
    download_weight: float = option(f.Number(), "Weight of having few running downloads.", default=2.0)
    bandwidth_weight: float = option(f.Number(), "Weight of unused bandwidth.", default=0.1)
    max_downloads: int = option(f.Whole(), "A node with this many running downloads gets no more.", default=50)
    min_score: float = option(f.Number(-f.BIGGEST), "A node that scores less gets nothing.", default=-1.0)
    admin_api_key: str | None = option(
        f.API_KEY, "If set, X-API-Key for all but /api/v2, /healthz, /readyz.", default=None, secret=True
    )
    submission: SubmissionSettings = option(
        Part(SubmissionSettings), "How a torrent is handed over.", default=SubmissionSettings()
    )
    default_size_gb: float = option(f.Number(), "Size to assume where nothing tells it.", default=10.0)
    category_sizes_gb: Mapping[str, float] = option(
        f.NumbersByName(), "The same by category, like {tv: 5, movies: 20}.", default_factory=dict
    )


@section
class SyncSettings:
    """How nodes are watched."""

    interval_s: float = option(
        f.Number(SHORTEST_S, HOUR_S), "Seconds between two looks at a node that can bear it.", default=2.0
    )
    stale_after_s: float = option(
        f.Number(SHORTEST_S, 24 * HOUR_S), "A node not seen for so many seconds gets nothing.", default=30.0
    )

    def __post_init__(self) -> None:
        if self.stale_after_s <= self.interval_s:
            raise ValidationError({"stale_after_s": [f"must be above interval_s, which is {self.interval_s:g}"]})


@section
class HoldSettings:
    """Whether a torrent that fits nowhere now is refused, or held until a node has room."""

    enabled: bool = option(Boolean(), "Accept what fits nowhere now, and place it later.", default=False)
    max_torrents: int = option(f.Whole(1), "What comes when so many are held is refused.", default=1000)


@section
class FetchSettings:
    """How the .torrent behind an address is fetched."""

    allow_private: bool = option(Boolean(), "Fetch from private and loopback addresses too.", default=True)
    timeout_s: float = option(f.Number(SHORTEST_S, HOUR_S), "Seconds for the whole fetch.", default=20.0)
    max_mb: int = option(f.Whole(1, 1024), "Largest file to take, in MiB.", default=10)


@section
class RetentionSettings:
    """How much of the past is kept."""

    decisions_days: float = option(f.Number(SHORTEST_S, 36_500), "Days for which decisions are kept.", default=30.0)
    decisions_max: int = option(
        f.Whole(1, 1_000_000), "Decisions kept at most, some 8 KiB each with ten nodes.", default=10_000
    )


@section
class AuthSettings:
    """Who may use /api/v2; all unset lets everybody in, and says so at start."""

    username: str | None = option(f.TEXT, "User for clients of /api/v2; unset, any is let in.", default=None)
    password: str | None = option(f.TEXT, "Password that goes with it.", default=None, secret=True)
    password_hash: str | None = option(
        f.PASSWORD_HASH,
        "In its place, what `qbdispatch hash-password` prints, or qBittorrent's own hash.",
        default=None,
        secret=True,
    )
    api_keys: tuple[str, ...] = option(
        List(f.API_KEY), "Keys taken as `Authorization: Bearer` in place of a login.", default=(), secret=True
    )

    def __post_init__(self) -> None:
        if self.password is not None and self.password_hash is not None:
            raise ValidationError({"password_hash": ["is given besides password; keep one of them"]})
        given = "password" if self.password_hash is None else "password_hash"
        if (self.username is None) != (getattr(self, given) is None):
            missing, present = (given, "username") if self.username else ("username", given)
            raise ValidationError({missing: [f"is missing, but {present} is set; set both or neither"]})


@section
class NotificationSettings:
    """Who is told of what."""

    targets: tuple[str, ...] = option(
        List(TargetUrl()), "Apprise addresses, like discord://ID/TOKEN; each is a secret.", default=(), secret=True
    )
    events: tuple[str, ...] = option(
        List(f.Text("|".join(Event), f"be one of {', '.join(Event)}")),
        "What is told; there is also placed.",
        default=tuple(event.value for event in Event if event is not Event.PLACED),
    )
    space_below_gb: float = option(f.Number(), "Effective free space to tell of on each disk.", default=50.0)
    held_hours: float = option(f.Number(), "A torrent held for so many hours is told of.", default=24.0)
    node_down_after_s: float = option(
        f.Number(0, 24 * HOUR_S), "A node is told to be down, or up again, after so many seconds.", default=30.0
    )
    public_url: str | None = option(f.Url(), "Address of this dispatcher for links in notices.", default=None)


@section
class Settings:
    """The whole configuration."""

    nodes: tuple[NodeSettings, ...] = option(Part(NodeSettings, many=True, filled=True), "The qBittorrent nodes.")
    arr_instances: tuple[ArrSettings, ...] = option(
        Part(ArrSettings, many=True), "Sonarr and Radarr instances for /arr.", default=()
    )
    dispatcher: DispatcherSettings = option(
        Part(DispatcherSettings), "How nodes are compared.", default=DispatcherSettings()
    )
    database_url: str = option(
        f.StoreUrl(),
        "The store: a SQLite file, or for several hosts PostgreSQL, as `postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`.",
        default="sqlite:///qbdispatch.sqlite3",
        secret=True,
    )
    sync: SyncSettings = option(Part(SyncSettings), "How nodes are watched.", default=SyncSettings())
    hold: HoldSettings = option(Part(HoldSettings), "Holding what fits nowhere now.", default=HoldSettings())
    fetch: FetchSettings = option(Part(FetchSettings), "How .torrent addresses are fetched.", default=FetchSettings())
    auth: AuthSettings = option(Part(AuthSettings), "Who may use /api/v2.", default=AuthSettings())
    retention: RetentionSettings = option(
        Part(RetentionSettings), "How much of the past is kept.", default=RetentionSettings()
    )
    notifications: NotificationSettings = option(
        Part(NotificationSettings), "Who is told of what.", default=NotificationSettings()
    )
