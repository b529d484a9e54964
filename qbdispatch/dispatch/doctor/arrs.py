"""Looks at one Sonarr or Radarr: does it answer, is its download client entry ours, and does it see the nodes' files.

Oldest versions: from 4.0.4 on Sonarr (commit 73a4bdea5), and from 5.5.3 on Radarr (cd4552ce6), know `stoppedUP` and
`stoppedDL`, the states of the qBittorrent 5.1 that we pose as; before, a finished torrent that is stopped would be
"downloading" to them for ever, and neither be imported nor removed.
"""

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from qbdispatch.config.settings import ArrSettings
from qbdispatch.dispatch.arr_api import ArrApi, ArrError
from qbdispatch.dispatch.connecting import points_to
from qbdispatch.dispatch.doctor.finding import Finding, clock_finding, error, warning
from qbdispatch.dispatch.doctor.nodes import Checkup
from qbdispatch.nodes.probe import clock_ahead

OLDEST = {"sonarr": (4, 0, 4), "radarr": (5, 5, 3)}
HEALTH_OF_CLIENTS = ("DownloadClient", "RemotePathMapping", "ImportMechanism")
"""Names of *arr's own checks (HealthCheck/Checks) that are about download clients and their folders."""

Row = dict[str, Any]


def check_arr(instance: ArrSettings, url: str | None, checkups: Sequence[Checkup]) -> list[Finding]:
    """Everything that can be learnt from one instance. `url`: where *arr reaches us; unset, what needs it is left
    out."""
    api, about = ArrApi(instance), f"{instance.type} {instance.name}"
    asked_at = time.time()
    try:
        status = api.status()
    except ArrError as fault:
        return [_no_status(about, instance, fault)]
    found = clock_finding(about, clock_ahead(status.date, asked_at, time.time()))
    found += _version(about, instance, status.version)
    try:
        found += _entries(about, instance, api.rows("downloadclient"), url)
        found += _paths(about, api, url, checkups)
        found += _health(about, api.rows("health"))
    except ArrError as fault:
        remedy = "look into its log; the rest could not be checked"
        found.append(error("arr_call_failed", about, str(fault), remedy))
    return found


def _no_status(about: str, instance: ArrSettings, fault: ArrError) -> Finding:
    if fault.status in (401, 403):
        remedy = f"copy the key from Settings, General of {instance.name} into arr_instances[].api_key"
        return error("arr_key_refused", about, str(fault), remedy)
    if fault.status is None and "url end in" not in str(fault):
        remedy = f"start it, or correct the url {instance.url} in arr_instances"
        return error("arr_unreachable", about, str(fault), remedy)
    remedy = f"correct the url {instance.url} to the address of its API, like http://sonarr:8989/api/v3"
    return error("not_arr", about, str(fault), remedy)


def _version(about: str, instance: ArrSettings, text: str) -> list[Finding]:
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:3])
    oldest = OLDEST[instance.type]
    if not numbers or numbers >= oldest:
        return []
    least = ".".join(map(str, oldest))
    seen = f"is version {text}; before {least} it does not know the states of a qBittorrent 5"
    remedy = f"upgrade it to {least} or later: else finished torrents that are stopped are never imported or removed"
    return [error("arr_too_old", about, seen, remedy)]


def _entries(about: str, instance: ArrSettings, rows: Sequence[Row], url: str | None) -> list[Finding]:
    if url is None:
        return []
    ours = [row for row in rows if points_to(row, url)]
    if not ours:
        others = [str(row.get("name")) for row in rows if row.get("implementation") == "QBittorrent"]
        seen = f"none of its download clients is the qBittorrent at {url}"
        seen += f" (it has {', '.join(others)})" if others else ""
        remedy = f"run `qbdispatch connect {instance.name} --url {url}`"
        return [error("arr_not_connected", about, seen, remedy)]
    if not any(row.get("enable") for row in ours):
        seen = f"its download client {ours[0].get('name')} points here, but is disabled"
        return [warning("arr_client_disabled", about, seen, "enable it in Settings, Download Clients")]
    return []


def _paths(about: str, api: ArrApi, url: str | None, checkups: Sequence[Checkup]) -> Iterator[Finding]:
    """Whether *arr sees the folder to which each node saves, by its own mappings and its own look at its disk."""
    mappings = api.rows("remotepathmapping") if url else []
    roots = {_plain(str(row.get("path"))) for row in api.rows("rootfolder")}
    for checkup in checkups:
        path = checkup.outward_save_path
        if path is None:
            continue
        local = _local(path, urlsplit(url or "").hostname or "", mappings)
        if _plain(local) in roots:
            seen = f"node {checkup.node.name} saves to {local}, which is a root folder of its library"
            remedy = "let the node save elsewhere: *arr imports from its save path into the root folder"
            yield error("saves_into_library", about, seen, remedy)
        elif not _sees(api, local):
            via = "" if local == path else f", which its remote path mapping makes of {path}"
            seen = f"does not see {local}{via}, where node {checkup.node.name} saves"
            remedy = (
                f"mount that node's disk there in {api.instance.name}, or correct nodes[].path_map of"
                f" {checkup.node.name} to where it is mounted"
            )
            yield error("save_path_not_visible", about, seen, remedy)


def _local(path: str, host: str, mappings: Sequence[Row]) -> str:
    """As `RemapRemoteToLocal` in RemotePathMappingService.cs: the first mapping of the host that covers the path."""
    for mapping in mappings:
        remote = _plain(str(mapping.get("remotePath")))
        if str(mapping.get("host")).lower() == host.lower() and f"{_plain(path)}/".startswith(f"{remote}/"):
            return _plain(str(mapping.get("localPath"))) + _plain(path)[len(remote) :]
    return path


def _sees(api: ArrApi, path: str) -> bool:
    """A folder that is not there is answered like an empty one, so the one above is asked for it."""
    if "\\" in path or not _plain(path):
        return True  # a Windows path, or the whole disk: not to be judged this way
    parent = _plain(path).rpartition("/")[0] + "/"
    return _plain(path) in {_plain(folder) for folder in api.folders(parent)}


def _plain(path: str) -> str:
    return path.rstrip("/")


def _health(about: str, rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        if str(row.get("source")).startswith(HEALTH_OF_CLIENTS) and row.get("type") in ("warning", "error"):
            remedy = f"see {row.get('wikiUrl') or 'System, Status there'}"
            yield warning("arr_health", about, f"says of itself: {row.get('message')}", remedy)
