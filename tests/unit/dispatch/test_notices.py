"""Notices: each thing is told once, whoever leads; what cannot be delivered is tried again, and holds up nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from qbdispatch.config.notifications import Event
from qbdispatch.dispatch.alerting import Lookout, alerting, node_turns
from qbdispatch.dispatch.leader import Leader
from qbdispatch.dispatch.sending import GIVE_UP_SECONDS, Postman, sending, targets_of
from qbdispatch.scoring.model import Reason
from qbdispatch.store import tables
from qbdispatch.store.health import NodeState
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.scripted import ScriptedNode
from tests.rig.swarm import make_torrent
from tests.rig.webhook import Webhook
from tests.unit.dispatch.bench import Bench, put
from tests.unit.dispatch.conftest import BenchMaker

NodeMaker = Callable[..., ScriptedNode]
BenchOf = Callable[..., Bench]


@pytest.fixture
def hooks() -> Iterator[Callable[[], Webhook]]:
    """Makes webhooks that are closed at the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Webhook())


@pytest.fixture
def hook(hooks: Callable[[], Webhook]) -> Webhook:
    return hooks()


@pytest.fixture
def told(make_bench: BenchMaker) -> BenchOf:
    """Benches over nodes whose events go to these webhooks, at once unless `changes` say otherwise."""

    def make(nodes: list[ScriptedNode], hooks: list[Webhook], **changes: Any) -> Bench:
        notifications = {"targets": [hook.url for hook in hooks], "node_down_after_s": 0} | changes
        more: dict[str, Any] = {"notifications": notifications}
        return make_bench(*nodes, **more)

    return make


def _look(bench: Bench) -> None:
    """What a leader does now and then; a new one each time, which knows nothing but the store."""
    Lookout(bench.store, bench.settings).work()
    for target in targets_of(bench.settings.notifications):
        Postman(bench.store, target, 30).work()


def _waiting(bench: Bench) -> int:
    with bench.store.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.notices)).scalar_one()


def test_a_node_that_dies_and_comes_back_is_told_of_once_each(
    scripted: NodeMaker, hook: Webhook, told: BenchOf
) -> None:
    """However often it is looked at meanwhile, and though another worker leads each time."""
    a, b = scripted(name="a"), scripted(name="b")
    bench = told([a, b], [hook])
    _look(bench)
    assert hook.received == []
    a.garbage = "html"
    for _ in range(4):
        bench.poll(full=True)
        _look(bench)
    assert hook.titles == ["a is down"]
    assert "does not answer as qBittorrent does" in hook.received[0][1]
    a.garbage = None
    for _ in range(4):
        bench.poll(full=True)
        _look(bench)
    assert hook.titles == ["a is down", "a is up again"]
    assert _waiting(bench) == 0


def test_a_refused_login_is_told_once_and_not_as_down(scripted: NodeMaker, hook: Webhook, told: BenchOf) -> None:
    """With what to do; once it is let in, that it is up."""
    node = scripted(name="a")
    bench = told([node], [hook])
    with bench.store.write() as connection:
        tables_states = tables.node_states
        connection.execute(tables_states.update().values(fault="auth_failed", fault_detail="correct the password"))
    for _ in range(3):
        _look(bench)
    assert hook.received == [("a refuses the login", "correct the password")]
    bench.poll()
    _look(bench)
    assert hook.titles[1:] == ["a is up again"]


def test_a_node_that_flaps_is_told_of_once_or_not_at_all() -> None:
    """It has to stay down for the damping time before it is down, and up for as long before it is up."""
    stands: dict[str, float] = {}
    heard: list[tuple[float, Event]] = []

    def look(now: float, fault: Reason | None, up_since: float | None) -> None:
        for turn in node_turns(NodeState("a", fault=fault, up_since=up_since), dict(stands), now, 30):
            if turn.begins:
                stands[turn.key] = now
            else:
                del stands[turn.key]
            if turn.event:
                heard.append((now, turn.event))

    for start in (0, 30, 60):  # 20 s down, 10 s up
        for second in range(start, start + 20, 5):
            look(second, Reason.UNREACHABLE, None)
        for second in range(start + 20, start + 30, 5):
            look(second, None, start + 20)
    assert heard == []
    for second in range(100, 200, 5):
        look(second, Reason.UNREACHABLE, None)
    assert heard == [(130, Event.NODE_DOWN)]
    for start in (200, 230):  # up for 20 s, down for 10: still the same outage
        for second in range(start, start + 20, 5):
            look(second, None, start)
        for second in range(start + 20, start + 30, 5):
            look(second, Reason.UNREACHABLE, None)
    assert len(heard) == 1
    for second in range(260, 320, 5):
        look(second, None, 260)
    assert heard[1:] == [(290, Event.NODE_UP)]


