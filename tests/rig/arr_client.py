"""Sonarr and Radarr as their download client sees them: the same calls in the same order, judged by the same rules.

Owns: one instance's session with one qBittorrent-compatible server (login, versions, encodings) and its verdict on
what it gets back. What real ones send was read in their sources; when they call, and what they import, is the test's.
Every call uses a connection of its own, so that of several workers any may get it.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import quote

import libtorrent
import requests

from tests.rig.arr_rules import Item, items_of

Version = tuple[int, ...]
Fields = Sequence[tuple[str, object]]
TIMEOUT_SECONDS = 100.0
_PROXY_SECONDS = 600.0
_LONGEST_URLENCODED_VALUE = 1024
_PROPERTIES_TRIES, _PROPERTIES_PAUSE_SECONDS = 10, 0.1
_LIMITS_IN_ADD, _STOPPED_IN_ADD, _CONTENT_PATH = (2, 8, 1), (2, 11, 0), (2, 6, 1)
_REMOVING = (1, 3)
_TWO_WEEKS_MINUTES = 20160


class ArrFailure(Exception):
    """What *arr shows as an error: the test, the poll, the grab or the removal failed. `status` is HTTP's, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was made."""

    path: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SeedLimits:
    """What an indexer's settings ask for; minutes."""

    ratio: float | None = None
    minutes: int | None = None


NO_LIMITS = SeedLimits()


