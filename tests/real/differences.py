"""Where we answer otherwise than a qBittorrent 5.1.0 does, on purpose; docs/api-differences.md says the same.

The differential test fails for a difference that is missing here, and for one that is listed and is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

LIMITS = ("*[[]].ratio_limit", "*[[]].seeding_time_limit", "*[[]].inactive_seeding_time_limit")
OWN_LIMITS = "a limit of -2, “as the settings say”, is shown as what it is on the torrent's node, since settings differ"


@dataclass(frozen=True)
class Meant:
    """What differs, as patterns of `label/place` (of a method) or of a request's label, and why."""

    what: str
    why: str
    places: tuple[str, ...] = ("*",)

    def covers(self, place: str) -> bool:
        """Whether this is one of the places."""
        return any(fnmatchcase(place, pattern) for pattern in self.places)


METHODS = [
    Meant("app_version", "always v5.1.4, whatever the nodes are", ("nothing/",)),
    Meant("app_network_interface_list", "empty: interfaces are each node's own", ("nothing/",)),
    Meant("app_network_interface_address_list", "empty: interfaces are each node's own", ("*/",)),
    Meant("app_get_directory_content", "refused (403): folders are each node's own", ("*/outcome",)),
    Meant("app_set_cookies", "refused (403): cookies are each node's own", ("*/outcome",)),
    Meant("app_send_test_email", "refused (403): every node would send one", ("*/outcome",)),
    Meant("app_shutdown", "refused (403): it would stop every node", ("*/outcome",)),
    Meant("sync_maindata", OWN_LIMITS, LIMITS),
    Meant("torrents_info", f"{OWN_LIMITS}; `includeFiles` of 5.2 is understood", (*LIMITS, "*/[[]].files")),
    Meant("torrents_add", "a torrent that is there already is `Ok.`, not `Fails.`: it is where it was wanted", ("again/",)),
]

REQUESTS = [
    Meant("PUT", "405, where the node closes the connection with 501", ("PUT *",)),
]
