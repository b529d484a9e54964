"""SIGHUP and SIGTERM to gunicorn's master: a changed configuration in all workers, a faulty one in none, and nothing
that was accepted is lost or doubled."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
import yaml

from tests.conftest import node_entry
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet

WORKERS = 2
Start = Callable[..., Dispatcher]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts gunicorn over these nodes and waits until each has been polled."""
    with ExitStack() as stack:

        def started(*nodes: ScriptedNode) -> Dispatcher:
            config = {
                "nodes": [node_entry(node) for node in nodes],
                "sync": {"interval_s": 0.2},
                "dispatcher": {"max_downloads": 100_000},
            }
            dispatcher = stack.enter_context(Dispatcher(config, workers=WORKERS))
            wait_until(lambda: all(node.calls["sync/maindata"] for node in nodes), 20, "all nodes to be polled")
            return dispatcher

        yield started


def write_nodes(dispatcher: Dispatcher, *nodes: ScriptedNode, **more: Any) -> None:
    settings = yaml.safe_load(dispatcher.config_path.read_text())
    settings["nodes"] = [node_entry(node) for node in nodes]
    dispatcher.config_path.write_text(yaml.safe_dump(settings | more))


def reload(dispatcher: Dispatcher) -> None:
    """SIGHUP, and wait until all workers are new ones and none of the old is left."""
    before = set(dispatcher.worker_pids())
    os.kill(dispatcher.pid, signal.SIGHUP)

    def renewed() -> bool:
        now = set(dispatcher.worker_pids())
        return len(now) == WORKERS and not now & before

    wait_until(renewed, 30, "all workers to be new")


def names(dispatcher: Dispatcher) -> list[str]:
    return [row["name"] for row in requests.get(f"{dispatcher.url}/nodes", timeout=20).json()]


def submit(dispatcher: Dispatcher, magnet: str, client: Any = requests) -> requests.Response:
    answer: requests.Response = client.post(f"{dispatcher.url}/submit", json={"magnet": magnet}, timeout=60)
    return answer


def copies(*nodes: ScriptedNode) -> Counter[str]:
    return Counter(hash_ for node in nodes for hash_ in node.torrents_by_hash)


@contextmanager
def clients(dispatcher: Dispatcher, count: int) -> Iterator[tuple[list[str], list[str]]]:
    """Threads that list and submit without a pause; yields the hashes that were accepted, and what went wrong."""
    over, accepted, wrong = threading.Event(), list[str](), list[str]()

    def work() -> None:
        with requests.Session() as session:
            while not over.is_set():
                made = made_up_magnet()
                try:
                    listed = session.get(f"{dispatcher.url}/api/v2/torrents/info", timeout=20)
                    answer = submit(dispatcher, made.magnet, session)
                except requests.RequestException as error:
                    wrong.append(repr(error))
                    continue
                wrong.extend(f"{one.status_code} {one.text}" for one in (listed, answer) if one.status_code != 200)
                if answer.status_code == 200:
                    accepted.append(str(made.v1))

    with ThreadPoolExecutor(count) as pool:
        running = [pool.submit(work) for _ in range(count)]
        try:
            yield accepted, wrong
        finally:
            over.set()
        for future in running:
            future.result()


def test_nodes_come_and_go_in_five_reloads_under_load(start: Start, scripted: Callable[..., ScriptedNode]) -> None:
    """No request of four clients fails; what is added gets torrents, what is removed gets none any more, and each
    torrent that was accepted is on one node."""
    stays, leaves, comes = (scripted(name=name, free_gib=90_000) for name in ("stays", "leaves", "comes"))
    dispatcher = start(stays, leaves)
    with clients(dispatcher, 4) as (accepted, wrong):
        for turn in range(5):
            added, removed = (comes, leaves) if turn % 2 == 0 else (leaves, comes)
            write_nodes(dispatcher, stays, added)
            reload(dispatcher)
            had, taken = len(removed.adds), len(added.adds)
            wait_until(lambda: len(added.adds) > taken, 20, "the added node to get a torrent")  # noqa: B023
            assert len(removed.adds) == had
    assert wrong == []
    assert len(accepted) > 20
    found = copies(stays, leaves, comes)
    assert {hash_: found[hash_] for hash_ in accepted} == dict.fromkeys(accepted, 1)
    assert names(dispatcher) == ["stays", "comes"]


def test_a_faulty_configuration_changes_nothing(start: Start, scripted: Callable[..., ScriptedNode]) -> None:
    """All its faults are in the log, the same workers serve on, and one that is started anew, after a crash, comes up
    with the configuration that was in force."""
    node = scripted(name="a")
    dispatcher = start(node)
    workers = dispatcher.worker_pids()
    dispatcher.config_path.write_text("nodes:\n  - {name: a, url: nowhere:1}\n  - {nam: b}\n")
    os.kill(dispatcher.pid, signal.SIGHUP)
    wait_until(lambda: "goes on with the one before" in dispatcher.log_text(), 20, "the faults to be told")
    log = dispatcher.log_text()
    for fault in ('nodes[0].url: "nowhere:1" has no scheme', "nodes[1].nam: is not a setting", "nodes[1].url: is miss"):
        assert fault in log
    assert dispatcher.worker_pids() == workers
    os.kill(workers[0], signal.SIGKILL)
    wait_until(lambda: _two_others(dispatcher, workers[0]), 20, "another worker")
    os.kill(workers[1], signal.SIGKILL)
    wait_until(lambda: _two_others(dispatcher, *workers), 20, "another worker")
    assert names(dispatcher) == ["a"]
    assert submit(dispatcher, made_up_magnet().magnet).json()["selected_node"] == "a"