@dataclass
class ArrClient:
    """One Sonarr or Radarr whose download client is the server at `url`. `first`: its priority is "First"."""

    url: str
    kind: Literal["sonarr", "radarr"] = "sonarr"
    username: str = ""
    password: str = ""
    api_key: str = ""
    category: str = "tv"
    imported_category: str = ""
    first: bool = False
    warnings: list[str] = field(default_factory=list, init=False)
    calls: list[Call] = field(default_factory=list, init=False)
    _cookies: dict[str, str] = field(default_factory=dict, init=False)
    _api_until: float = field(default=0.0, init=False)

    def test(self) -> None:
        """The Test button."""
        self._choose_api()
        settings = self._preferences()
        short = settings.get("max_seeding_time_enabled") and settings["max_seeding_time"] < _TWO_WEEKS_MINUTES
        if settings["max_ratio_act"] in _REMOVING and (settings["max_ratio_enabled"] or short):
            raise ArrFailure("qBittorrent is configured to remove torrents when they reach their limit")
        self._choose_api()
        known = self._json("GET", "torrents/categories")
        for name in filter(None, (self.category, self.imported_category)):
            if name not in known:
                self._call("POST", "torrents/createCategory", [("category", name)])
                known = self._json("GET", "torrents/categories")
            if name not in known:
                raise ArrFailure(f"the category {name} could not be made")
        if self.first and not self._preferences()["queueing_enabled"]:
            raise ArrFailure("priority First needs torrent queueing")
        self._listed()

    def grab_magnet(self, magnet: str, limits: SeedLimits = NO_LIMITS, tags: Sequence[str] = ()) -> str:
        """Add a magnet; answers the DownloadId under which it is expected in the queue."""
        if not self._preferences().get("dht") and "&tr=" not in magnet:
            raise ArrFailure("magnets without trackers are not supported while DHT is off")
        self._add([("urls", magnet)], None, limits)
        return self._finish(libtorrent.parse_magnet_uri(magnet).info_hashes, limits, tags)

    def grab_file(self, title: str, data: bytes, limits: SeedLimits = NO_LIMITS, tags: Sequence[str] = ()) -> str:
        """Add a .torrent file; answers the DownloadId."""
        self._add([], (f"{title}.torrent", data), limits)
        return self._finish(libtorrent.torrent_info(data).info_hashes(), limits, tags)

    def poll(self) -> dict[str, Item]:
        """The queue as one poll shows it, by DownloadId."""
        self._api_version()
        settings = self._preferences()
        return {item.download_id: item for item in items_of(self._listed(), settings)}

    def mark_imported(self, download_id: str) -> None:
        """After an import: into the post-import category, if there is one."""
        if self.imported_category and self.imported_category != self.category:
            hashes = [("hashes", download_id.lower()), ("category", self.imported_category)]
            self._call("POST", "torrents/setCategory", hashes)

    def remove(self, download_id: str) -> None:
        """Remove a torrent with its files."""
        self._call("POST", "torrents/delete", [("hashes", download_id.lower()), ("deleteFiles", "true")])

    def _add(self, fields: Fields, file: tuple[str, bytes] | None, limits: SeedLimits) -> None:
        version = self._api_version()
        stopped = "stopped" if version >= _STOPPED_IN_ADD else "paused"
        fields = [*fields, ("category", self.category), (stopped, False)]
        if version >= _LIMITS_IN_ADD:
            fields += [] if limits.ratio is None else [("ratioLimit", f"{limits.ratio:g}")]
            fields += [] if limits.minutes is None else [("seedingTimeLimit", limits.minutes)]
        if self._call("POST", "torrents/add", fields, file).text == "Fails.":
            raise ArrFailure("the download client failed to add the torrent")

    def _finish(self, hashes: libtorrent.info_hash_t, limits: SeedLimits, tags: Sequence[str]) -> str:
        """What follows an add. Failures here are only warnings to *arr, so they are kept as such."""
        hash_ = str(hashes.v1 if hashes.has_v1() else hashes.v2)
        late_limits = limits != NO_LIMITS and self._api_version() < _LIMITS_IN_ADD
        if not (self.first or tags or late_limits):
            return hash_.upper()
        if not self._appeared(hash_):
            self.warnings.append(f"{hash_} did not appear")
            return hash_.upper()
        if late_limits:
            wanted = [("ratioLimit", limits.ratio or -2), ("seedingTimeLimit", limits.minutes or -2)]
            self._try("torrents/setShareLimits", [("hashes", hash_), *wanted], forgiven=404)
        if self.first:
            self._try("torrents/topPrio", [("hashes", hash_)], forgiven=409)
        if tags:
            assert self.kind == "sonarr", "only Sonarr sets tags"
            self._try("torrents/addTags", [("hashes", hash_), ("tags", ",".join(tags))])
        return hash_.upper()

    def _appeared(self, hash_: str) -> bool:
        for _ in range(_PROPERTIES_TRIES):
            try:
                self._call("GET", "torrents/properties", [("hash", hash_)])
            except ArrFailure:
                time.sleep(_PROPERTIES_PAUSE_SECONDS)
            else:
                return True
        return False

    def _try(self, path: str, fields: Fields, forgiven: int | None = None) -> None:
        try:
            self._call("POST", path, fields)
        except ArrFailure as failure:
            if failure.status != forgiven:
                self.warnings.append(f"{path}: {failure}")

    def _choose_api(self) -> None:
        """Which API is it? Asked without a cookie: 403 says that there is one, 404 that it is that of before 4.1."""
        probe = self._send("GET", "app/webapiVersion", [], None, {})
        if probe.status_code == 404:
            raise ArrFailure("this is taken for an API v1 server", 404)
        if probe.status_code >= 400 and probe.status_code != 403:
            raise ArrFailure("cannot connect", probe.status_code)
        for _ in range(2):
            self._read_version()
        self._api_until = time.monotonic() + _PROXY_SECONDS

    def _api_version(self) -> Version:
        if time.monotonic() > self._api_until:
            self._choose_api()
        return self._read_version()

    def _read_version(self) -> Version:
        text = self._call("GET", "app/webapiVersion").text
        if not re.fullmatch(r"\d+(\.\d+){1,3}", text):
            raise ArrFailure(f"{text!r} is not a version")
        version = tuple(int(part) for part in text.split("."))
        if version < _CONTENT_PATH:
            raise ArrFailure(f"{text} is older than this script knows")
        return version

    def _preferences(self) -> dict[str, Any]:
        found: dict[str, Any] = self._json("GET", "app/preferences")
        return found

    def _listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json(
            "GET", "torrents/info", [("category", self.category)] if self.category else []
        )
        return found

    def _json(self, method: str, path: str, fields: Fields = ()) -> Any:
        answer = self._call(method, path, fields)
        try:
            return json.loads(answer.content)
        except ValueError as error:
            raise ArrFailure(f"{path}: not JSON") from error

    def _call(
        self, method: str, path: str, fields: Fields = (), file: tuple[str, bytes] | None = None
    ) -> requests.Response:
        """With the cookie, which is kept until a 403; then one new login, and no more."""
        if not self._cookies and not self.api_key:
            self._log_in()
        answer = self._send(method, path, fields, file, self._cookies)
        if answer.status_code == 403 and not self.api_key:
            self._log_in(refused=True)
            answer = self._send(method, path, fields, file, self._cookies)
        if answer.status_code >= 300:  # redirects are not followed
            raise ArrFailure(f"{path}: {answer.status_code} {answer.text[:200]}", answer.status_code)
        return answer

    def _log_in(self, *, refused: bool = False) -> None:
        self._cookies = {}
        if not (self.username and self.password):
            if refused:
                raise ArrFailure("authentication failed", 403)
            return
        credentials = [("username", self.username), ("password", self.password)]
        answer = self._send("POST", "auth/login", credentials, None, {})
        if answer.status_code >= 300 or answer.text.strip() not in ("", "Ok."):
            raise ArrFailure(f"login: {answer.status_code} {answer.text[:200]}", answer.status_code)
        self._cookies = answer.cookies.get_dict()

    def _send(
        self, method: str, path: str, fields: Fields, file: tuple[str, bytes] | None, cookies: dict[str, str]
    ) -> requests.Response:
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        account = f"Bearer {self.api_key}" if self.api_key else f"Basic {basic}"
        headers = {"Authorization": account, "Accept": "application/json", "Connection": "close"}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        texts = [(name, str(value)) for name, value in fields]
        body = b""
        target = f"{self.url}/api/v2/{path}"
        if method == "POST":
            body, headers["Content-Type"] = encoded(texts, file)
        elif texts:
            target += f"?{_urlencoded(texts)}"
        began = time.monotonic()
        with requests.Session() as session:
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            try:
                answer = session.request(
                    method, target, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
            except requests.RequestException as error:
                raise ArrFailure(f"{path}: {error}") from error
        self.calls.append(Call(path, answer.status_code, time.monotonic() - began))
        return answer


def encoded(fields: Sequence[tuple[str, str]], file: tuple[str, bytes] | None) -> tuple[bytes, str]:
    """Body and content type: urlencoded, but multipart where there is a file or a long value."""
    parts = [(f'form-data; name="{name}"', value.encode()) for name, value in fields]
    if file is None and all(len(value) <= _LONGEST_URLENCODED_VALUE for _, value in parts):
        return _urlencoded(fields).encode(), "application/x-www-form-urlencoded"
    boundary = "-----------------------------8dc0f3a1b2c3d4e"
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: {how}\r\n\r\n".encode() + value + b"\r\n" for how, value in parts
    )
    if file is not None:
        how = f'form-data; name="torrents"; filename="{file[0]}"\r\nContent-Type: application/octet-stream'
        body += f"--{boundary}\r\nContent-Disposition: {how}\r\n\r\n".encode() + file[1] + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _urlencoded(fields: Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields)
