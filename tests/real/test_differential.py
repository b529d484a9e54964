"""We answer as a real qBittorrent 5.1.0 does: the same calls on one directly and on us over another like it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from qbittorrentapi import Client

from tests.conftest import node_entry
from tests.real.differences import METHODS, REQUESTS, Meant
from tests.real.differential_cases import CASES, World, fill, make_world
from tests.real.differential_requests import Request, chosen, sweep
from tests.rig.availability import require
from tests.rig.comparison import Outcome, differences, outcome_of, plain
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode

pytestmark = pytest.mark.real
DOCUMENT = Path(__file__).parents[2] / "docs/api-differences.md"
METHOD = re.compile("(torrents|sync|transfer|app|auth)_[a-z_]+")
ONLY_READ = re.compile("app_|auth_|sync_|torrents_(info|count|properties|piece_|export|files|trackers|webseeds)")
OF_EACH_TORRENT = re.compile(r"\.torrents\.[^.]+")
BY_NAME = {one.what: one for one in METHODS}


@dataclass(frozen=True)
class Side:
    """One of the two servers, as a client sees it."""

    url: str
    client: Client
    session: requests.Session

    def send(self, request: Request) -> tuple[int, str | None, str]:
        """Status, content type and, but for JSON, text."""
        session = self.session if request.session else requests
        url = self.url + ("" if request.path.startswith("/") else "/api/v2/") + request.path
        answer = session.request(request.method, url, timeout=30, allow_redirects=False, **request.arguments)
        kind = answer.headers.get("Content-Type")
        return answer.status_code, kind, "" if kind == "application/json" else answer.text

    def state(self, world: World) -> Outcome:
        """What there is to see after a call."""
        client, (one, _, _, other, *_) = self.client, (made.hash for made in world.all)
        names = ("properties", "trackers", "webseeds", "files")
        return Outcome(
            "ok",
            value={
                "torrents": plain(client.torrents_info()),
                "categories": plain(client.torrents_categories()),
                "tags": sorted(client.torrents_tags()),
                "transfer": plain(client.transfer_info()),
                "speed_limits_mode": client.transfer_speed_limits_mode(),
                **{f"{name} of v1": plain(getattr(client, f"torrents_{name}")(one)) for name in names},
                **{f"{name} of private": plain(getattr(client, f"torrents_{name}")(other)) for name in names},
            },
        )


@dataclass(frozen=True)
class Pair:
    """A qBittorrent 5.1.0, and us over one of the same set-up; both hold the same torrents."""

    plain: Side
    ours: Side
    world: World

    def unlike(self, left: Outcome, right: Outcome) -> dict[str, str]:
        """Where the outcomes differ; a hybrid's hash is another, see the test of it."""
        found = differences(self._in_v1(left), self._in_v1(right))
        return {OF_EACH_TORRENT.sub("[]", place): what for place, what in found.items()}

    def unlike_state(self) -> dict[str, str]:
        """Where the two differ by now, but for what is meant."""
        found = self.unlike(self.plain.state(self.world), self.ours.state(self.world))
        return {place: what for place, what in found.items() if not BY_NAME["torrents_info"].covers(place)}

    def _in_v1(self, outcome: Outcome) -> Outcome:
        text = json.dumps(outcome.value).replace(f'"{self.world.hybrid.hash}"', f'"{self.world.hybrid.v1}"')
        return Outcome(outcome.ended, outcome.kind, json.loads(text))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Our node's disk is shown under the name that the other node's has, so that paths can be compared."""
    require("5.1.0")
    with ExitStack() as stack:
        direct = stack.enter_context(RealNode("5.1.0", name="direct"))
        behind = stack.enter_context(RealNode("5.1.0", name="behind"))
        entry = node_entry(behind, path_map=[{"from": behind.save_path, "to": direct.save_path}])
        auth = {"username": direct.username, "password": direct.password}
        config = {"nodes": [entry], "auth": auth, "sync": {"interval_s": 0.5}}
        ours = stack.enter_context(Dispatcher(config, workers=2))
        world = make_world(direct.save_path)
        sides = [_side(stack, url, auth) for url in (direct.url, ours.url)]
        found = Pair(*sides, world)
        for side in sides:
            fill(side.client, world)
        wait_until(lambda: not found.unlike_state(), 10, "both to list the same torrents")
        yield found


def _side(stack: ExitStack, url: str, auth: dict[str, str]) -> Side:
    client = stack.enter_context(
        Client(
            host=url,
            **auth,
            RAISE_NOTIMPLEMENTEDERROR_FOR_UNIMPLEMENTED_API_ENDPOINTS=True,
            REQUESTS_ARGS={"timeout": 30},
        )
    )
    session = stack.enter_context(requests.Session())
    session.trust_env = False
    session.post(f"{url}/api/v2/auth/login", data=auth, timeout=30).raise_for_status()
    return Side(url, client, session)


def test_every_method_of_the_client_has_a_case() -> None:
    """No method of the client's five groups is left out, and none is made up."""
    assert {name for name in dir(Client) if METHOD.fullmatch(name)} == CASES.keys()


def test_raw_requests_are_answered_with_the_same_status_type_and_text(pair: Pair) -> None:
    """Methods, missing parameters, unknown torrents, foreign bodies, no session. A 400 of ours may say more than
    "Bad Request"."""
    found = {}
    for request in [*sweep(), *chosen(pair.world)]:
        theirs, ours = pair.plain.send(request), pair.ours.send(request)
        says_more = theirs[0] == 400 and theirs[2] in ("Bad Request", "") and theirs[:2] == ours[:2]
        if theirs != ours and not says_more:
            found[request.label] = f"{theirs} against {ours}"
    _assert_meant(found, REQUESTS)


@pytest.mark.parametrize("method", CASES)
def test_the_client_gets_the_same_results_and_the_same_effects(pair: Pair, method: str) -> None:
    """Each call ends alike, answers the same fields of the same types and values, and leaves the same behind."""
    found = {}
    for label, call in CASES[method].items():
        theirs, ours = (outcome_of(lambda: call(side.client, pair.world)) for side in (pair.plain, pair.ours))
        found |= {f"{label}/{place}": what for place, what in pair.unlike(theirs, ours).items()}
    _assert_meant(found, [BY_NAME[method]] if method in BY_NAME else [])
    if not ONLY_READ.match(method):
        wait_until(lambda: not pair.unlike_state(), 5, f"the same to be seen after {method}")


def test_a_hybrid_is_listed_under_its_v1_hash(pair: Pair) -> None:
    """qBittorrent calls it by the start of its v2 hash, *arr by v1; both and the full v2 find it with us."""


def test_the_document_lists_the_differences_that_are_tested() -> None:
    """docs/api-differences.md has a row for each, and no other."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert dict(rows) == {one.what: one.why for one in METHODS + REQUESTS}


def _assert_meant(found: dict[str, str], meant: list[Meant]) -> None:
    unmeant = {place: what for place, what in found.items() if not any(one.covers(place) for one in meant)}
    assert not unmeant, json.dumps(unmeant, indent=1)
    none = [(one.what, pattern) for one in meant for pattern in one.places if not _any_like(found, one.what, pattern)]
    assert not none, "listed, but alike"


def _any_like(found: dict[str, Any], what: str, pattern: str) -> bool:
    return any(Meant(what, "", (pattern,)).covers(place) for place in found)