def _two_others(dispatcher: Dispatcher, *gone: int) -> bool:
    now = dispatcher.worker_pids()
    return len(now) == WORKERS and not set(now) & set(gone)


def test_a_store_that_cannot_be_opened_is_refused_as_well(start: Start, scripted: Callable[..., ScriptedNode]) -> None:
    """Workers that cannot open their store would end the service."""
    node = scripted(name="a")
    dispatcher = start(node)
    workers = dispatcher.worker_pids()
    write_nodes(dispatcher, node, database_url=f"sqlite:///{dispatcher.folder}/missing/store.sqlite3")
    os.kill(dispatcher.pid, signal.SIGHUP)
    wait_until(lambda: "missing does not exist; create it" in dispatcher.log_text(), 20, "the fault to be told")
    assert (dispatcher.worker_pids(), names(dispatcher)) == (workers, ["a"])


def test_a_faulty_configuration_is_refused_at_start(scripted: Callable[..., ScriptedNode]) -> None:
    """All its faults at once, and no worker is ever started."""
    dispatcher = Dispatcher({"nodes": [{"name": "a", "url": "nowhere:1"}, {"name": "b"}]})
    with pytest.raises(AssertionError, match="ended while starting") as caught:
        dispatcher.start()
    told = "\n".join(caught.value.__notes__)
    assert "qbdispatch cannot start:" in told
    assert 'nodes[0].url: "nowhere:1" has no scheme' in told
    assert "nodes[1].url: is missing" in told
    assert "Booting worker" not in told


def test_a_stopping_leader_lets_another_lead_while_it_finishes_a_request(
    start: Start, scripted: Callable[..., ScriptedNode]
) -> None:
    """A node that is added is polled at once, though an old worker still waits for a slow add; that add is answered."""
    slow, added = scripted(name="slow"), scripted(name="added")
    dispatcher = start(slow)
    slow.delay_seconds["torrents/add"] = 8
    with ThreadPoolExecutor(2 * WORKERS) as pool:
        answers = [pool.submit(submit, dispatcher, made_up_magnet().magnet) for _ in range(2 * WORKERS)]
        wait_until(lambda: slow.calls["torrents/add"] == 2 * WORKERS, 10, "the adds to be under way")
        write_nodes(dispatcher, slow, added)
        os.kill(dispatcher.pid, signal.SIGHUP)
        wait_until(lambda: added.calls["sync/maindata"], 7, "a new leader to poll the new node")
        assert not any(answer.done() for answer in answers), "the adds were to be still under way"
        assert [answer.result().json()["status"] for answer in answers] == ["accepted"] * 2 * WORKERS


def test_a_stopping_service_gives_its_port_up_while_it_finishes_a_request(
    start: Start, scripted: Callable[..., ScriptedNode]
) -> None:
    """A proxy is refused at once and asks another host, instead of waiting for one that takes nothing any more; the
    add under way is answered."""
    slow = scripted(name="slow")
    dispatcher = start(slow)
    slow.delay_seconds["torrents/add"] = 8
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(submit, dispatcher, made_up_magnet().magnet)
        wait_until(lambda: slow.calls["torrents/add"], 10, "the add to be under way")
        os.kill(dispatcher.pid, signal.SIGTERM)
        wait_until(lambda: _refuses(dispatcher.port), 6, "connections to be refused")
        assert not answer.done(), "the add was to be still under way"
        assert answer.result().json()["status"] == "accepted"


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_finishes_what_runs(start: Start, scripted: Callable[..., ScriptedNode]) -> None:
    """Every submission that reached us is answered; after the restart each accepted torrent is on one node, and so is
    each of them all once they have been submitted again."""
    nodes = [scripted(name=name, free_gib=90_000) for name in "ab"]
    dispatcher = start(*nodes)
    for node in nodes:
        node.delay_seconds["torrents/add"] = 1
    made = [made_up_magnet() for _ in range(60)]
    answered: dict[str, str] = {}

    def place(number: int) -> None:
        try:
            answer = submit(dispatcher, made[number].magnet)
        except requests.ConnectionError:
            return  # it came after the end
        answered[str(made[number].v1)] = answer.json()["status"]

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(place, number) for number in range(len(made))]
        wait_until(lambda: sum(node.calls["torrents/add"] for node in nodes) > 10, 20, "adds to be under way")
        began = time.monotonic()
        os.kill(dispatcher.pid, signal.SIGTERM)
        wait_until(lambda: not dispatcher.running, 30, "the service to end")
        took = time.monotonic() - began
        for future in running:
            future.result()
    assert took < 10
    accepted = [hash_ for hash_, status in answered.items() if status == "accepted"]
    assert accepted
    assert set(answered.values()) <= {"accepted", "failed", "rejected"}
    assert copies(*nodes) == Counter(accepted), "what a node took was answered"

    for node in nodes:
        node.delay_seconds.clear()
    dispatcher.start()
    assert [submit(dispatcher, one.magnet).status_code for one in made] == [200] * len(made)
    assert copies(*nodes) == Counter(str(one.v1) for one in made)
