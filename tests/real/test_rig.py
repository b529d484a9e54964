"""The rig itself: real nodes do what the tests built on them take for granted, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.rig import availability
from tests.rig.availability import VERSIONS, Version, require
from tests.rig.disks import GIB, Disk, mounts_below
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import process_state, wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import Seeder, made_up_magnet, make_torrent

pytestmark = pytest.mark.real


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Version:
    """Each version this machine can run."""
    wanted: Version = request.param
    require(wanted)
    return wanted


@pytest.fixture
def node(version: Version) -> Iterator[RealNode]:
    with RealNode(version, size_gib=200) as running:
        yield running


def _wait_for_free_space(node: RealNode, size_gib: float) -> None:
    # The first answer after a login may say 0: the figure is gathered in the background.
    expected = pytest.approx(size_gib * GIB, rel=0.01)
    wait_until(lambda: node.session().free_bytes() == expected, 10, f"{node.name} to report {size_gib} GiB")


def _assert_gone(folder: Path, pid: int) -> None:
    assert not folder.exists()
    assert mounts_below(folder) == []
    assert process_state(pid) is None


def test_a_node_takes_magnets_and_huge_torrents(node: RealNode) -> None:
    """A login works, a magnet and 40 GiB that nobody wrote are listed, free space is the disk's."""
    session = node.session()
    magnet, huge = made_up_magnet(), make_torrent("huge", 40 * GIB)
    assert session.add(urls=magnet.magnet)
    assert session.add(torrent=huge.data)
    wait_until(lambda: session.hashes() == {magnet.hash, huge.hash}, 10, "both to be listed")
    wait_until(lambda: (session.torrent(huge.hash) or {})["amount_left"] == 40 * GIB, 10, "40 GiB to be left")
    _wait_for_free_space(node, 200)
    assert session.preferences()["save_path"] == node.save_path
    session.delete(magnet.hash)
    wait_until(lambda: session.hashes() == {huge.hash}, 10, "the magnet to be gone")


def test_the_process_we_hold_is_qbittorrent_itself(node: RealNode) -> None:
    """Signals reach it, not a shell around it."""
    assert Path(f"/proc/{node.pid}/comm").read_text().strip() == "qbittorrent-nox"


def test_a_disk_changes_its_size_under_a_running_node(node: RealNode) -> None:
    """The filesystem shows it at once; the node itself within its 30 seconds."""
    node.disk.resize(50)
    assert node.disk.free_bytes == pytest.approx(50 * GIB, rel=0.01)
    with RealNode(node.version, disk=node.disk) as neighbour:
        _wait_for_free_space(neighbour, 50)


def test_a_paused_node_answers_nobody_until_it_is_resumed(node: RealNode) -> None:
    """The connection is taken, the answer does not come."""
    address = f"{node.url}/api/v2/app/version"
    node.pause()
    with pytest.raises(requests.ReadTimeout):
        requests.get(address, timeout=0.3)
    node.resume()
    assert requests.get(address, timeout=10).status_code == 403


@pytest.mark.parametrize("end", ["stop", "kill", "stop while paused"])
def test_a_node_comes_back_with_its_torrents(node: RealNode, end: str) -> None:
    """After an orderly end as after SIGKILL, on the same port, with the same disk."""
    torrent = make_torrent("kept", 40 * GIB)
    assert node.session().add(torrent=torrent.data)
    resume_file = f"profile/qBittorrent/data/BT_backup/{torrent.hash}.fastresume"
    wait_until((node.folder / resume_file).exists, 10, "the torrent to be saved")
    first_pid = node.pid
    if end == "stop while paused":
        node.pause()
    if end == "kill":
        node.kill()
    else:
        node.stop()
    assert process_state(first_pid) is None
    node.start()
    wait_until(lambda: node.session().hashes() == {torrent.hash}, 10, "the torrent to be back")


