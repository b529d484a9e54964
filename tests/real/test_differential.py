"""We answer as a real qBittorrent 5.1.0 does: the same calls on one directly and on us over another like it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from qbittorrentapi import Client

from tests.conftest import node_entry
from tests.real.differences import IN_EFFECTS, METHODS, REQUESTS, Meant
from tests.real.differential_cases import CASES
from tests.real.differential_requests import Request, chosen, sweep
from tests.real.differential_world import World, fill, make_world
from tests.rig.availability import require
from tests.rig.comparison import Outcome, differences, outcome_of, plain
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import MadeTorrent

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
        client = self.client
        seen = {
            "torrents": plain(client.torrents_info()),
            "categories": plain(client.torrents_categories()),
            "tags": sorted(client.torrents_tags()),
            "transfer": plain(client.transfer_info()),
            "speed_limits_mode": client.transfer_speed_limits_mode(),
        }
        for made in (world.v1, world.private):
            for name in ("properties", "trackers", "webseeds", "files"):
                found = outcome_of(partial(getattr(client, f"torrents_{name}"), made.hash))
                seen[f"{name} of {made.name}"] = [found.ended, found.value]
        return Outcome("ok", value=seen)


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
        return {
            place: what
            for place, what in found.items()
            if not any(fnmatchcase(place, pattern) for pattern in IN_EFFECTS)
        }

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
        found = Pair(_side(stack, direct.url, **auth), _side(stack, ours.url, **auth), world)
        for side in (found.plain, found.ours):
            fill(side.client, world)
        _assert_alike_soon(found)
        yield found


def _side(stack: ExitStack, url: str, username: str, password: str) -> Side:
    client = stack.enter_context(
        Client(
            host=url,
            username=username,
            password=password,
            RAISE_NOTIMPLEMENTEDERROR_FOR_UNIMPLEMENTED_API_ENDPOINTS=True,
            REQUESTS_ARGS={"timeout": 30},
        )
    )
    session = stack.enter_context(requests.Session())
    session.trust_env = False
    session.post(
        f"{url}/api/v2/auth/login", data={"username": username, "password": password}, timeout=30
    ).raise_for_status()
    return Side(url, client, session)


def test_every_method_of_the_client_has_a_case() -> None:
    """No method of the client's five groups is left out, and none is made up."""
    assert {name for name in dir(Client) if METHOD.fullmatch(name)} == CASES.keys()


def test_raw_requests_are_answered_with_the_same_status_type_and_text(pair: Pair) -> None:
    """Methods, missing parameters, unknown torrents, foreign bodies, no session. A 400 of ours may say more than
    "Bad Request"."""
    found: dict[str, str] = {}
    for request in [*sweep(), *chosen(pair.world)]:
        theirs, ours = pair.plain.send(request), pair.ours.send(request)
        says_more = theirs[0] == ours[0] == 400 and theirs[2] in ("Bad Request", "")
        if theirs != ours and not says_more:
            found[request.label] = f"{theirs} against {ours}"
    _assert_meant(found, REQUESTS)


def test_a_hybrid_is_listed_under_its_v1_hash_where_a_node_says_v2(pair: Pair) -> None:
    """*arr know it by v1, qBittorrent by the start of v2: in the list, the changes, properties and added peers."""
    made = pair.world.hybrid
    for side, expected in ((pair.plain, made.hash), (pair.ours, made.v1)):
        client = side.client
        rows = client.torrents_info(torrent_hashes=made.hash)
        peers = client.torrents_add_peers(["127.0.0.1:1"], made.hash)
        assert [row["hash"] for row in rows] == list(peers) == [expected]
        assert client.torrents_properties(made.hash)["hash"] == expected
        assert expected in plain(client.sync_maindata())["torrents"]


def test_moves_in_the_queue_have_the_same_outcome(pair: Pair) -> None:
    """With a queue the four moves leave the torrents in the same order, on both sides as soon as a node tells it."""
    sides, order = (pair.plain, pair.ours), list(pair.world.all)
    first, second, *_, last = order
    for side in sides:
        side.client.app_set_preferences({"queueing_enabled": True})
        for made in order:
            side.client.torrents_bottom_priority(made.hash)
    _assert_order_soon(pair, order)
    moves = {"top": (last, 0), "bottom": (first, len(order) - 1), "increase": (second, 0), "decrease": (last, 2)}
    for name, (moved, place) in moves.items():
        order.remove(moved)
        order.insert(place, moved)
        for side in sides:
            getattr(side.client, f"torrents_{name}_priority")(moved.hash)
        _assert_order_soon(pair, order)
    for side in sides:
        side.client.app_set_preferences({"queueing_enabled": False})


@pytest.mark.parametrize("method", CASES)
def test_the_client_gets_the_same_results_and_the_same_effects(pair: Pair, method: str) -> None:
    """Each call ends alike, answers the same fields of the same types and values, and leaves the same behind."""
    found: dict[str, str] = {}
    for label, call in CASES[method].items():
        theirs, ours = (outcome_of(partial(call, side.client, pair.world)) for side in (pair.plain, pair.ours))
        found |= {f"{label}/{place}": what for place, what in pair.unlike(theirs, ours).items()}
    _assert_meant(found, [BY_NAME[method]] if method in BY_NAME else [])
    if not ONLY_READ.match(method):
        _assert_alike_soon(pair)


def test_the_document_lists_the_differences_that_are_tested() -> None:
    """docs/api-differences.md has a row for each, and no other."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert dict(rows) == {one.what: one.why for one in METHODS + REQUESTS}


def _assert_alike_soon(pair: Pair) -> None:
    """What one side does in the background, as when it checks a torrent, the other does at its own pace."""
    left: dict[str, str] = {"": "not looked at"}

    def is_alike() -> bool:
        nonlocal left
        left = pair.unlike_state()
        return not left

    with suppress(AssertionError):
        wait_until(is_alike, 8, "the same to be seen")
    assert not left


def _assert_order_soon(pair: Pair, order: list[MadeTorrent]) -> None:
    """A node moves torrents at once, but tells of it only when it next renews what it shows."""
    names = [made.name for made in order]
    for side in (pair.plain, pair.ours):
        wait_until(partial(_has_order, side, names), 8, f"{side.url} to list {names}")


def _has_order(side: Side, names: list[str]) -> bool:
    return [row["name"] for row in side.client.torrents_info(sort="priority")] == names


def _assert_meant(found: dict[str, str], meant: list[Meant]) -> None:
    unmeant = {place: what for place, what in found.items() if not any(one.covers(place) for one in meant)}
    assert not unmeant, json.dumps(unmeant, indent=1)
    none = [(one.what, pattern) for one in meant for pattern in one.places if not _any_like(found, one.what, pattern)]
    assert not none, "listed, but alike"


def _any_like(found: dict[str, Any], what: str, pattern: str) -> bool:
    return any(Meant(what, "", (pattern,)).covers(place) for place in found)
