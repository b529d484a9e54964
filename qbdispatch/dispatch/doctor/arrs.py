"""Looks at one Sonarr or Radarr: does it answer, is its download client entry ours, and does it see the nodes' files.

Oldest versions: from 4.0.4 on Sonarr (commit 73a4bdea5), and from 5.5.3 on Radarr (cd4552ce6), know `stoppedUP` and
`stoppedDL`, the states of the qBittorrent 5.1 that we pose as; before, a finished torrent that is stopped would be
"downloading" to them for ever, and neither be imported nor removed.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from qbdispatch.config.settings import ArrSettings, AuthSettings
from qbdispatch.dispatch.arr_api import ArrApi, ArrError, ArrKeyRefused, ArrSilent
from qbdispatch.dispatch.connecting import IMPLEMENTATION, address, category_of, points_to, unlike, values_of
from qbdispatch.dispatch.doctor.finding import Finding, clock_finding, error, warning
from qbdispatch.dispatch.doctor.nodes import Checkup
from qbdispatch.nodes.probe import clock_ahead

OLDEST = {"sonarr": (4, 0, 4), "radarr": (5, 5, 3)}
HEALTH_OF_CLIENTS = ("DownloadClient", "RemotePathMapping", "ImportMechanism")
"""Names of *arr's own checks (HealthCheck/Checks) that are about download clients and their folders."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What *arr should know of us: where it reaches us (`None` where nobody told) and with which user name."""

    url: str | None
    auth: AuthSettings


@dataclass(frozen=True, slots=True)
class ArrCheckup:
    """What was found on an instance, and the categories of its entries that lead here, which are compared."""

    instance: ArrSettings
    findings: tuple[Finding, ...]
    categories: frozenset[str] = frozenset()

    @property
    def about(self) -> str:
        return _about(self.instance)


def check_arr(instance: ArrSettings, us: Dispatcher, checkups: Sequence[Checkup]) -> ArrCheckup:
    """Everything that can be learnt from one instance. What needs our address is left out where nobody told it."""
    api, about = ArrApi(instance), _about(instance)
    asked_at = time.time()
    try:
        status = api.status()
    except ArrError as fault:
        return ArrCheckup(instance, (_no_status(about, fault),))
    found = clock_finding(about, clock_ahead(status.date, asked_at, time.time()))
    found += _version(about, instance, status.version)
    ours: list[Row] = []
    try:
        if us.url is not None:
            rows = api.rows("downloadclient")
            ours = [row for row in rows if points_to(row, us.url)]
            found += _entries(about, instance, us.url, us.auth, ours, rows)
        found += _paths(about, api, us.url, checkups)
        found += _health(about, api.rows("health"))
    except ArrError as fault:
        remedy = f"{fault.advice}; the rest could not be checked"
        found.append(error("arr_call_failed", about, fault.what, remedy))
    return ArrCheckup(instance, tuple(found), frozenset(category_of(row) for row in ours if row.get("enable")))


def compare_categories(checkups: Sequence[ArrCheckup]) -> Iterator[Finding]:
    """An instance takes all torrents of its category for its own, and without one all that there are."""
    for one, other in combinations(checkups, 2):
        shared = one.categories & other.categories - {""}
        seen = [f"both ask for the torrents of category {name}" for name in sorted(shared)]
        seen += [f"{each.about} asks for all torrents" for each in (one, other) if "" in each.categories]
        if seen and one.categories and other.categories:
            remedy = (
                "give each a category of its own in its download client (`qbdispatch connect NAME --category …`):"
                " else one imports, or complains of, what the other has asked for"
            )
            yield warning("shared_category", f"{one.about} and {other.about}", "; ".join(seen), remedy)


def _about(instance: ArrSettings) -> str:
    return f"{instance.type} {instance.name}"


def _no_status(about: str, fault: ArrError) -> Finding:
    if isinstance(fault, ArrKeyRefused):
        return error("arr_key_refused", about, fault.what, fault.advice)
    if isinstance(fault, ArrSilent):
        return error("arr_unreachable", about, fault.what, fault.advice)
    return error("not_arr", about, fault.what, fault.advice)


def _version(about: str, instance: ArrSettings, text: str) -> list[Finding]:
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:3])
    oldest = OLDEST[instance.type]
    if not numbers or numbers >= oldest:
        return []
    least = ".".join(map(str, oldest))
    seen = f"is version {text}; before {least} it does not know the states of a qBittorrent 5"
    remedy = f"upgrade it to {least} or later: else finished torrents that are stopped are never imported or removed"
    return [error("arr_too_old", about, seen, remedy)]


