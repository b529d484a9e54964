"""The raw requests of the differential test: status, content type and text of both sides are held together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.real.differential_world import UNKNOWN, World

# fmt: off
ENDPOINTS = {
    "app": "buildInfo cookies defaultSavePath getDirectoryContent networkInterfaceAddressList networkInterfaceList"
           " preferences setCookies setPreferences version webapiVersion nosuch",
    "log": "main peers",
    "rss": "addFeed addFolder items markAsRead moveItem refreshItem removeItem removeRule renameRule rules setFeedURL"
           " setRule",
    "search": "delete enablePlugin installPlugin plugins start status stop uninstallPlugin updatePlugins",
    "sync": "maindata torrentPeers",
    "torrentcreator": "addTask deleteTask status",
    "torrents": "add addPeers addTags addTrackers addWebSeeds bottomPrio categories count createCategory createTags"
                " decreasePrio delete deleteTags downloadLimit editCategory editTracker editWebSeed export filePrio"
                " files increasePrio info pieceHashes pieceStates properties reannounce recheck removeCategories"
                " removeTags removeTrackers removeWebSeeds rename renameFile renameFolder setAutoManagement"
                " setCategory setDownloadLimit setDownloadPath setForceStart setLocation setSavePath setShareLimits"
                " setSSLParameters setSuperSeeding setTags setUploadLimit SSLParameters start stop tags"
                " toggleFirstLastPiecePrio toggleSequentialDownload topPrio trackers uploadLimit webseeds nosuch",
    "transfer": "banPeers downloadLimit info setDownloadLimit setSpeedLimitsMode setUploadLimit speedLimitsMode"
                " toggleSpeedLimitsMode uploadLimit",
}
# fmt: on
"""What Web API 2.11.4 has, less what must not be called in passing."""


@dataclass(frozen=True)
class Request:
    """One request; `path` is below `/api/v2/`, or from the root with a leading slash. `session`: with its cookie."""

    method: str
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)
    session: bool = True

    @property
    def label(self) -> str:
        said = "" if self.session else " without a session"
        return f"{self.method} {self.path}{said} {self.arguments or ''}".rstrip()


def sweep() -> Iterator[Request]:
    """Every endpoint without parameters by each method, and with an unknown torrent's hash."""
    for space, names in ENDPOINTS.items():
        for name in names.split():
            for method in ("GET", "HEAD", "POST"):
                yield Request(method, f"{space}/{name}")
            yield Request("POST", f"{space}/{name}", {"data": {"hash": UNKNOWN, "hashes": UNKNOWN}})


def get(path: str, /, **params: Any) -> Request:
    """A GET with this query."""
    return Request("GET", path, {"params": params} if params else {})


def post(path: str, /, **data: Any) -> Request:
    """A POST with this form."""
    return Request("POST", path, {"data": data})


def body(path: str, data: str, content_type: str) -> Request:
    """A POST with any body."""
    return Request("POST", path, {"data": data, "headers": {"Content-Type": content_type}})


def chosen(world: World) -> list[Request]:
    """What clients do, or do wrong."""
    v1, hybrid = world.v1, world.hybrid
    return [
        Request("PUT", "app/version"),
        Request("POST", "torrents/info", {"params": {"sort": "nonsense"}}),  # a POST's query is not looked at
        Request("GET", "torrents/info", {"data": {"sort": "nonsense"}}),  # nor is a GET's body
        body("torrents/info", "{}", "application/json"),
        body("torrents/info", "x", "text/plain"),
        body("torrents/info", "", "application/json"),
        body("torrents/info", "sort=nonsense", "application/x-www-form-urlencoded; charset=UTF-8"),
        *(get("torrents/info", **{name: value}) for name in ("limit", "offset", "filter") for value in ("x", "-3", "")),
        *(get(f"torrents/{name}", hash=v1.hash.upper()) for name in ("properties", "files", "trackers")),
        get("torrents/properties", hash=str(hybrid.v2)),
        get("torrents/properties", hash=str(hybrid.v1)),
        *(get(f"torrents/{name}", hash=world.magnet.hash) for name in ("export", "files", "pieceStates")),
        get("torrents/files", hash=v1.hash, indexes="0"),
        get("torrents/files", hash=v1.hash, indexes="7"),
        get("torrents/files", hash=v1.hash, indexes="x"),
        get("torrents/delete", hashes=UNKNOWN, deleteFiles="false"),
        post("torrents/delete", hashes=UNKNOWN),
        post("torrents/topPrio", hashes=v1.hash),
        post("torrents/setCategory", hashes=v1.hash, category="none"),
        post("torrents/createCategory", category="raw", savePath=""),
        post("torrents/createCategory", category="raw"),
        post("torrents/createCategory", category="a//b"),
        post("torrents/editCategory", category="none", savePath="/x"),
        post("torrents/editCategory", category="raw"),
        post("torrents/removeCategories", categories="raw"),
        post("torrents/filePrio", hash=v1.hash, id="x", priority="1"),
        post("torrents/filePrio", hash=v1.hash, id="9", priority="1"),
        post("torrents/filePrio", hash=v1.hash, id="0", priority="5"),
        post("torrents/filePrio", hash=world.magnet.hash, id="0", priority="1"),
        post("torrents/addPeers", hashes=v1.hash, peers="nonsense"),
        post("torrents/addTrackers", hash=v1.hash, urls=""),
        post("torrents/editTracker", hash=v1.hash, origUrl="http://none", newUrl="http://x"),
        post("torrents/editTracker", hash=v1.hash, origUrl="http://none", newUrl="nonsense"),
        post("torrents/removeTrackers", hash=v1.hash, urls="http://none"),
        post("torrents/editWebSeed", hash=v1.hash, origUrl="http://none", newUrl="http://x"),
        post("torrents/rename", hash=v1.hash, name=" "),
        post("torrents/renameFile", hash=v1.hash, oldPath="none", newPath="x"),
        post("torrents/renameFolder", hash=v1.hash, oldPath="none", newPath="x"),
        post("torrents/setLocation", hashes=v1.hash, location=""),
        post("torrents/setSavePath", id=v1.hash, path=""),
        post("torrents/setSSLParameters", hash=v1.hash, ssl_certificate="x", ssl_private_key="x", ssl_dh_params="x"),
        post("torrents/setShareLimits", hashes=UNKNOWN, ratioLimit="1", seedingTimeLimit="1"),
        post("torrents/pause", hashes=UNKNOWN),
        post("torrents/resume", hashes=UNKNOWN),
        post("torrents/add", urls="nonsense"),
        Request("POST", "torrents/add", {"files": {"x": ("x.torrent", b"nonsense")}}),
        post("transfer/setSpeedLimitsMode", mode="x"),
        post("app/setPreferences", json="{"),
        post("app/setPreferences", json="null"),
        Request("POST", "app/sendTestEmail"),
        get("/version/api"),
        get("/api/v2/app/version/"),
        get("/api/v2/app"),
        get("/api/v2/"),
        Request("GET", "app/version", session=False),
        Request("GET", "torrents/nosuch", session=False),
        Request("GET", "torrents/delete", session=False),
        Request("POST", "torrents/info", session=False),
        Request("GET", "app/version", {"cookies": {"SID": "nonsense"}}, session=False),
        Request("POST", "auth/login", {"data": {"username": "admin", "password": "wrong"}}, session=False),
        Request("POST", "auth/login", {"data": {"username": "admin", "password": "node-password"}}, session=False),
        Request("GET", "auth/login", session=False),
        Request("POST", "auth/logout", session=False),
    ]
