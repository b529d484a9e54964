"""The disk that holds the store fills up: nothing is taken that is not recorded, lists are served on, and all works
again once there is room."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from qbdispatch.store.engine import Store, StoreUnavailable
from tests.conftest import AppMaker, node_entry, poll
from tests.rig.disks import GIB, Disk, why_no_mounts
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

MIB = 1 / 1024
pytestmark = pytest.mark.skipif(why_no_mounts() is not None, reason=str(why_no_mounts()))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "data", 4 * MIB)
    yield disk
    disk.close()


def submit(client: FlaskClient, magnet: str) -> tuple[int, dict[str, Any]]:
    answer = client.post("/submit", json={"magnet": magnet, "size_estimate_gb": 0.001})
    return answer.status_code, answer.get_json()


def test_a_full_disk_is_named_and_survived(
    make_app: AppMaker, scripted: Callable[..., ScriptedNode], disk: Disk
) -> None:
    """503 says which disk is full; what a node has was recorded, and what was refused can be placed afterwards."""
    node = scripted(name="a", free_gib=90_000)
    app = make_app(
        [node_entry(node)],
        database_url=f"sqlite:///{disk.path}/store.sqlite3",
        dispatcher={"max_downloads": 100_000},
        auth={"api_keys": ["key"]},
    )
    client = app.test_client()
    made = [made_up_magnet() for _ in range(30)]
    assert [submit(client, one.magnet)[0] for one in made[:5]] == [200] * 5
    filler = disk.path / "filler"
    _fill(filler, disk)
    answers = {one.v1: submit(client, one.magnet) for one in made[5:]}
    refused = {hash_: body["reason"] for hash_, (status, body) in answers.items() if status == 503}
    assert refused
    assert all("the disk that holds the store" in reason and "is full" in reason for reason in refused.values())
    accepted = {str(one.v1) for one in made[:5]} | {str(hash_) for hash_ in answers if hash_ not in refused}
    assert len(node.torrents_by_hash.keys() - accepted) <= 1, "only one whose claim was still written"
    listed = client.get("/api/v2/torrents/info", headers={"Authorization": "Bearer key"})
    assert accepted <= {row["hash"] for row in listed.get_json()}

    filler.unlink()
    poll(app)
    assert [submit(client, one.magnet)[0] for one in made] == [200] * len(made)
    assert node.torrents_by_hash.keys() == {one.v1 for one in made}


def test_a_start_on_a_full_disk_is_told_why_it_fails(disk: Disk) -> None:
    """SQLite needs room for its companions even to read; with room made all is there."""
    url = f"sqlite:///{disk.path}/store.sqlite3"
    Store(url).close()
    filler = disk.path / "filler"
    _fill(filler, disk)
    with pytest.raises(StoreUnavailable, match=r"the disk that holds the store, .* is full"):
        Store(url)
    filler.unlink()
    Store(url).close()


def _fill(filler: Path, disk: Disk) -> None:
    """With all that is left; a page may still be free inside the store's own files."""
    with filler.open("wb", buffering=0) as file:
        while disk.free_bytes:
            try:
                file.write(b"\0" * min(disk.free_bytes, GIB))
            except OSError:
                return
