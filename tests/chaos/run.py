"""One run: start the world, let clients and faults loose, bring all back, wait until it has settled, and judge."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.chaos.clients import Client, Orders
from tests.chaos.history import History
from tests.chaos.invariants import Ending, RoomSampler, Violation, answer_violations, ending_violations, forgotten
from tests.chaos.schedule import Event, make_schedule
from tests.chaos.world import World
from tests.rig.processes import wait_until

CLIENTS = 8
SETTLE_SECONDS = 240.0
TURN_SECONDS = 120.0


@dataclass
class Report:
    """What came of a run."""

    history: History
    schedule: Sequence[Event]
    room: dict[str, float]
    samples: int
    harmed: int
    settled_seconds: float
    violations: list[Violation] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)  # by nodes that were killed; see `invariants.forgotten`

    @property
    def is_clean(self) -> bool:
        return not self.violations


def run(*, seconds: float, seed: int, database: str, wait_for_doubts: bool = True, keep: Path | None = None) -> Report:
    """A whole run; raises only where the rig itself fails."""
    history = History()
    with World(history, seed, database) as world:
        schedule = make_schedule(
            seed,
            seconds=seconds,
            nodes=len(world.nodes),
            dispatchers=len(world.dispatchers),
            store_faults=database == "postgresql",
        )
        print("\n".join(map(str, schedule)), flush=True)
        sampler = RoomSampler(world)
        with ExitStack() as stack:
            sampler.start()
            stack.callback(sampler.stop)
            _let_loose(world, schedule, seconds, seed)
            settled = _settle(world, doubts=wait_for_doubts)
        ending = look(world)
        if keep is not None:
            _keep(world, keep)
        violations = [*sampler.violations, *ending_violations(history, world, ending)]
        violations += [Violation(f"not settled: {reason}") for reason in ending.unsettled(doubts=wait_for_doubts)]
        violations += answer_violations(history, world)
        lost = forgotten(history, world)
        violations = [one for one in violations if one.torrent is None or one.torrent.hash not in lost]
        harmed = sum(proxy.harmed for proxy in world.proxies)
        return Report(history, schedule, sampler.fullest, sampler.samples, harmed, settled, violations, list(lost))


def look(world: World) -> Ending:
    """The state now, each part from its own source."""
    nodes = {
        node.name: {row["infohash_v1"] or row["hash"]: row for row in node.session().torrents()} for node in world.nodes
    }
    merged = {row["hash"] for row in requests.get(f"{world.url}/api/v2/torrents/info", timeout=60).json()}
    return Ending(nodes, merged, world.query("SELECT * FROM claims"))


def _keep(world: World, folder: Path) -> None:
    """What may be wanted to find out more."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log").write_text(world.log)
    for file in world.dispatchers[0].folder.glob("*.sqlite3*"):
        shutil.copy(file, folder)


def _let_loose(world: World, schedule: Sequence[Event], seconds: float, seed: int) -> None:
    """Clients call and faults fall for so many seconds; at the end everything is back and no call is open."""
    orders = Orders(world.history, seed)
    clients = [Client(number, world.url, world.history, orders, seed) for number in range(CLIENTS)]
    with ExitStack() as stack:
        for client in clients:
            client.start()
            stack.callback(client.join)
        for client in clients:
            stack.callback(client.stop)
        started = time.monotonic()
        let_fall(schedule, lambda event, ends: _carry_out(world, event, ends))
        time.sleep(max(0.0, started + seconds - time.monotonic()))


def let_fall(schedule: Sequence[Event], carry_out: Callable[[Event, bool], None]) -> None:
    """Begin and end (`True`) each fault at its moment, or as soon as the one before it on the same thing is over: a
    dispatcher may take longer to start than the schedule allows for, and must not be killed as one that failed to."""
    moments = [(event.at, False, event) for event in schedule]
    moments += [(event.at + event.seconds, True, event) for event in schedule]
    last: dict[tuple[str, int], Future[None]] = {}

    def in_turn(event: Event, ends: bool, before: Future[None] | None) -> None:
        if before is not None:
            before.result(TURN_SECONDS)
        carry_out(event, ends)

    with ThreadPoolExecutor(16) as pool:
        started = time.monotonic()
        for at, ends, event in sorted(moments, key=lambda moment: moment[:2]):
            time.sleep(max(0.0, started + at - time.monotonic()))
            last[event.thing] = pool.submit(in_turn, event, ends, last.get(event.thing))
        for future in last.values():
            future.result(TURN_SECONDS)


def _carry_out(world: World, event: Event, ends: bool) -> None:
    (world.end if ends else world.begin)(event)
    world.history.fault(f"{'end of' if ends else 'begin'} {event}")


def _settle(world: World, *, doubts: bool) -> float:
    """Wait until nothing is open any more; answers the seconds it took. What is still open then is judged later."""
    started = time.monotonic()
    try:
        wait_until(lambda: not look(world).unsettled(doubts=doubts), SETTLE_SECONDS, "everything to settle")
    except AssertionError:
        print("it did not settle", flush=True)
    return time.monotonic() - started
