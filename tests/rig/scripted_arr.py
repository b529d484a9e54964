"""ScriptedArr: the API of a Sonarr or Radarr on loopback, as far as one connects and examines it.

It judges payloads as the real ones do; facts from Sonarr @49df353 and Radarr @1b9662d: ProviderControllerBase.cs (what
is validated and tested when, 201 and 202), ProviderResource.cs and SchemaBuilder.cs (fields by name, masks, unknown
names dropped), QBittorrentSettings.cs (fields and rules), SonarrErrorPipeline.cs (a refusal is a list). Its test calls
the download client for real, as `arr_client` does.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any, Literal, Self

from werkzeug.wrappers import Request, Response

from tests.rig.arr_client import ArrClient, ArrFailure
from tests.rig.scripted_server import LoopbackServer, json_answer

MASK = "********"
Row = dict[str, Any]
_CATEGORY = re.compile(r"^([^\\/](/?[^\\/])*)?$")
_TYPES: dict[str, type] = {"textbox": str, "password": str, "checkbox": bool, "select": int}


def _field(name: str, kind: str, value: Any, privacy: str = "normal") -> Row:
    return {"order": 0, "name": name, "label": name, "value": value, "type": kind, "privacy": privacy}


def fields_of(kind: Literal["sonarr", "radarr"]) -> list[Row]:
    """The settings of its qBittorrent, with their defaults; only Sonarr has an API key."""
    media, category = ("tv", "tv-sonarr") if kind == "sonarr" else ("movie", "radarr")
    key = [_field("apiKey", "textbox", None, "apiKey")] if kind == "sonarr" else []
    return [
        _field("host", "textbox", "localhost"),
        _field("port", "textbox", 8080),
        _field("useSsl", "checkbox", False),
        _field("urlBase", "textbox", None),
        *key,
        _field("username", "textbox", None, "userName"),
        _field("password", "password", None, "password"),
        _field(f"{media}Category", "textbox", category),
        _field(f"{media}ImportedCategory", "textbox", None),
        _field("initialState", "select", 0),
    ]


class ScriptedArr:
    """Its public attributes are dials. `entries` are the download clients as it stores them, secrets in clear;
    `folders` what it sees of its disk; `tests` counts the times it called a download client to test it."""

    def __init__(self, kind: Literal["sonarr", "radarr"] = "sonarr", *, api_key: str = "arr-key") -> None:
        self.kind: Literal["sonarr", "radarr"] = kind
        self.api_key = api_key
        self.version = "4.0.15.2941" if kind == "sonarr" else "5.27.5.10198"
        self.entries: list[Row] = []
        self.mappings: list[Row] = []
        self.roots: list[Row] = []
        self.health: list[Row] = []
        self.folders: set[str] = set()
        self.dropped: set[str] = set()
        self.missing: set[str] = set()
        self.warns: str | None = None
        self.tests = 0
        self.calls: list[tuple[str, str]] = []
        self._server = LoopbackServer(Request.application(self._answer))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}/api/v3"

    @property
    def clock_ahead_seconds(self) -> float:
        return self._server.clock_ahead_seconds

    @clock_ahead_seconds.setter
    def clock_ahead_seconds(self, seconds: float) -> None:
        self._server.clock_ahead_seconds = seconds

    def entry(self, name: str, **values: Any) -> Row:
        """Put a qBittorrent entry there by hand."""
        fields = [{**row, "value": values.get(row["name"], row["value"])} for row in fields_of(self.kind)]
        made = self._template() | {"id": len(self.entries) + 1, "name": name, "enable": True, "fields": fields}
        self.entries.append(made)
        return made

    def values(self, name: str) -> dict[str, Any]:
        """The stored settings of an entry, secrets in clear."""
        (found,) = [one for one in self.entries if one["name"] == name]
        return {row["name"]: row["value"] for row in found["fields"]}

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/api/v3/")
        self.calls.append((request.method, path))
        if request.headers.get("X-Api-Key") != self.api_key:
            return json_answer({"error": "Unauthorized"}, 401)
        if path in self.missing:
            return json_answer({"message": "NotFound"}, 404)
        match (request.method, path.split("/")):
            case ("GET", ["system", "status"]):
                return json_answer({"appName": self.kind.title(), "version": self.version})
            case ("GET", ["downloadclient"]):
                return json_answer([_masked(one) for one in self.entries])
            case ("GET", ["downloadclient", "schema"]):
                return json_answer([{"implementation": "Sabnzbd", "fields": []}, self._template() | {"presets": []}])
            case ("GET", ["remotepathmapping"]):
                return json_answer(self.mappings)
            case ("GET", ["rootfolder"]):
                return json_answer(self.roots)
            case ("GET", ["health"]):
                return json_answer(self.health)
            case ("GET", ["filesystem"]):
                return json_answer(self._listing(request.args.get("path", "/")))
            case ("POST", ["downloadclient", "test"]):
                return self._judged(request) or json_answer({})
            case ("POST", ["downloadclient"]):
                return self._create(request)
            case ("PUT" | "DELETE", ["downloadclient", id_]):
                return self._replace(request, int(id_))
        return json_answer({"message": "NotFound"}, 404)

    def _listing(self, query: str) -> Row:
        parent = query[: query.rfind("/") + 1]
        names = {one[len(parent) :].split("/")[0] for one in self.folders if one.startswith(parent) and one != parent}
        return {
            "parent": "/",
            "directories": [{"type": "folder", "path": f"{parent}{name}/"} for name in names if name],
        }

    def _create(self, request: Request) -> Response:
        if refusal := self._judged(request, force=request.args.get("forceSave") == "true"):
            return refusal
        made = self._read(request.get_json(), None) | {"id": 1 + max([0, *(one["id"] for one in self.entries)])}
        self.entries.append(made)
        return json_answer(_masked(made), 201)

    def _replace(self, request: Request, id_: int) -> Response:
        standing = next((one for one in self.entries if one["id"] == id_), None)
        if standing is None:
            return json_answer({"message": "NotFound"}, 404)
        if request.method == "DELETE":
            self.entries.remove(standing)
            return json_answer({})
        forced = request.args.get("forceSave") == "true"
        if refusal := self._judged(request, force=forced, tested=not forced):
            return refusal
        self.entries[self.entries.index(standing)] = self._read(request.get_json(), standing) | {"id": id_}
        return json_answer(_masked(self.entries[-1]), 202)

    def _judged(self, request: Request, *, force: bool = False, tested: bool = True) -> Response | None:
        """A 400 with what is wrong with the entry sent, or nothing."""
        sent = request.get_json()
        failures = self._faults(sent)
        if not failures and tested:
            standing = next((one for one in self.entries if one["id"] == sent.get("id")), None)
            failures = self._tested(self._read(sent, standing), warn=not force)
        return json_answer(failures, 400) if failures else None

    def _faults(self, sent: Row) -> list[Row]:
        failures = [
            _failure(name.title(), "'must not be empty.'")
            for name in ("name", "implementation", "configContract")
            if not sent.get(name)
        ]
        twins = [one for one in self.entries if one["name"].lower() == str(sent.get("name")).lower()]
        failures += [_failure("Name", "Should be unique") for one in twins if one["id"] != sent.get("id")]
        if not 1 <= int(sent.get("priority") or 0) <= 50:
            failures.append(_failure("Priority", "'Priority' must be between 1 and 50."))
        values = {row["name"]: row.get("value") for row in sent.get("fields") or []}
        known = {row["name"]: row for row in fields_of(self.kind)}
        self.dropped |= values.keys() - known.keys()
        for name, value in values.items():
            wanted = _TYPES.get(known[name]["type"]) if name in known and name != "port" else None
            if wanted and value is not None and type(value) is not wanted:
                failures.append(_failure("", f"The JSON value could not be converted: {name}"))
        if not values.get("host"):
            failures.append(_failure("Host", "'Host' must not be empty."))
        if not 1 <= int(values.get("port") or 0) <= 65535:
            failures.append(_failure("Port", "'Port' must be between 1 and 65535."))
        category = values.get("tvCategory") or values.get("movieCategory") or ""
        if not _CATEGORY.match(category):
            failures.append(_failure("TvCategory", "Can not contain '\\', '//', or start/end with '/'"))
        if values.get("apiKey") and (values.get("username") or values.get("password")):
            failures.append(_failure("Username", "Username must be empty when using API Key."))
        return failures

    def _tested(self, entry: Row, *, warn: bool) -> list[Row]:
        values = {row["name"]: row["value"] for row in entry["fields"]}
        self.tests += 1
        scheme = "https" if values["useSsl"] else "http"
        client = ArrClient(
            url=f"{scheme}://{values['host']}:{values['port']}{values['urlBase'] or ''}",
            kind=self.kind,
            username=values["username"] or "",
            password=values["password"] or "",
            api_key=values.get("apiKey") or "",
            category=values.get("tvCategory") or values.get("movieCategory") or "",
        )
        try:
            client.test()
        except ArrFailure as failure:
            return [_failure("Username" if failure.status == 403 else "Host", str(failure))]
        return [_failure("", self.warns, is_warning=True)] if self.warns and warn else []

    def _read(self, sent: Row, standing: Row | None) -> Row:
        """What it stores: known fields only, and for a mask what it had."""
        given = {row["name"]: row.get("value") for row in sent.get("fields") or []}
        kept = {row["name"]: row["value"] for row in standing["fields"]} if standing else {}
        fields = []
        for row in fields_of(self.kind):
            value = given.get(row["name"])
            fields.append({**row, "value": kept.get(row["name"]) if value == MASK and standing else value})
        heads = ("name", "enable", "priority", "implementation", "configContract", "removeCompletedDownloads")
        return self._template() | {name: sent.get(name) for name in heads} | {"fields": fields}

    def _template(self) -> Row:
        return {
            "name": "",
            "enable": False,
            "protocol": "torrent",
            "priority": 1,
            "removeCompletedDownloads": True,
            "removeFailedDownloads": True,
            "implementationName": "qBittorrent",
            "implementation": "QBittorrent",
            "configContract": "QBittorrentSettings",
            "tags": [],
            "fields": fields_of(self.kind),
        }


def _masked(entry: Row) -> Row:
    """As it shows an entry: secrets that are set are hidden."""
    fields = [
        {**row, "value": MASK} if row["value"] and row["privacy"] in ("password", "apiKey") else row
        for row in entry["fields"]
    ]
    return entry | {"fields": fields}


def _failure(name: str, message: str, *, is_warning: bool = False) -> Row:
    severity = "warning" if is_warning else "error"
    return {"propertyName": name, "errorMessage": message, "severity": severity, "isWarning": is_warning}
