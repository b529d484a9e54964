"""ScriptedArr: the API of a Sonarr or Radarr on loopback, as far as one connects and examines it.

It judges payloads as the real ones do; facts from Sonarr @49df353 and Radarr @1b9662d: ProviderControllerBase.cs (what
is validated and tested when, 201 and 202), RestController.cs (what is asked of every payload, of a test too),
ProviderResource.cs and SchemaBuilder.cs (fields by name, unknown names dropped, defaults for what is missing, 500 for
a value of another type), SonarrErrorPipeline.cs (a refusal is a list). Its test calls the download client for real, as
`arr_client` does.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Literal, Self

from werkzeug.wrappers import Request, Response

from tests.rig.arr_client import ArrClient, ArrFailure
from tests.rig.arr_entry import HEADS, MASK, SECRET, TYPES, WHOLE, Row, failure, faults_of, fields_of, masked, values_of
from tests.rig.scripted_server import LoopbackServer, json_answer


class ScriptedArr:
    """Its public attributes are dials. `entries` are the download clients as it stores them, secrets in clear;
    `folders` and `files` what it sees of its disk, less
    what it leaves out of lists as `hidden`; `tests` counts the times it called a download client to test it."""

    def __init__(self, kind: Literal["sonarr", "radarr"] = "sonarr", *, api_key: str = "arr-key") -> None:
        self.kind: Literal["sonarr", "radarr"] = kind
        self.api_key = api_key
        self.version = "4.0.15.2941" if kind == "sonarr" else "5.27.5.10198"
        self.entries: list[Row] = []
        self.mappings: list[Row] = []
        self.roots: list[Row] = []
        self.health: list[Row] = []
        self.folders: set[str] = set()
        self.files: set[str] = set()
        self.dropped: set[str] = set()
        self.missing: set[str] = set()
        self.failing: set[str] = set()
        self.hidden: set[str] = set()
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
        return values_of(found)

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
            return Response(status=401)
        if path in self.missing:
            return json_answer({"message": "NotFound"}, 404)
        if path in self.failing:
            return Response("<html>503 Service Unavailable</html>", 503, mimetype="text/html")
        match (request.method, path.split("/")):
            case ("GET", ["system", "status"]):
                return json_answer({"appName": self.kind.title(), "version": self.version})
            case ("GET", ["downloadclient"]):
                return json_answer([masked(one) for one in sorted(self.entries, key=lambda one: str(one["name"]))])
            case ("GET", ["downloadclient", "schema"]):
                return json_answer([{"implementation": "Sabnzbd", "fields": []}, self._template() | {"presets": []}])
            case ("GET", ["remotepathmapping"]):
                return json_answer(self.mappings)
            case ("GET", ["rootfolder"]):
                return json_answer(self.roots)
            case ("GET", ["health"]):
                return json_answer(self.health)
            case ("GET", ["filesystem"]):
                return json_answer(self._listing(request.args.get("path", "/"), "includeFiles" in request.args))
            case ("POST", ["downloadclient", "test"]):
                return self._judged(request) or json_answer({})
            case ("POST", ["downloadclient"]):
                return self._create(request)
            case ("PUT" | "DELETE", ["downloadclient", id_]):
                return self._replace(request, int(id_))
        return json_answer({"message": "NotFound"}, 404)

    def _listing(self, query: str, with_files: bool) -> Row:
        """What is in the folder up to the last slash; of one that is not there, nothing."""
        parent = query[: query.rfind("/") + 1]

        def in_it(paths: set[str]) -> set[str]:
            return {one[len(parent) :].split("/")[0] for one in paths if one.startswith(parent)} - {""}

        files = {path for path in self.files if path.rpartition("/")[0] + "/" == parent}
        return {
            "parent": "/",
            "directories": [
                {"type": "folder", "name": name, "path": f"{parent}{name}/"}
                for name in in_it(self.folders | (self.files - files))
                if f"{parent}{name}/" not in self.hidden
            ],
            "files": [{"type": "file", "path": path} for path in sorted(files)] if with_files else [],
        }

    def _create(self, request: Request) -> Response:
        if refusal := self._judged(request, force=request.args.get("forceSave") == "true"):
            return refusal
        made = self._read(request.get_json(), None) | {"id": 1 + max([0, *(one["id"] for one in self.entries)])}
        self.entries.append(made)
        return json_answer(masked(made), 201)

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
        return json_answer(masked(self.entries[-1]), 202)

    def _judged(self, request: Request, *, force: bool = False, tested: bool = True) -> Response | None:
        """The refusal of the entry sent, or nothing. One that is disabled is neither validated nor tested, but for a
        call to test it."""
        sent = request.get_json()
        if failures := self._shared_faults(sent):
            return json_answer(failures, 400)
        if wrong := self._of_another_type(sent):
            return json_answer({"message": f"The JSON value could not be converted: {wrong}"}, 500)
        if not (sent.get("enable") or request.path.endswith("/test")):
            return None
        standing = next((one for one in self.entries if one["id"] == sent.get("id")), None)
        entry = self._read(sent, standing)
        failures = faults_of(values_of(entry))
        if not failures and tested:
            failures = self._tested(values_of(entry), warn=not force)
        return json_answer(failures, 400) if failures else None

    def _shared_faults(self, sent: Row) -> list[Row]:
        failures = [
            failure(name[0].upper() + name[1:], f"'{name}' must not be empty.")
            for name in ("name", "implementation", "configContract")
            if not sent.get(name)
        ]
        twins = [one for one in self.entries if one["name"].lower() == str(sent.get("name")).lower()]
        failures += [failure("Name", "Should be unique") for one in twins if one["id"] != sent.get("id")]
        if not 1 <= int(sent.get("priority") or 0) <= 50:
            failures.append(failure("Priority", "'Priority' must be between 1 and 50."))
        return failures

    def _of_another_type(self, sent: Row) -> str:
        """The first field whose value its setting cannot take, if there is one; whole numbers are read from text."""
        values = values_of(sent)
        known = {row["name"]: row["type"] for row in fields_of(self.kind)}
        self.dropped |= values.keys() - known.keys()
        for name in values.keys() & known.keys() - WHOLE:
            if values[name] is not None and type(values[name]) is not TYPES[known[name]]:
                return name
        return ""

    def _tested(self, values: Row, *, warn: bool) -> list[Row]:
        self.tests += 1
        scheme = "https" if values["useSsl"] else "http"
        category = values.get("tvCategory") or values.get("movieCategory") or ""
        client = ArrClient(
            url=f"{scheme}://{values['host']}:{values['port']}{values['urlBase'] or ''}",
            kind=self.kind,
            username=values["username"] or "",
            password=values["password"] or "",
            api_key=values.get("apiKey") or "",
            category=category,
        )
        try:
            client.test()
        except ArrFailure as fault:
            who = "ApiKey" if values.get("apiKey") else "Username"
            return [failure(who if fault.status == 403 else "Host", str(fault))]
        warnings = [self.warns] if self.warns else [] if category else ["Category is recommended"]
        return [failure("", text, is_warning=True) for text in warnings if warn]

    def _read(self, sent: Row, standing: Row | None) -> Row:
        """What it stores: known fields only, the default of what is not sent, and for a mask what it had."""
        given, kept = values_of(sent), values_of(standing or {})
        fields = []
        for row in fields_of(self.kind):
            value = given.get(row["name"], row["value"])
            hidden = row["privacy"] in SECRET and value == MASK and standing is not None
            fields.append({**row, "value": kept[row["name"]] if hidden else value})
        return self._template() | {name: sent.get(name) for name in HEADS} | {"fields": fields}

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
