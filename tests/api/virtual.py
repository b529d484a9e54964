"""The virtual qBittorrent as a client of `/api/v2` sees it, over scripted nodes that can be switched off and on."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request, Response

from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.services import EXTENSION, Services
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_server import hang_up
from tests.rig.scripted_torrents import parse_file
from tests.rig.swarm import MadeTorrent

FAST = {"sync": {"interval_s": 0.01}}


class SwitchedNode(ScriptedNode):
    """A node that cuts every connection while it is `down`, as one that has died behind a proxy; `cut` counts.

    The answer to the endpoint `keeps_back` is made at once but kept back until `let_go` is set.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.down = False
        self.cut = 0
        self.keeps_back: str | None = None
        self.kept_back, self.let_go = threading.Event(), threading.Event()
        super().__init__(*args, **kwargs)

    def _respond(self, request: Request) -> Response:
        if self.down:
            self.cut += 1
            raise hang_up(request)
        said = super()._respond(request)
        if self.keeps_back is not None and request.path.endswith(self.keeps_back):
            self.kept_back.set()
            self.let_go.wait(20)
        return said

    def have(self, made: MadeTorrent, **changes: Any) -> MadeTorrent:
        """Hold a made torrent from the start."""
        parsed = parse_file(made.data)
        assert parsed is not None
        self.put(parsed, **changes)
        return made

    def asked(self, name: str) -> list[dict[str, str]]:
        """The fields of each call of one endpoint that changes something."""
        return [fields for endpoint, fields in self.requests if endpoint == name]


class Virtual:
    """One worker and a client of it, with watchers that poll when told to and remember what they have seen."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._client = app.test_client()
        self._services: Services = app.extensions[EXTENSION]
        fleet, store, sync = self._services.fleet, self._services.store, self._services.settings.sync
        self._watchers = {
            name: Watcher(access, fleet, store, sync, lambda _: True) for name, access in fleet.members.items()
        }
        self._polls = dict.fromkeys(self._watchers, 0)

    def poll(self, *nodes: SwitchedNode) -> None:
        """One poll of each of these nodes, which shows what changed since the last one by this worker."""
        for node in nodes:
            asked, watcher = node.calls["sync/maindata"], self._watchers[node.name]

            def has_polled(asked: int = asked, watcher: Watcher = watcher, node: SwitchedNode = node) -> bool:
                watcher.tick()
                return node.down or node.calls["sync/maindata"] > asked

            wait_until(has_polled, 10, f"{node.name} to be polled")

    def get(self, endpoint: str, **fields: Any) -> TestResponse:
        return self._client.get(f"/api/v2/{endpoint}", query_string=fields)

    def post(self, endpoint: str, **fields: Any) -> TestResponse:
        return self._client.post(f"/api/v2/{endpoint}", data=fields)

    def done(self, endpoint: str, **fields: Any) -> None:
        """A call that must succeed."""
        answer = self.post(endpoint, **fields)
        assert answer.status_code == 200, answer.text

    def json(self, endpoint: str, **fields: Any) -> Any:
        answer = self.get(endpoint, **fields)
        assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.text
        return answer.get_json()

    def rows(self, **query: Any) -> dict[str, dict[str, Any]]:
        """What torrents/info lists, by hash."""
        listed = self.json("torrents/info", **query)
        found = {row["hash"]: row for row in listed}
        assert len(found) == len(listed)
        return found

    def field(self, name: str, **query: Any) -> dict[str, Any]:
        return {hash_: row[name] for hash_, row in self.rows(**query).items()}

    def nodes(self) -> Any:
        return self._client.get("/nodes").get_json()