def test_little_room_is_told_once_until_there_was_enough_again(
    scripted: NodeMaker, hook: Webhook, told: BenchOf
) -> None:
    """Around the threshold nothing is told anew."""
    node = scripted(name="a", free_gib=60)
    bench = told([node], [hook], space_below_gb=50)
    told_after = []
    for free_gib in (60, 49, 51, 49, 52, 40, 60, 49):
        node.free_bytes = free_gib * GIB
        bench.poll(full=True)
        _look(bench)
        told_after.append(len(hook.received))
    assert told_after == [0, 1, 1, 1, 1, 1, 1, 2]
    assert hook.received[0] == (
        "Little room on a", "49.0 GB are left there when all that was promised has arrived."
    )  # fmt: skip


def test_a_disk_that_is_full_at_once_is_told(scripted: NodeMaker, hook: Webhook, told: BenchOf) -> None:
    """A full one reports 0, which else only says that it is not known; once, by the leader that sees it first."""
    node = scripted(name="a", free_gib=60)
    bench = told([node], [hook], space_below_gb=50)
    made = make_torrent("t", 10 * GIB)
    put(node, made, state="error", amount_left=GIB)
    node.free_bytes = 0
    for _ in range(2):
        bench.poll(full=True)
        _look(bench)
    assert hook.titles == ["Little room on a"]
    assert hook.received[0][1].startswith("0.0 GB are left")


def test_nodes_on_one_disk_are_one_disk(scripted: NodeMaker, hook: Webhook, make_bench: BenchMaker) -> None:
    """Its lack of room is told once, by the name of the pool."""
    a, b = scripted(name="a", free_gib=10), scripted(name="b", free_gib=10)
    pool = {name: {"pool": "shelf"} for name in "ab"}
    bench = make_bench(a, b, changes=pool, notifications={"targets": [hook.url]})
    _look(bench)
    assert hook.titles == ["Little room on shelf"]


def test_a_refused_torrent_is_told_once_however_often_it_is_submitted(
    scripted: NodeMaker, hook: Webhook, told: BenchOf
) -> None:
    """With the reason and where to read more; once more only after it had been placed meanwhile."""
    node = scripted(name="a", free_gib=100)
    bench = told([node], [hook], space_below_gb=0, public_url="https://qb.example.org")
    made = make_torrent("a big one", 500 * GIB)
    results = [bench.submit(made) for _ in range(3)]
    _look(bench)
    [(title, body)] = hook.received
    assert title == "Not placed: a big one"
    assert "a: insufficient_space" in body
    assert body.endswith(f"\nhttps://qb.example.org/decisions/{results[0].decision_id}")
    node.add_behaviour = "fail"
    bench.submit(make_torrent("another", GIB))
    node.add_behaviour = "normal"
    bench.submit(make_torrent("placed, which nobody wants to hear of", GIB))
    _look(bench)
    assert hook.titles == ["Not placed: a big one", "Not placed: another"]


def test_a_placed_torrent_is_told_where_that_is_wished(scripted: NodeMaker, hook: Webhook, told: BenchOf) -> None:
    """Once, also if it is submitted again; other events are not told then."""
    bench = told([scripted(name="a", free_gib=100)], [hook], events=["placed"])
    made = make_torrent("a small one", GIB)
    bench.submit(made)
    bench.submit(made)
    bench.submit(make_torrent("a big one", 500 * GIB))
    _look(bench)
    assert hook.received == [("a small one → a", "1.0 GB, the only node that may take it")]


def test_without_targets_nothing_is_written(scripted: NodeMaker, make_bench: BenchMaker) -> None:
    """No row, no chore."""
    bench = make_bench(scripted(name="a", free_gib=100))
    bench.submit(make_torrent("a big one", 500 * GIB))
    with bench.store.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.alerts)).scalar_one() == 0
    assert _waiting(bench) == 0
    assert alerting(bench.store, bench.settings) + sending(bench.store, bench.settings.notifications) == []


def test_what_is_held_for_long_is_told_once(scripted: NodeMaker, hook: Webhook, told: BenchOf) -> None:
    """Each torrent by itself, after the hours that are set."""
    bench = told([scripted(name="a")], [hook], held_hours=2)
    row = {"next_at": 0.0, "size": 5 * GIB, "category": "", "fields": {}, "decision_id": "d"}
    with bench.store.write() as connection:
        for name, hours in (("old", 3), ("young", 1)):
            connection.execute(insert(tables.held).values(title=name, held_at=time.time() - hours * 3600, **row))
    for _ in range(3):
        _look(bench)
    assert hook.titles == ["Still held: old"]
    assert hook.received[0][1].startswith("5.0 GB, waiting for room since ")