def test_two_nodes_can_stand_on_one_disk(version: Version, tmp_path: Path) -> None:
    """As nodes of one pool do; the disk stays its owner's."""
    disk = Disk(tmp_path / "pool", 70)
    try:
        with RealNode(version, disk=disk, name="one") as one, RealNode(version, disk=disk, name="two") as two:
            for node in (one, two):
                _wait_for_free_space(node, 70)
        assert disk.path.is_mount()
    finally:
        disk.close()
    assert not disk.path.exists()


def test_a_seeded_magnet_downloads(node: RealNode) -> None:
    """The peer in the magnet is found without tracker, DHT or any other network."""
    with Seeder() as seeder:
        torrent = seeder.share("small.bin", 300_000)
        assert node.session().add(urls=torrent.magnet)
        wait_until(lambda: (node.session().torrent(torrent.hash) or {}).get("progress") == 1, 60, "the download")
    assert (node.disk.path / "small.bin").stat().st_size == 300_000


def test_nothing_is_left_after_a_node(version: Version) -> None:
    """No folder, no mount, no process."""
    with RealNode(version) as node:
        node.session().torrents()
        folder, pid = node.folder, node.pid
        assert mounts_below(folder) == [folder / "disk"]
    _assert_gone(folder, pid)


def test_nothing_is_left_when_the_body_fails(version: Version) -> None:
    """Also when the node is paused at that moment."""
    seen = []

    def body() -> None:
        with RealNode(version) as node:
            seen.append((node.folder, node.pid))
            node.pause()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    _assert_gone(*seen[0])


@pytest.mark.alone
def test_nothing_is_left_when_the_start_fails(version: Version) -> None:
    """A node that cannot start says so; process, disk and folder are gone all the same."""
    with RealNode(version) as first:
        second = RealNode(version)
        # Two on one port: the second cannot listen, and 403 from the first must not pass for its own.
        second.web_port = first.web_port
        second.start_seconds = 2
        before = set(first.folder.parent.iterdir())
        with pytest.raises(AssertionError, match=r"waited 2 s in vain|ended while starting"):
            second.start()
        assert set(first.folder.parent.iterdir()) == before
        assert not second.running


def test_the_dispatcher_comes_back_after_everything_was_killed() -> None:
    """SIGKILL for master and workers at once; the store stays, a new leader is found, nothing is left."""
    with ScriptedNode() as node:
        entry = {"name": node.name, "url": node.url, "username": node.username, "password": node.password}
        with Dispatcher({"nodes": [entry], "sync": {"interval_s": 1}}, workers=3) as dispatcher:
            first = [dispatcher.pid, *dispatcher.worker_pids()]
            assert len(first) == 4
            assert dispatcher.leader_pid() in first[1:]
            dispatcher.kill_all()
            assert [pid for pid in first if process_state(pid) not in {None, "Z"}] == []
            assert dispatcher.store_path.exists()
            dispatcher.start()
            wait_until(lambda: dispatcher.leader_pid() in dispatcher.worker_pids(), 60, "a new worker to be leader")
            last = [dispatcher.pid, *dispatcher.worker_pids()]
            folder = dispatcher.folder
        assert [pid for pid in last if process_state(pid) not in {None, "Z"}] == []
        assert not folder.exists()


def test_a_dispatcher_that_cannot_start_says_why_and_leaves_nothing() -> None:
    """Its log comes with the error."""
    dispatcher = Dispatcher({"nodes": "nonsense"}, workers=1)
    with pytest.raises(AssertionError, match="ended while starting") as caught:
        dispatcher.start()
    assert "nodes" in "".join(caught.value.__notes__)
    assert not dispatcher.running


def test_a_missing_version_is_skipped_with_its_reason_but_not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI=true only the one from Debian unstable may be missing."""
    missing: dict[Version, str | None] = dict.fromkeys(VERSIONS, "not installed")
    monkeypatch.setattr(availability, "versions_available", lambda: missing)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"4\.5\.2: not installed"):
        require("4.5.2")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"4\.5\.2: not installed"):
        require("4.5.2")
    with pytest.raises(pytest.skip.Exception, match=r"5\.3\.0: not installed"):
        require("5.3.0")
