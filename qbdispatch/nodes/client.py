"""The calls we make to one node, each one request under a time limit, safe for any number of threads.

A node keeps idle connections for 7 s (qBittorrent's http server), so ours are dropped before that. Every call takes
the cookies of the shared session; who logs in, and when, is decided in `dispatch.access`.
"""

import queue
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import requests
from qbittorrentapi.exceptions import APIError, HTTP409Error, LoginFailed, Unauthorized401Error

from qbdispatch.config.settings import NodeSettings
from qbdispatch.logs import forwarded_headers
from qbdispatch.nodes.dialects import AddReply, add_fields, read_add_reply
from qbdispatch.nodes.errors import Cause, NodeRefused
from qbdispatch.nodes.paths import to_node
from qbdispatch.nodes.transport import CONNECT_TIMEOUT_SECONDS, OneShotClient, in_our_words, new_client
from qbdispatch.torrents.source import InfoHashes, TorrentSource

IDLE_LIMIT_SECONDS = 5.0
_VERSION = re.compile(r"v?\d{1,4}\.\d")
_SECRET = re.compile("password|api_key|secret")
Cookies = Mapping[str, str]


class NodeClient:
    """Speaks to one node. All calls raise `NodeError`s; none is repeated."""

    def __init__(self, node: NodeSettings) -> None:
        self.node = node
        self.clock_ahead_seconds: float | None = None  # the node's before ours, as of its last answer; `None`: unknown
        self._idle: queue.LifoQueue[tuple[float, OneShotClient]] = queue.LifoQueue()

    def log_in(self) -> dict[str, str]:
        """A new session's cookies; empty where the node lets us in without. Raises `NodeAuthFailed` on a no."""
        client = new_client(self.node)
        credentials = {"username": self.node.username, "password": self.node.password}
        with closing(client), in_our_words(self.node):
            headers = {"headers": forwarded_headers()}
            try:
                said = client.send("POST", "auth/login", credentials, requests_args=headers).text.strip()
            except Unauthorized401Error as error:  # from 5.2 on
                raise LoginFailed from error
            if said == "Fails.":
                raise LoginFailed
            if said not in ("", "Ok."):
                raise APIError("not what a login is answered with")
            return {cookie.name: cookie.value or "" for cookie in client.cookies}

    def version(self, cookies: Cookies, timeout_seconds: float | None = None) -> str:
        """The application's version as it names itself, e.g. `v5.1.0`."""
        with self._client() as client:
            version = client.app_version(requests_args=self._args(cookies, timeout_seconds))
            if not _VERSION.match(version):
                raise APIError("not a version")
            return version

    def transfer(self, cookies: Cookies, timeout_seconds: float | None = None) -> dict[str, Any]:
        """`transfer/info`: speeds and rate limits in bytes per second. Cheap on every version."""
        with self._client() as client:
            return _mapping(client.transfer_info(requests_args=self._args(cookies, timeout_seconds)))

    def preferences(self, cookies: Cookies) -> dict[str, Any]:
        """`app/preferences`, with secrets blanked out."""
        with self._client() as client:
            found = _mapping(client.app_preferences(requests_args=self._args(cookies)))
        return {name: "" if _SECRET.search(name) else value for name, value in found.items()}

    def rate_limits(self, cookies: Cookies) -> dict[str, Any]:
        """Its limits as `server_state` of `sync/maindata` has them."""
        info = self.transfer(cookies)
        with self._client() as client:
            mode = client.transfer_speed_limits_mode(requests_args=self._args(cookies))
        known = {name: info[name] for name in ("dl_rate_limit", "up_rate_limit") if name in info}
        return known | {"use_alt_speed_limits": mode.strip() == "1"}

    def maindata(self, cookies: Cookies, rid: int) -> dict[str, Any]:
        """`sync/maindata`: all torrents, or what has changed since `rid` for this session."""
        with self._client() as client:
            return _mapping(client.sync_maindata(rid=rid, requests_args=self._args(cookies)))

    def find(self, cookies: Cookies, hashes: InfoHashes, timeout_seconds: float | None = None) -> dict[str, Any] | None:
        """The node's row for this torrent, whichever of its ids the node lists it under; `None` if it has none."""
        with self._client() as client:
            args = self._args(cookies, timeout_seconds)
            rows = client.torrents_info(torrent_hashes=hashes.node_ids, requests_args=args)
        return next(iter(_rows(rows)), None)

    def add(self, cookies: Cookies, source: TorrentSource, fields: Mapping[str, str]) -> AddReply:
        """Add one torrent, sent once. Raises `NodeOutcomeUnknown` where the node may have taken it all the same."""
        form = add_fields(fields)
        for name in ("savepath", "downloadPath"):
            if form.get(name):
                form[name] = to_node(form[name], self.node.path_map)
        file = None
        if source.content is not None:
            file = (f"{source.hashes.key}.torrent", source.content)  # the name must be ASCII and say nothing
        else:
            form["urls"] = source.magnet or ""
        with self._client() as client:
            try:
                response = client.add(form, file, requests_args=self._args(cookies))
            except HTTP409Error:
                return AddReply.NOT_TAKEN
            return read_add_reply(response.text)

    def rows(self, cookies: Cookies, node_ids: Sequence[str] | None) -> dict[str, dict[str, Any]]:
        """The node's rows of these torrents (`None`: of all), by the ids that it has."""
        wanted = None if node_ids is None else list(node_ids)
        with self._client() as client:
            answer = client.torrents_info(torrent_hashes=wanted, requests_args=self._args(cookies))
        return {str(row["hash"]): row for row in _rows(answer) if row.get("hash")}

    def send(self, cookies: Cookies, method: str, endpoint: str, fields: Mapping[str, str]) -> requests.Response:
        """Any other call, in the node's own dialect already (`nodes.endpoints`)."""
        with self._client() as client:
            return client.send(method, endpoint, dict(fields), requests_args=self._args(cookies))

    def delete(self, cookies: Cookies, node_ids: Sequence[str], *, delete_files: bool) -> None:
        """Remove torrents; hashes that the node does not have are ignored by it."""
        with self._client() as client:
            client.torrents_delete(delete_files, list(node_ids), requests_args=self._args(cookies))

    def _args(self, cookies: Cookies, timeout_seconds: float | None = None) -> dict[str, Any]:
        answer = self.node.timeout_s if timeout_seconds is None else timeout_seconds
        timeout = (min(CONNECT_TIMEOUT_SECONDS, answer), answer)
        return {"cookies": dict(cookies), "timeout": timeout, "headers": forwarded_headers()}

    @contextmanager
    def _client(self) -> Iterator[OneShotClient]:
        """Lend a client to one thread; it is given back only after a clean exchange."""
        client = self._take()
        try:
            with in_our_words(self.node):
                yield client
        except BaseException:
            client.close()
            raise
        self.clock_ahead_seconds = client.clock_ahead_seconds
        self._idle.put((time.monotonic(), client))

    def _take(self) -> OneShotClient:
        while True:
            try:
                idle_since, client = self._idle.get_nowait()
            except queue.Empty:
                return new_client(self.node)
            if time.monotonic() - idle_since < IDLE_LIMIT_SECONDS:
                return client
            client.close()


def _mapping(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise NodeRefused("does not answer as qBittorrent does", cause=Cause.NOT_QBITTORRENT)
    return answer


def _rows(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list):
        raise NodeRefused("answered torrents/info with something that is not a list", cause=Cause.NOT_QBITTORRENT)
    return [row for row in answer if isinstance(row, dict)]
