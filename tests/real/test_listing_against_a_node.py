"""The list over the fleet is the list of one node that holds all the torrents: filters, sorts, limits, offsets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qbdispatch.app import create_app
from qbdispatch.config.loader import load_settings
from qbdispatch.services import EXTENSION
from tests.conftest import node_entry, poll
from tests.rig.availability import require
from tests.rig.direct import DirectSession
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.swarm import Kind, made_up_magnet, make_torrent

pytestmark = pytest.mark.real
KINDS: tuple[Kind, ...] = ("v1", "v2", "hybrid")
BY_STATE, ERRORED = ("stopped", "running"), ("error", "missingFiles")
"""These filters of ours go by the listed state; a node knows of one in error too whether it is stopped."""
COMPLETE, MISSING = (1, 9, 15, 36), (8, 22)
CATEGORIES, TAGS = ("", "tv", "films", "Ärger"), ("", "one", "one,two", "drei")
# fmt: off
FILTERS = (
    "all", "downloading", "seeding", "completed", "stopped", "running", "active", "inactive", "stalled",
    "stalled_uploading", "stalled_downloading", "checking", "moving", "errored", "Stopped", "nonsense",
)
SORTS = (
    "name", "size", "total_size", "progress", "state", "category", "tags", "added_on", "amount_left", "completed",
    "dl_limit", "up_limit", "num_seeds", "save_path", "content_path", "magnet_uri", "seq_dl", "f_l_piece_prio",
    "force_start", "auto_tmm", "ratio", "has_metadata", "infohash_v1", "infohash_v2", "downloaded", "eta",
    "super_seeding", "trackers_count", "root_path", "comment",
)
# fmt: on
"""All but what the clock moves, `hash` and the share limits, which we show otherwise, and `private`, by which a node
cannot order: a magnet's is null."""


def _fill(node: RealNode) -> None:
    """Forty torrents: stopped, running, complete, missing their files, and without metadata."""
    session = node.session()
    for number in range(40):
        fields: dict[str, Any] = {
            "category": CATEGORIES[number % 4],
            "tags": TAGS[number % 3 + (number % 8 == 7)],
            "stopped": str(number % 5 != 0).lower(),
            "sequentialDownload": str(number % 2 == 0).lower(),
            "dlLimit": str(number % 3 * 10_240),
            "skip_checking": str(number in COMPLETE + MISSING).lower(),
            "contentLayout": "Subfolder" if number % 2 and number not in COMPLETE else "Original",
        }
        name = f"{'aBcÄß𐍈ﬀ_'[number % 8]}{number % 6} torrent"
        if number % 6 == 5:
            assert session.add(urls=made_up_magnet(name).magnet, **fields)
        else:
            made = make_torrent(name, (number % 9 + 1) * 1_000_003, KINDS[number % 3], private=number % 4 == 0)
            if number in COMPLETE:
                with (node.disk.path / name).open("wb") as file:
                    file.truncate(made.size_bytes)
            assert session.add(torrent=made.data, **fields)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DirectSession, FlaskClient]]:
    """A node at rest, and us with a mirror of it."""
    require("5.1.0")
    with ExitStack() as stack:
        node = stack.enter_context(RealNode("5.1.0", name="one"))
        session = node.session()
        _fill(node)
        rest = ("checkingDL", "checkingUP", "checkingResumeData")
        wait_until(lambda: _count(session) == 40 and not _in_states(session, rest), 20, "all torrents to be at rest")
        app = _app_over(node, tmp_path_factory.mktemp("listing"))
        stack.callback(app.extensions[EXTENSION].store.close)
        yield session, app.test_client()


def _app_over(node: RealNode, folder: Path) -> Flask:
    path = folder / "config.yaml"
    entry = node_entry(node)
    path.write_text(yaml.safe_dump({"nodes": [entry], "database_url": f"sqlite:///{folder / 'store.sqlite3'}"}))
    app = create_app(load_settings(path, environ={}))
    poll(app)
    return app


def _count(session: DirectSession) -> int:
    return len(session.torrents())


def _in_states(session: DirectSession, states: tuple[str, ...]) -> bool:
    return any(row["state"] in states for row in session.torrents())


NARROWING = {
    "filter": st.sampled_from(FILTERS),
    "category": st.sampled_from((*CATEGORIES, "none")),
    "tag": st.sampled_from(("", "one", "two", "drei", "none")),
    "private": st.sampled_from(("true", "False", "x")),
    "hashes": st.lists(st.integers(0, 41), max_size=30),
}
CUTTING = {"limit": st.integers(-2, 45).map(str), "offset": (st.integers(-9, 9) | st.integers(-45, 45)).map(str)}


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    """At most two filters, so that something is left to sort and to cut."""
    names = draw(st.lists(st.sampled_from(sorted(NARROWING)), max_size=2, unique=True))
    query = {name: draw(NARROWING[name]) for name in names}
    if draw(st.integers(0, 3)):
        query |= {"sort": draw(st.sampled_from(SORTS)), "reverse": draw(st.sampled_from(("true", "false")))}
    if query.get("filter") not in BY_STATE:
        query |= {name: draw(CUTTING[name]) for name in draw(st.sets(st.sampled_from(sorted(CUTTING))))}
    return query


def test_a_node_has_torrents_in_every_state_that_can_be_kept(held: tuple[DirectSession, FlaskClient]) -> None:
    """The set under the next test is as varied as it is meant to be."""
    states = {row["state"] for row in held[0].torrents()}
    assert states >= {"stoppedDL", "stalledDL", "metaDL", "stoppedUP", "stalledUP", "missingFiles"}


@settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(query=queries())
def test_any_query_lists_the_same_torrents_in_the_same_order(
    held: tuple[DirectSession, FlaskClient], query: dict[str, Any]
) -> None:
    """The order of torrents that are alike in what is sorted by is free; without a sort, all order is."""
    session, client = held
    ids = [*sorted(session.hashes()), "0" * 40, "all"]
    asked = dict(query)
    if "hashes" in asked:
        asked["hashes"] = "|".join(ids[index] for index in asked["hashes"])
    theirs = session.torrents(**asked)
    ours = json.loads(client.get("/api/v2/torrents/info", query_string=asked).text)
    if query.get("filter") in BY_STATE:
        theirs, ours = ([row for row in rows if row["state"] not in ERRORED] for rows in (theirs, ours))
    assert len(ours) == len(theirs)
    if sort := query.get("sort"):
        assert [row[sort] for row in ours] == [row[sort] for row in theirs]
    if not query.keys() & CUTTING.keys():  # where some are left out, those that are alike may be others
        assert _matching(ours) == _matching(theirs)


def _matching(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What tells torrents apart on both sides: a hybrid has another `hash` with us."""
    return {(row["infohash_v1"], row["infohash_v2"]) for row in rows}
