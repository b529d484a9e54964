"""Where we answer otherwise than a qBittorrent 5.1.0 does, on purpose; docs/api-differences.md says the same.

The differential test fails for a difference that is missing here, and for one that is listed and is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

LIMITS = ("*[[]].ratio_limit", "*[[]].seeding_time_limit", "*[[]].inactive_seeding_time_limit")
OWN_LIMITS = "a limit of -2, “as the settings say”, is shown as what it is on the torrent's node, since settings differ"

IN_EFFECTS = (*LIMITS, ".categories.p.download_path")
"""What of this shows in the effects of calls."""


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
    Meant(
        "torrents_categories",
        "without `download_path`: it is passed on to the nodes when a category is made or edited, but not shown",
        ("*/.p.download_path",),
    ),
    Meant(
        "torrents_info",
        f"{OWN_LIMITS}; `includeFiles` of 5.2 is understood; one that is stopped and in error is not among the stopped",
        (*LIMITS, "*/[[]].files"),
    ),
    Meant(
        "torrents_add",
        "a torrent that is there already, in the category asked for, is `Ok.`, not `Fails.`: it is where it was wanted",
        ("again/",),
    ),
]

REFUSED = "refused (403): it concerns one node's own feeds, plugins, files or cookies, or all nodes at once"

REQUESTS = [
    Meant("a 400", "may say more than “Bad Request”", ()),
    Meant("PUT", "405, where a node says 501 and closes the connection", ("PUT *",)),
    Meant("app/version", "always v5.1.4, whatever the nodes are", ("GET app/version", "POST app/version*")),
    Meant("app/getDirectoryContent", REFUSED, ("* app/getDirectoryContent*",)),
    Meant("app/sendTestEmail, app/setCookies", REFUSED, ("POST app/sendTestEmail", "POST app/setCookies*")),
    Meant("app/setPreferences", "400 for what is not JSON, which a node ignores", ("POST app/setPreferences*",)),
    Meant("rss/…, search/…, torrentcreator/…", REFUSED, ("POST rss/*", "POST search/*", "POST torrentcreator/*")),
    Meant("torrents/pause, torrents/resume", "the names of before 5.0 are understood", ("*/pause*", "*/resume*")),
    Meant("torrents/setShareLimits", "the fields of older versions suffice", ("*/setShareLimits*",)),
    Meant("torrents/properties", "a torrent is found by each form of its hashes", ("GET torrents/properties*",)),
    Meant("/version/api", "the text of the 404 ends with a new line", ("GET /version/api",)),
]
