"""ScriptedNode: a qBittorrent on loopback that fails on demand, in ways no real one can be made to.

Owns: the Web API v2 endpoints a dispatcher uses, in one version's dialect, and the dials that break them.
test_node_contract.py holds it to what real nodes answer. Rows and deltas are scripted_torrents.py's.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import Counter, defaultdict
from types import TracebackType
from typing import Any, Literal, Self

from werkzeug.wrappers import Request, Response

from tests.rig.availability import Version
from tests.rig.direct import DirectSession
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted_actions import answer
from tests.rig.scripted_server import LoopbackServer, hang_up, html_answer, json_answer, text_answer
from tests.rig.scripted_torrents import (
    PREFERENCES,
    TRANSFER,
    MaindataSession,
    Parsed,
    Row,
    new_row,
    parse_file,
    parse_url,
)

AddBehaviour = Literal["normal", "add_then_drop", "drop", "fail", "http_500", "html", "hang", "add_then_hang"]
API_VERSIONS: dict[Version, str] = {"4.5.2": "2.8.19", "5.1.0": "2.11.4", "5.3.0": "2.16.2"}
FAILURES_BEFORE_BAN = 5
BANNED = "Your IP address has been banned after too many failed authentication attempts."
_POST_ONLY = {"auth/login", "auth/logout", "torrents/add", "torrents/delete", "app/setPreferences"}


class ScriptedNode:
    """A node whose public attributes are dials: a test may turn them at any moment.

    `add_behaviour`: "add_then_drop" takes the torrent and closes the connection unanswered, "drop" closes
    without taking it, "fail" says `Fails.` (409 from 5.2 on), "hang" takes nothing and holds the answer until
    `release()`, "add_then_hang" takes it first. A held answer ends in a closed connection, not in a success.
    `delay_seconds` maps an endpoint, or "*" for all, to a wait before anything else. `requests` has all changes that
    were asked for, `documents` what a torrent's details say.
    """

    def __init__(
        self,
        version: Version = "5.1.0",
        *,
        free_gib: float = 100,
        name: str | None = None,
        username: str = "admin",
        password: str = "node-password",
    ) -> None:
        self.version: Version = version
        self.name = name or f"scripted-{version}"
        self.username, self.password = username, password
        self.api_key: str | None = None
        self.free_bytes = int(free_gib * GIB)
        self.save_path = "/downloads"
        self.add_behaviour: AddBehaviour = "normal"
        self.delay_seconds: dict[str, float] = {}
        self.unauthorised = False
        self.garbage: Literal["json", "html"] | None = None
        self.transfer = dict(TRANSFER)
        self.preferences = dict(PREFERENCES)
        self.torrents_by_hash: dict[str, Row] = {}
        self.categories: dict[str, Row] = {}
        self.refused_categories: set[str] = set()
        self.tags: set[str] = set()
        self.documents: dict[tuple[str, str], Any] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.calls: Counter[str] = Counter()
        self.request_ids: list[str | None] = []
        self.adds: list[tuple[str, dict[str, str]]] = []
        self.add_requests: list[dict[str, str]] = []
        self.failed_logins = 0
        self.holding = 0
        self._sessions: dict[str, MaindataSession] = defaultdict(MaindataSession)
        self._lock = threading.RLock()
        self._released, self._closing = threading.Event(), threading.Event()
        self._direct: DirectSession | None = None
        self._server = LoopbackServer(Request.application(self._respond))

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie_name(self) -> str:
        return f"QBT_SID_{self.port}" if self.numbers >= (5, 2) else "SID"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def session(self) -> DirectSession:
        """A direct session as real nodes give one; its calls are counted like any other's."""
        if self._direct is None:
            self._direct = DirectSession(self.url, self.username, self.password)
        return self._direct

    def put(self, torrent: Parsed, **changes: Any) -> Row:
        """Have a torrent from the start, past the API; `changes` overrides what its row says."""
        with self._lock:
            row = new_row(torrent, {}, self.numbers, self.save_path) | changes
            self.torrents_by_hash[torrent.hash] = row
            return row

    def change(self, torrent_hash: str, **changes: Any) -> None:
        """Change what a torrent's row says, as progress would."""
        with self._lock:
            self.torrents_by_hash[torrent_hash] |= changes

    def forget_sessions(self) -> None:
        """As after a restart: every cookie is unknown."""
        with self._lock:
            self._sessions.clear()

    def wait_until_holding(self, timeout_seconds: float = 10) -> None:
        wait_until(lambda: self.holding, timeout_seconds, f"{self.name} to hold an answer back")

    def release(self) -> None:
        """Let every held answer end; what comes later is held again."""
        self._released.set()
        wait_until(lambda: not self.holding, 10, f"{self.name} to let go of its callers")
        self._released.clear()

    def close(self) -> None:
        """End every connection and thread; once more is harmless."""
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        if not self._closing.is_set():
            self._closing.set()
            self._released.set()
            self._server.close()

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    def _respond(self, request: Request) -> Response:
        endpoint = request.path.removeprefix("/api/v2/")
        with self._lock:
            self.calls[endpoint] += 1
            self.request_ids.append(request.headers.get("X-Request-ID"))
        delay_seconds = self.delay_seconds.get(endpoint, self.delay_seconds.get("*", 0))
        if delay_seconds and self._closing.wait(delay_seconds):
            raise hang_up(request)
        if self.unauthorised:
            return text_answer(BANNED, 403)
        if endpoint in _POST_ONLY and request.method != "POST":
            return text_answer("Method Not Allowed", 405)
        if endpoint == "auth/login":
            return self._login(request)
        if not self._is_known(request):
            return text_answer("Forbidden", 403)
        if endpoint == "torrents/add":
            return self._add(request)
        with self._lock:
            return self._answer(endpoint, request)

    def _answer(self, endpoint: str, request: Request) -> Response:
        values = request.form if request.method == "POST" else request.args
        match endpoint:
            case "app/version":
                return text_answer(f"v{self.version}")
            case "app/webapiVersion":
                return text_answer(API_VERSIONS[self.version])
            case "app/preferences":
                return json_answer(self.preferences | {"save_path": self.save_path})
            case "app/setPreferences":
                self.preferences |= json.loads(values["json"])
                return text_answer("")
            case "transfer/info":
                return json_answer(self.transfer)
            case "torrents/delete":
                return self._delete(values.get("hashes"), values.get("deleteFiles"))
            case "sync/maindata":
                return self._maindata(request, values.get("rid", "0"))
            case "auth/logout":
                self._sessions.pop(self._cookie(request), None)
                return text_answer("")
        return answer(self, endpoint, request.method, values)

    def _login(self, request: Request) -> Response:
        modern = self.numbers >= (5, 2)
        with self._lock:
            if not self._is_known(request):
                if self.failed_logins >= FAILURES_BEFORE_BAN:
                    return text_answer(BANNED, 403)
                given = (request.form.get("username"), request.form.get("password"))
                if given != (self.username, self.password):
                    self.failed_logins += 1
                    return text_answer("Unauthorized", 401) if modern else text_answer("Fails.")
            done = Response(status=204) if modern else text_answer("Ok.")
            cookie = self._cookie(request) or secrets.token_urlsafe(24)
            self._sessions[cookie] = MaindataSession()
            self.failed_logins = 0
        done.set_cookie(self.cookie_name, cookie, httponly=True, path="/", samesite="Lax" if modern else "Strict")
        return done

    def _cookie(self, request: Request) -> str:
        return request.cookies.get(self.cookie_name, "")

    def _is_known(self, request: Request) -> bool:
        bearer = request.headers.get("Authorization", "")
        if self.api_key and self.numbers >= (5, 2) and bearer == f"Bearer {self.api_key}":
            return True
        with self._lock:
            return self._cookie(request) in self._sessions

    def _delete(self, hashes: str | None, delete_files: str | None) -> Response:
        if hashes is None or delete_files is None:
            return text_answer("Missing required parameters", 400)
        for torrent_hash in list(self.torrents_by_hash) if hashes == "all" else hashes.lower().split("|"):
            self.torrents_by_hash.pop(torrent_hash, None)
        return text_answer("")

    def _maindata(self, request: Request, rid: str) -> Response:
        if self.garbage == "html":
            return html_answer()
        if self.garbage == "json":
            return Response('{"rid": 1, "torrents": {', mimetype="application/json")
        state = self.transfer | {"free_space_on_disk": self.free_bytes, "refresh_interval": 1500}
        view: dict[str, Any] = {"torrents": self.torrents_by_hash, "categories": self.categories, "server_state": state}
        view["tags"] = sorted(self.tags)
        return json_answer(self._sessions[self._cookie(request)].answer(int(rid), view))

    def _add(self, request: Request) -> Response:
        behaviour = self.add_behaviour
        fields = request.form.to_dict()
        uploads = [upload.read() for upload in request.files.values()]
        with self._lock:
            self.add_requests.append(fields)
            takes = behaviour in {"normal", "add_then_drop", "add_then_hang"}
            taken = self._take(fields, uploads) if takes else self._refusal()
        match behaviour:
            case "drop" | "add_then_drop":
                raise hang_up(request)
            case "hang" | "add_then_hang":
                self._hold()
                raise hang_up(request)
            case "http_500":
                return text_answer("Internal Server Error", 500)
            case "html":
                return html_answer()
        return taken

    def _take(self, fields: dict[str, str], uploads: list[bytes]) -> Response:
        lines = [line.strip() for line in fields.get("urls", "").splitlines() if line.strip()]
        fetched = [line for line in lines if line.startswith(("http://", "https://"))]
        parsed = [parse_url(line) for line in lines if line not in fetched]
        for upload in uploads:
            read = parse_file(upload)
            if read is None:
                return text_answer("Error: torrent file is not valid.", 415)
            parsed.append(read)
        added = [one.hash for one in parsed if one and self._take_one(one, fields)]
        if not added and not fetched:
            return self._refusal()
        if self.numbers < (5, 2):
            return text_answer("Ok.")
        counts = {"success_count": len(added), "failure_count": len(parsed) - len(added), "pending_count": len(fetched)}
        return json_answer({"added_torrent_ids": added, **counts}, 202 if fetched else 200)

    def _take_one(self, parsed: Parsed, fields: dict[str, str]) -> bool:
        if parsed.hash in self.torrents_by_hash:
            return False
        self.torrents_by_hash[parsed.hash] = new_row(parsed, fields, self.numbers, self.save_path)
        self.adds.append((parsed.hash, fields))
        if name := fields.get("category"):
            self.categories.setdefault(name, {"name": name, "savePath": ""})
        self.tags |= {tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()}
        return True

    def _refusal(self) -> Response:
        return text_answer("Conflict", 409) if self.numbers >= (5, 2) else text_answer("Fails.")

    def _hold(self) -> None:
        with self._lock:
            self.holding += 1
        self._released.wait()
        with self._lock:
            self.holding -= 1
