"""The means of chaos: the proxy harms requests exactly as it says, and a seed stands for one schedule only."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from tests.chaos.run import let_fall
from tests.chaos.schedule import Event, Kind, make_schedule
from tests.rig.proxy import Fault, FaultyProxy, Harm
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import made_up_magnet


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with ScriptedNode(name="a") as opened:
        yield opened


@pytest.fixture
def session(node: ScriptedNode, proxy: FaultyProxy) -> Iterator[requests.Session]:
    """Logged in, with a connection of its own for each call."""
    with requests.Session() as opened:
        opened.headers["Connection"] = "close"
        login = {"username": node.username, "password": node.password}
        opened.post(f"{proxy.url}/api/v2/auth/login", data=login, timeout=5).raise_for_status()
        yield opened


@pytest.fixture
def proxy(node: ScriptedNode) -> Iterator[FaultyProxy]:
    with FaultyProxy(int(node.url.rpartition(":")[2])) as opened:
        yield opened


def _add(session: requests.Session, proxy: FaultyProxy) -> bool:
    """Whether the add was answered."""
    fields = {"urls": made_up_magnet().magnet}
    try:
        return session.post(f"{proxy.url}/api/v2/torrents/add", data=fields, timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.mark.parametrize(
    ("harm", "answered", "taken"),
    [
        (None, True, 1),
        (Harm.CUT_BEFORE, False, 0),
        (Harm.DROP_REPLY, False, 1),
        (Harm.BLACK_HOLE, False, 0),
        (Harm.DELAY, True, 1),
    ],
)
def test_each_harm_is_what_it_says(
    session: requests.Session, proxy: FaultyProxy, node: ScriptedNode, harm: Harm | None, answered: bool, taken: int
) -> None:
    """Whether the client hears of its add, and whether the node had it."""
    proxy.set(None if harm is None else Fault(harm, seconds=0.1))
    assert (_add(session, proxy), len(node.adds)) == (answered, taken)
    assert proxy.harmed == (harm is not None)


def test_a_harm_for_adds_spares_the_rest_and_can_be_ended(session: requests.Session, proxy: FaultyProxy) -> None:
    """A list passes while an add is cut off; afterwards an add passes as well."""
    proxy.set(Fault(Harm.CUT_BEFORE, adds_only=True))
    assert session.get(f"{proxy.url}/api/v2/torrents/info", timeout=5).status_code == 200
    assert not _add(session, proxy)
    proxy.set(None)
    assert _add(session, proxy)


def test_a_shut_proxy_refuses_until_it_is_opened(session: requests.Session, proxy: FaultyProxy) -> None:
    proxy.shut()
    with pytest.raises(requests.ConnectionError):
        requests.get(proxy.url, timeout=5)
    proxy.open()
    assert _add(session, proxy)


def test_a_seed_stands_for_one_schedule() -> None:
    """The same faults at the same times for one seed, others for another; none outlasts the run."""
    first, again, other = (
        make_schedule(seed, seconds=60, nodes=5, dispatchers=2, store_faults=True) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len(first) > 20
    assert all(event.at + event.seconds <= 60 for event in first)


def test_a_fault_waits_until_the_one_before_it_on_the_same_thing_is_over() -> None:
    """A dispatcher that takes longer to start than the schedule allows for is not killed meanwhile; others are."""
    slow = Event(0.0, Kind.DISPATCHER_KILL, 0, 0.0)
    kill = Event(0.05, Kind.WORKER_KILL, 0, 0.0)
    other = Event(0.1, Kind.WORKER_KILL, 1, 0.0)
    other_fell = threading.Event()
    told: list[tuple[Event, bool]] = []

    def carry_out(event: Event, ends: bool) -> None:
        if (event, ends) == (slow, True):
            assert other_fell.wait(30)
        told.append((event, ends))
        if event == other:
            other_fell.set()

    let_fall([slow, kill, other], carry_out)
    assert told.index((slow, True)) < told.index((kill, False))
    assert len(told) == 6
