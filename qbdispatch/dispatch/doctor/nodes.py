"""Looks at one node: is it qBittorrent, does it let us in, is it of a version we speak, and has it room.

At most one login per node, through the session that all workers share; a pause after a refused one is kept.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from qbdispatch.config.settings import NodeSettings
from qbdispatch.dispatch.access import NodeAccess
from qbdispatch.dispatch.doctor.finding import Finding, clock_finding, error, warning
from qbdispatch.dispatch.documents import gigabytes
from qbdispatch.nodes.endpoints import Version, parse_version
from qbdispatch.nodes.errors import Cause, NodeAuthFailed, NodeError
from qbdispatch.nodes.paths import to_client
from qbdispatch.nodes.probe import Probe, probe

OLDEST: Version = (4, 3)
NEWEST: Version = (5, 3)
SPACE_TRIES = 4
SPACE_PAUSE_SECONDS = 0.3
_AWAY = ("unreachable", "check that its machine is up, that the address is right and that no firewall drops packets")
_SILENT_STRANGER = ("not_qbittorrent", "correct host and port in its url to those of its Web UI")
SILENCES = {
    Cause.REFUSED_CONNECTION: (
        "connection_refused",
        "start qBittorrent, or correct the port in its url to that of its Web UI",
    ),
    Cause.NAME_NOT_FOUND: ("unknown_host", "correct the host name in its url, or the name server"),
    Cause.TLS_FAILED: (
        "tls_failed",
        "correct http or https in its url, or the certificate; verify_tls: false trusts any",
    ),
    Cause.TIMEOUT: _AWAY,
    Cause.DROPPED: _AWAY,
    Cause.TRUNCATED: _AWAY,
}


_FINISHED = {"uploading", "stalledUP", "queuedUP", "forcedUP"}
"""Not those that are stopped: *arr moves their files away and removes them then."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What a running service has just seen of a node: the bytes free, and its torrents as it shows them."""

    free_bytes: int | None
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found on a node, and what it said that is compared with others; `None` where it did not. `finished` are
    the names in its save path that hold finished torrents, as far as they are known."""

    node: NodeSettings
    findings: tuple[Finding, ...]
    save_path: str | None = None
    free_bytes: int | None = None
    finished: frozenset[str] = frozenset()

    @property
    def outward_save_path(self) -> str | None:
        """The save path as clients see it."""
        return None if self.save_path is None else to_client(self.save_path, self.node.path_map)


def about(node: NodeSettings) -> str:
    return f"node {node.name}"


def check_node(access: NodeAccess, polled: Poll | None) -> Checkup:
    """Everything that can be learnt of one node alone. `polled` is taken for what is true now, if there is one."""
    node = access.node
    try:
        first = probe(node)
    except NodeError as fault:
        return Checkup(node, (_silent(node, fault),))
    if not first.is_qbittorrent:
        return Checkup(node, (_stranger(node, first),))
    if first.status == 401:  # it answers so before it looks at any login, so none is tried
        return Checkup(node, (_host_refused(node),))
    clock = clock_finding(about(node), first.clock_ahead_seconds)
    try:
        version = access.call(access.client.version)
        save_path = str(access.call(access.client.preferences).get("save_path") or "") or None
        free = _free_bytes(access) if polled is None or polled.free_bytes is None else polled.free_bytes
    except NodeAuthFailed as fault:
        return Checkup(node, (*clock, _refused(node, fault)))
    except NodeError as fault:
        return Checkup(node, (*clock, _silent(node, fault)))
    findings = [*clock, *_version(node, version), *_folders(node, save_path), *_room(node, free)]
    finished = frozenset() if polled is None or save_path is None else _finished(save_path, polled.rows)
    return Checkup(node, tuple(findings), save_path, free, finished)


def _finished(save_path: str, rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """What lies in the save path itself; a torrent in a folder below counts for the name of that folder."""
    folder = save_path.rstrip("/") + "/"
    paths = [str(row.get("content_path")) for row in rows if str(row.get("state")) in _FINISHED]
    return frozenset(path[len(folder) :].split("/")[0] for path in paths if path.startswith(folder)) - {""}


def _free_bytes(access: NodeAccess) -> int | None:
    """A node may not know on the first call of a session: 4.3 to 5.1 then say 0, later ones -1. Who says 0 each time
    has none."""
    free = None
    for attempt in range(SPACE_TRIES):
        if attempt:
            time.sleep(SPACE_PAUSE_SECONDS)
        answer = access.call(lambda cookies: access.client.maindata(cookies, 0))
        state: Mapping[str, Any] = answer.get("server_state") or {}
        free = state.get("free_space_on_disk")
        if isinstance(free, int) and free > 0:
            return free
    return 0 if free == 0 else None


def _silent(node: NodeSettings, fault: NodeError) -> Finding:
    code, remedy = SILENCES.get(fault.cause, _SILENT_STRANGER)
    return error(code, about(node), fault.what, remedy)


def _stranger(node: NodeSettings, answer: Probe) -> Finding:
    seen = f"{node.url} answers {answer.status}, but not as qBittorrent's Web API does"
    remedy = "correct host and port in its url to those of its Web UI: something else listens there"
    return error("not_qbittorrent", about(node), seen, remedy)


def _host_refused(node: NodeSettings) -> Finding:
    host = urlsplit(node.url).hostname
    remedy = f"add {host} to Server domains in its Web UI options, or turn the host header validation off"
    return error("host_refused", about(node), f"{node.url} does not accept the Host header {host}", remedy)


def _refused(node: NodeSettings, fault: NodeAuthFailed) -> Finding:
    text = fault.what
    if fault.cause is Cause.BANNED:
        remedy = (
            "correct username and password, then wait for the ban to end (an hour by default) or restart that"
            f" qBittorrent, and run `qbdispatch resume {node.name}`"
        )
        return error("banned", about(node), text, remedy)
    remedy = (
        "correct nodes[].username and password (or api_key) to those of its Web UI options, then run"
        f" `qbdispatch resume {node.name}` or restart the service"
    )
    return error("login_refused", about(node), text, remedy)


def _version(node: NodeSettings, text: str) -> list[Finding]:
    version = parse_version(text)
    if version < OLDEST:
        seen = f"runs qBittorrent {text}, the oldest supported is 4.3"
        return [error("version_too_old", about(node), seen, "upgrade that qBittorrent to 4.3 or later")]
    if version > NEWEST:
        seen = f"runs qBittorrent {text}, the newest known is 5.3"
        return [warning("version_unknown", about(node), seen, "look for a newer qbdispatch, or try it with care")]
    return []


def _folders(node: NodeSettings, save_path: str | None) -> list[Finding]:
    if save_path is None:
        remedy = "set a default save path in its Web UI options, Downloads"
        return [warning("no_save_path", about(node), "names no default save path", remedy)]
    if node.path_map and to_client(save_path, node.path_map) == save_path:
        froms = ", ".join(rule.from_ for rule in node.path_map)
        seen = f"saves to {save_path}, which no rule of its path_map covers (from: {froms})"
        remedy = "add a rule whose `from` is that folder or one above it: Sonarr and Radarr look in the wrong place"
        return [error("save_path_not_mapped", about(node), seen, remedy)]
    return []


def _room(node: NodeSettings, free: int | None) -> list[Finding]:
    if free is None:
        remedy = "check that its save path exists and its disk is mounted; unknown room means no new torrents"
        return [warning("free_space_unknown", about(node), "does not know how much space is free", remedy)]
    if free < node.min_free_bytes or free == 0:
        seen = f"has {gigabytes(free)} GB free; its min_free_gb is {node.min_free_gb:g}"
        remedy = "free space on its disk or lower its min_free_gb: it gets no new torrents"
        return [error("disk_full", about(node), seen, remedy)]
    return []
