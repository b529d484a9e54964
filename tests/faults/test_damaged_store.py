"""The service meets a damaged store: it starts all the same, knows its nodes' torrents again, and doubles none."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import requests

from tests.conftest import node_entry
from tests.faults.test_reload import copies, submit
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

PAGE_BYTES = 4096


def test_the_service_starts_anew_over_a_damaged_store(scripted: Callable[..., ScriptedNode]) -> None:
    """After kill -9 and with most of the file overwritten, several workers start together: all torrents are listed,
    and each that is submitted again is told to be where it is."""
    nodes = [scripted(name=name, free_gib=90_000) for name in "ab"]
    config = {"nodes": [node_entry(node) for node in nodes], "sync": {"interval_s": 0.2, "stale_after_s": 20}}
    with Dispatcher(config, workers=3) as dispatcher:
        made = [made_up_magnet() for _ in range(20)]
        wait_until(lambda: all(submit(dispatcher, one.magnet).ok for one in made), 30, "all torrents to be placed")
        dispatcher.kill_all()
        _overwrite(dispatcher.store_path)
        dispatcher.start()
        told = dispatcher.log_text()
        assert told.count("what can be read of it goes into a new one") == 1
        assert f"the damaged file is kept as {dispatcher.store_path}.damaged-" in told
        wait_until(lambda: all(submit(dispatcher, one.magnet).ok for one in made), 30, "all torrents to be known")
        assert copies(*nodes) == Counter(str(one.v1) for one in made)
        rows = requests.get(f"{dispatcher.url}/api/v2/torrents/info", timeout=20).json()
        assert {row["hash"] for row in rows} == {one.v1 for one in made}


def test_a_store_that_is_damaged_while_it_is_used_is_told_once(scripted: Callable[..., ScriptedNode]) -> None:
    """Submissions are answered with what to do, and the log has a few lines of it however long that lasts; after the
    restart all works again."""
    node = scripted(name="a", free_gib=90_000)
    config = {"nodes": [node_entry(node)], "sync": {"interval_s": 0.05, "stale_after_s": 20}}
    with Dispatcher(config, workers=2) as dispatcher:
        wait_until(lambda: submit(dispatcher, made_up_magnet().magnet).ok, 20, "a torrent to be placed")

        def told() -> bool:
            with closing(sqlite3.connect(dispatcher.store_path)) as store:
                with suppress(sqlite3.DatabaseError):
                    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                _overwrite(dispatcher.store_path)
            answer = submit(dispatcher, made_up_magnet().magnet)
            return answer.status_code == 503 and "restart qbdispatch" in answer.json()["reason"]

        wait_until(told, 20, "submissions to be answered with what to do")
        for _ in range(100):  # meanwhile the watcher and the leader meet it again and again
            assert submit(dispatcher, made_up_magnet().magnet).status_code == 503
        assert 1 <= dispatcher.log_text().count("restart qbdispatch") <= 4
        dispatcher.restart()
        wait_until(lambda: submit(dispatcher, made_up_magnet().magnet).ok, 20, "a torrent to be placed again")


def _overwrite(path: Path) -> None:
    """All but the first page, without changing the size."""
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(b"\xde\xad\xbe\xef" * ((path.stat().st_size - PAGE_BYTES) // 4))