def _entries(
    about: str, instance: ArrSettings, url: str, auth: AuthSettings, ours: Sequence[Row], rows: Sequence[Row]
) -> Iterator[Finding]:
    if not ours:
        others = [_placed(row) for row in rows if row.get("implementation") == IMPLEMENTATION]
        seen = f"none of its download clients is the qBittorrent at {url}"
        seen += f" (it has {', '.join(others)})" if others else ""
        remedy = f"run `qbdispatch connect {instance.name} --url {url}`"
        remedy += "; if one of these leads here, give its address as --url" if others else ""
        yield error("arr_not_connected", about, seen, remedy)
    elif not any(row.get("enable") for row in ours):
        seen = f"its download client {ours[0].get('name')} points here, but is disabled"
        yield warning("arr_client_disabled", about, seen, "enable it in Settings, Download Clients")
    for row in ours:
        wrong = unlike(row, url, auth.username) if row.get("enable") else []
        if wrong:
            seen = f"its download client {row.get('name')} points here, but cannot get in: {', '.join(wrong)}"
            remedy = f'run `qbdispatch connect {instance.name} --url {url} --entry "{row.get("name")}"`'
            yield error("arr_client_wrong", about, seen, remedy)


def _placed(row: Row) -> str:
    values = values_of(row)
    return f"{row.get('name')} at {values.get('host')}:{values.get('port')}"


def _paths(about: str, api: ArrApi, url: str | None, checkups: Sequence[Checkup]) -> Iterator[Finding]:
    """Whether *arr sees the folder to which each node saves, by its own mappings and its own look at its disk."""
    mappings = api.rows("remotepathmapping")
    roots = {_plain(str(row.get("path"))) for row in api.rows("rootfolder")}
    for checkup in checkups:
        path = checkup.outward_save_path
        if path is None:
            continue
        local = _local(path, url, mappings)
        if _plain(local) in roots:
            seen = f"node {checkup.node.name} saves to {local}, which is a root folder of its library"
            remedy = "let the node save elsewhere: *arr imports from its save path into the root folder"
            yield error("saves_into_library", about, seen, remedy)
        else:
            via = "" if local == path else f", which its remote path mapping makes of {path}"
            yield from _folder(about, api, local, via, checkup)


def _local(path: str, url: str | None, mappings: Sequence[Row]) -> str:
    """As `RemapRemoteToLocal` in RemotePathMappingService.cs: the first mapping of the host that covers the path; of
    any host where nobody told ours."""
    host = None if url is None else address(url).host.lower()
    for mapping in mappings:
        remote = _plain(str(mapping.get("remotePath")))
        is_ours = host is None or str(mapping.get("host")).lower() == host
        if is_ours and f"{_plain(path)}/".startswith(f"{remote}/"):
            return _plain(str(mapping.get("localPath"))) + _plain(path)[len(remote) :]
    return path


def _folder(about: str, api: ArrApi, local: str, via: str, checkup: Checkup) -> Iterator[Finding]:
    """Is it there, and does it hold what the node has finished? A folder that is not there, or may not be read, is
    answered like an empty one, so the one above is asked too."""
    node, plain = checkup.node.name, _plain(local)
    if "\\" in local or not plain:
        return  # a Windows path, or the whole disk: not to be judged this way
    there = api.names_in(f"{plain}/")
    parent, _, name = plain.rpartition("/")
    if not there and name not in api.names_in(f"{parent}/"):
        seen = f"does not see {local}{via}, where node {node} saves"
        remedy = (
            f"mount that node's disk there in {api.instance.name}, or correct nodes[].path_map of {node} to where it is"
            " mounted"
        )
        yield error("save_path_not_visible", about, seen, remedy)
    elif checkup.finished and not checkup.finished & there:
        example = min(checkup.finished)
        seen = f"sees {local}{via}, but in it nothing of what node {node} has finished there, such as {example}"
        remedy = (
            f"this is the folder of another node or disk: correct nodes[].path_map of {node} to where"
            f" {api.instance.name} sees its disk; are two of them swapped?"
        )
        yield error("files_not_visible", about, seen, remedy)


def _plain(path: str) -> str:
    return path.rstrip("/")


def _health(about: str, rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        if str(row.get("source")).startswith(HEALTH_OF_CLIENTS) and row.get("type") in ("warning", "error"):
            remedy = f"see {row.get('wikiUrl') or 'System, Status there'}"
            yield warning("arr_health", about, f"says of itself: {row.get('message')}", remedy)