def test_a_target_that_is_away_gets_its_notice_later_and_once(
    scripted: NodeMaker, hooks: Callable[[], Webhook], told: BenchOf
) -> None:
    """The pause between tries grows; the other target has it at once, and once."""
    bad, good = hooks(), hooks()
    bench = told([scripted(name="a", free_gib=100)], [bad, good], space_below_gb=0)
    bad.status = 500
    bench.submit(make_torrent("a big one", 500 * GIB))
    _look(bench)
    _look(bench)
    assert (bad.tried, good.titles) == (1, ["Not placed: a big one"])
    first, second = _pause(bench), 0.0
    bench.age("notices", next_at=0.0)
    _look(bench)
    second = _pause(bench)
    assert (bad.tried, round(second / first)) == (2, 2)
    bad.status = 200
    bench.age("notices", next_at=0.0)
    _look(bench)
    _look(bench)
    assert (bad.titles, good.titles) == (["Not placed: a big one"],) * 2
    assert _waiting(bench) == 0


def _pause(bench: Bench) -> float:
    with bench.store.read() as connection:
        next_at: float = connection.execute(select(tables.notices.c.next_at)).scalar_one()
    return next_at - time.time()


def test_a_notice_that_nobody_takes_is_given_up_after_some_hours(
    scripted: NodeMaker, hook: Webhook, told: BenchOf, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log, without the target's address."""
    bench = told([scripted(name="a", free_gib=100)], [hook], space_below_gb=0)
    hook.status = 500
    bench.submit(make_torrent("a big one", 500 * GIB))
    _look(bench)
    bench.age("notices", next_at=0.0, raised_at=time.time() - GIVE_UP_SECONDS - 1)
    _look(bench)
    assert (hook.tried, _waiting(bench)) == (1, 0)
    assert "notice refused to 1 json://127.0.0.1 is given up after 1 tries" in caplog.text
    assert "s3cret" not in caplog.text


def test_the_outbox_is_bounded_and_forgets_former_targets(
    scripted: NodeMaker, hook: Webhook, told: BenchOf, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest go first, and it is said."""
    bench = told([scripted(name="a")], [hook])
    [name] = [target.name for target in targets_of(bench.settings.notifications)]
    row = {"event": "refused", "raised_at": 1.0, "body": "", "attempts": 0, "next_at": 0.0}
    with bench.store.write() as connection:
        rows = [{**row, "target": name, "title": str(number)} for number in range(510)]
        connection.execute(insert(tables.notices), [*rows, {**row, "target": "9 gone://…", "title": "x"}])
    sending(bench.store, bench.settings.notifications)[-1].work()
    with bench.store.read() as connection:
        kept = connection.execute(select(tables.notices.c.title)).scalars().all()
    assert sorted(map(int, kept)) == list(range(10, 510))
    assert "10 old notices" in caplog.text


def test_a_target_that_hangs_delays_neither_submissions_nor_other_targets(
    scripted: NodeMaker, hooks: Callable[[], Webhook], told: BenchOf
) -> None:
    """As the leader runs it: one thread each."""
    stuck, good = hooks(), hooks()
    stuck.hangs = True
    bench = told([scripted(name="a", free_gib=100)], [stuck, good], space_below_gb=0, events=["refused", "placed"])
    chores = sending(bench.store, bench.settings.notifications, retry_seconds=0.05)
    leader = Leader(bench.store, bench.fleet, bench.settings.sync, chores)
    leader.start()
    try:
        bench.submit(make_torrent("first", GIB))
        wait_until(lambda: stuck.tried, 10, "the stuck target to be tried")
        started = time.monotonic()
        bench.submit(make_torrent("second", GIB))
        took = time.monotonic() - started
        wait_until(lambda: good.titles == ["first → a", "second → a"], 3, "the other target to be told")
        assert took < 2
        assert stuck.received == []
        stuck.release()
        wait_until(lambda: set(stuck.titles) == {"first → a", "second → a"}, 15, "the stuck target to be told")
    finally:
        stuck.release()
        leader.stop()
        wait_until(lambda: not _threads(), 15, "the chores to end")


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("leader", "watch-", "chore-"))]


def test_two_leaders_at_once_do_not_send_twice(scripted: NodeMaker, hook: Webhook, told: BenchOf) -> None:
    """One that was overtaken while it sent, and its successor: the notice is marked before it is sent."""
    bench = told([scripted(name="a", free_gib=100)], [hook], space_below_gb=0)
    hook.hangs = True
    bench.submit(make_torrent("a big one", 500 * GIB))
    [target] = targets_of(bench.settings.notifications)
    former = threading.Thread(target=Postman(bench.store, target, 30).work)
    former.start()
    wait_until(lambda: hook.tried, 10, "the former leader to send")
    Postman(bench.store, target, 30).work()
    hook.release()
    former.join(10)
    assert (hook.tried, hook.titles, _waiting(bench)) == (1, ["Not placed: a big one"], 0)
