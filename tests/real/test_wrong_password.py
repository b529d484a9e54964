"""A wrong password must not get us banned, however many workers and callers there are."""

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from tests.conftest import node_entry
from tests.real.conftest import fleet_of, submit
from tests.rig.dispatcher import Dispatcher
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet


def test_all_workers_together_try_a_wrong_password_at_most_twice_in_10_minutes(
    scripted: Callable[..., ScriptedNode], stack: ExitStack
) -> None:
    """4 workers, a poller, 40 calls of /nodes and 40 submissions: one login reaches the node; the next is no sooner
    than 5 minutes later, so that any 10 minutes see 2 at most. /nodes says auth_failed and what to do."""
    wrong, right = scripted("5.1.0", name="wrong"), scripted("5.1.0", name="right")
    config = {"nodes": [node_entry(wrong, password="not-this-one"), node_entry(right)]}
    began = time.time()
    dispatcher = stack.enter_context(Dispatcher(config, workers=4))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fleet_of(dispatcher), range(40)))
        magnets = [made_up_magnet(f"torrent {number}").magnet for number in range(40)]
        placed = [
            answer.json()["selected_node"]
            for answer in pool.map(lambda it: submit(dispatcher, magnet=it, size_estimate_gb=1), magnets)
        ]
    assert placed == ["right"] * 40
    assert wrong.calls["auth/login"] == 1

    row = fleet_of(dispatcher)["wrong"]
    assert row["reachable"] is False
    assert [reason["code"] for reason in row["reasons"]][:1] == ["auth_failed"]
    assert "Correct username and password" in row["error"]
    assert "not-this-one" not in str(row)
    with closing(sqlite3.connect(dispatcher.store_path)) as store:
        (retry_at,) = store.execute("SELECT retry_at FROM sessions WHERE node = 'wrong'").fetchone()
    assert retry_at - began >= 300
