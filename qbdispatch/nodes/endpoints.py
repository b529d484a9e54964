"""Actions on torrents in the dialect of each node: what an endpoint is called there and which fields it insists on.

Facts from qBittorrent's sources: `pause` and `resume` became `stop` and `start` in 5.0, where the old names are 404.
`setShareLimits` refuses a call that lacks one of its fields, and got one more in 4.6 and two more after 5.1; older
versions ignore what they do not know. `setTags` came with 5.1, and so did trackers in `torrents/info`; files with 5.2.
"""

import re
from collections.abc import Mapping

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.paths import to_node

Version = tuple[int, int]
_RENAMED_IN_5_0 = {"torrents/stop": "torrents/pause", "torrents/start": "torrents/resume"}
_OLD_NAMES = {old: new for new, old in _RENAMED_IN_5_0.items()}
_SHARE_LIMITS = {
    "ratioLimit": "-2",
    "seedingTimeLimit": "-2",
    "inactiveSeedingTimeLimit": "-2",
    "shareLimitAction": "Default",
    "shareLimitsMode": "Default",
}
_LISTED = {"trackers": ("includeTrackers", (5, 1)), "files": ("includeFiles", (5, 2))}
_PATH_FIELDS = frozenset({"location", "path", "savePath", "downloadPath", "savepath"})


def parse_version(text: str) -> Version:
    """`v5.1.0` as (5, 1); what cannot be read counts as 5.1."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (5, 1)


def modern_name(endpoint: str) -> str:
    """The name since 5.0 of an endpoint that a client may call by its old one."""
    return _OLD_NAMES.get(endpoint, endpoint)


def listing_option(kind: str, version: Version) -> str | None:
    """The field with which `torrents/info` of this version tells each torrent's trackers or files as well, if any."""
    option, since = _LISTED[kind]
    return option if version >= since else None


def in_dialect(
    endpoint: str, fields: Mapping[str, str], node: NodeSettings, version: Version
) -> list[tuple[str, dict[str, str]]]:
    """The calls, endpoint and fields, that do this on the node; paths become the node's own."""
    sent = {key: to_node(value, node.path_map) if key in _PATH_FIELDS else value for key, value in fields.items()}
    if "tags" in sent:  # before 5.0 a blank after the comma belongs to the tag
        sent["tags"] = ",".join(tag.strip() for tag in sent["tags"].split(",") if tag.strip())
    if endpoint == "torrents/setShareLimits":
        sent = _SHARE_LIMITS | sent
    if endpoint == "torrents/setTags" and version < (5, 1):
        hashes = {"hashes": sent["hashes"]}
        return [("torrents/removeTags", hashes), ("torrents/addTags", hashes | {"tags": sent.get("tags", "")})]
    name = _RENAMED_IN_5_0.get(endpoint, endpoint) if version < (5, 0) else endpoint
    return [(name, sent)]
