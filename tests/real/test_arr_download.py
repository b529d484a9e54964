"""Real downloads through Sonarr's sequence: where it imports from, and when it may remove."""

from functools import partial
from pathlib import Path

import pytest

from tests.real.arr_stage import fleet, grab
from tests.real.conftest import StartDispatcher, StartNode, copies
from tests.rig.arr_client import ArrClient, SeedLimits
from tests.rig.arr_rules import Item
from tests.rig.processes import wait_until
from tests.rig.swarm import Seeder

pytestmark = pytest.mark.real
SIZE_BYTES = 3 * 2**20
UNTIL_DONE = SeedLimits(ratio=0)


def item_when(arr: ArrClient, download_id: str, flag: str) -> Item:
    """The torrent as soon as a poll says so of it; every poll lists it."""

    def polled() -> Item | None:
        item = arr.poll()[download_id]
        return item if getattr(item, flag) else None

    return wait_until(polled, 40, f"{download_id} {flag}") or pytest.fail("never")


def lists(arr: ArrClient, download_id: str) -> bool:
    return download_id in arr.poll()


def is_gone(file: Path) -> bool:
    return not file.exists()


def test_a_download_is_imported_from_where_its_node_put_it_and_its_files_go_with_it(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """On each version: a magnet becomes a completed item whose path names the file on that node's disk, in the words
    of the node's `path_map`, and in the node's own for another dispatcher over the same nodes that has none; its
    removal deletes the file, and both stop listing it."""
    nodes = fleet(start_node)
    mapped = {
        node.name: {"categories": [node.name], "path_map": [{"from": node.save_path, "to": f"/data/{node.name}"}]}
        for node in nodes
    }
    url = start_dispatcher(nodes, workers=3, own=mapped).url
    plain_url = start_dispatcher(nodes, workers=1).url
    with Seeder() as seeder:
        grabbed = []
        for node in nodes:
            sonarr, made = ArrClient(url, category=node.name), seeder.share(f"on {node.name}.bin", SIZE_BYTES)
            sonarr.test()
            grabbed.append((node, sonarr, made.name, grab(sonarr, made)))
        for node, sonarr, name, download_id in grabbed:
            item = item_when(sonarr, download_id, "is_importable")
            assert item.output_path == f"/data/{node.name}/{name}"
            assert item.row["save_path"] == f"/data/{node.name}"
            unmapped = ArrClient(plain_url, category=node.name)
            wait_until(partial(lists, unmapped, download_id), 20, "the other dispatcher to have seen it")
            plain = item_when(unmapped, download_id, "is_importable")
            assert (plain.output_path, plain.row["save_path"]) == (f"{node.save_path}/{name}", node.save_path)
            assert (node.disk.path / name).stat().st_size == SIZE_BYTES
        for node, sonarr, name, download_id in grabbed:
            sonarr.remove(download_id)
            assert sonarr.poll() == {}
            wait_until(partial(is_gone, node.disk.path / name), 10, f"{name} to be deleted")
    assert copies(nodes) == {}
    wait_until(lambda: ArrClient(plain_url, category="").poll() == {}, 20, "the other dispatcher to see it")


def test_only_what_has_reached_its_own_nodes_limit_may_be_removed(
    start_node: StartNode, start_dispatcher: StartDispatcher
) -> None:
    """One node stops torrents at ratio 0, the other has no limit. Of finished and stopped torrents, *arr may remove
    (and move) those that have no limit of their own on the one, and those that asked for ratio 0 on the other; not
    those without a limit on the other."""
    strict, lenient = nodes = [start_node(name, "5.1.0") for name in ("strict", "lenient")]
    strict.session().set_preferences('{"max_ratio_enabled": true, "max_ratio": 0}')
    dispatcher = start_dispatcher(nodes, workers=2, own={node.name: {"categories": [node.name]} for node in nodes})
    on_strict, on_lenient = (ArrClient(dispatcher.url, "radarr", category=node.name) for node in nodes)
    with Seeder() as seeder:
        global_limit = grab(on_strict, seeder.share("global limit.bin", SIZE_BYTES))
        own_limit = grab(on_lenient, seeder.share("own limit.bin", SIZE_BYTES), UNTIL_DONE)
        no_limit = grab(on_lenient, seeder.share("no limit.bin", SIZE_BYTES))
        item_when(on_lenient, no_limit, "is_importable")
        lenient.session().post("torrents/stop", hashes=no_limit.lower())
        item_when(on_strict, global_limit, "can_be_removed")
        item_when(on_lenient, own_limit, "can_be_removed")
        wait_until(lambda: on_lenient.poll()[no_limit].row["state"] == "stoppedUP", 20, "the stop to be seen")
        stopped = on_lenient.poll()[no_limit]
        assert (stopped.is_importable, stopped.can_be_removed) == (True, False)
