"""Talking to one node past the dispatcher, the way a test checks what really happened there.

Owns: one logged-in HTTP session to a node's Web API, real or scripted, in that node's own dialect.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import requests

TIMEOUT_SECONDS = 30.0


class DirectSession:
    """Logs in on first use, and once more when the node has forgotten the session, as after a restart."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self._credentials = {"username": username, "password": password}
        self._http = requests.Session()
        self._http.trust_env = False
        self._logged_in = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def torrents(self, **filters: str) -> list[dict[str, Any]]:
        """What torrents/info lists."""
        listed: list[dict[str, Any]] = self._get("torrents/info", filters).json()
        return listed

    def torrent(self, torrent_hash: str) -> dict[str, Any] | None:
        """One torrent's row, or None where the node does not have it."""
        return next(iter(self.torrents(hashes=torrent_hash)), None)

    def hashes(self) -> set[str]:
        return {torrent["hash"] for torrent in self.torrents()}

    def add(self, *, urls: str | None = None, torrent: bytes | None = None, **fields: str) -> bool:
        """Add past the dispatcher; whether the node says it took it."""
        data = fields if urls is None else {**fields, "urls": urls}
        files = None if torrent is None else {"torrents": ("t.torrent", torrent, "application/x-bittorrent")}
        answer = self._call("POST", "torrents/add", data=data, files=files)
        return answer.ok and answer.text != "Fails."

    def add_peer(self, torrent_hash: str, peer: str) -> None:
        """Name a peer for a torrent, as a .torrent file without trackers needs to find any."""
        fields = {"hashes": torrent_hash, "peers": peer}
        self._call("POST", "torrents/addPeers", data=fields).raise_for_status()

    def delete(self, *hashes: str, files: bool = True) -> None:
        """Remove torrents, with their data unless told otherwise."""
        fields = {"hashes": "|".join(hashes), "deleteFiles": str(files).lower()}
        self._call("POST", "torrents/delete", data=fields).raise_for_status()

    def post(self, endpoint: str, **fields: str) -> None:
        """Any other call that changes something."""
        self._call("POST", endpoint, data=fields).raise_for_status()

    def preferences(self) -> dict[str, Any]:
        held: dict[str, Any] = self._get("app/preferences").json()
        return held

    def set_preferences(self, json_text: str) -> None:
        self._call("POST", "app/setPreferences", data={"json": json_text}).raise_for_status()

    def maindata(self, rid: int = 0) -> dict[str, Any]:
        held: dict[str, Any] = self._get("sync/maindata", {"rid": str(rid)}).json()
        return held

    def free_bytes(self) -> int:
        """What the node says of its free space; a node renews it every 30 s only."""
        return int(self.maindata()["server_state"]["free_space_on_disk"])

    def text(self, endpoint: str) -> str:
        """The body of a plain GET, such as app/version."""
        return self._get(endpoint).text

    def _get(self, endpoint: str, params: dict[str, str] | None = None) -> requests.Response:
        answer = self._call("GET", endpoint, params=params)
        answer.raise_for_status()
        return answer

    def _call(self, method: str, endpoint: str, **arguments: Any) -> requests.Response:
        if not self._logged_in:
            self._login()
        answer = self._send(method, endpoint, **arguments)
        if answer.status_code == 403:
            self._login()
            answer = self._send(method, endpoint, **arguments)
        return answer

    def _login(self) -> None:
        self._http.cookies.clear()
        answer = self._send("POST", "auth/login", data=self._credentials)
        if answer.text not in {"", "Ok."} or not answer.ok:
            raise AssertionError(f"{self.url} refused the login: {answer.status_code} {answer.text!r}")
        self._logged_in = True

    def _send(self, method: str, endpoint: str, **arguments: Any) -> requests.Response:
        # A kept connection may have been closed by the node after 7 idle seconds; asking for a new one
        # each time costs a loopback handshake and spares a retry that might add twice.
        return self._http.request(
            method,
            f"{self.url}/api/v2/{endpoint}",
            headers={"Connection": "close"},
            timeout=TIMEOUT_SECONDS,
            **arguments,
        )
