"""The world that chaos falls on: five nodes on disks of their own, a proxy before each, dispatchers, and their store.

Owns: starting and ending all of it, carrying out the schedule's events, and remembering what was down or small when.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import requests
from sqlalchemy import Engine, create_engine, text

from tests.chaos.history import History
from tests.chaos.schedule import Event, Kind
from tests.rig.availability import Version
from tests.rig.disks import GIB
from tests.rig.dispatcher import Dispatcher
from tests.rig.nginx import Nginx
from tests.rig.postgres import Postgres
from tests.rig.processes import children_of, process_state, wait_until
from tests.rig.proxy import Fault, FaultyProxy
from tests.rig.qbittorrent import RealNode

FLEET: tuple[tuple[str, Version, int], ...] = (
    ("ada", "4.5.2", 60),
    ("ben", "5.1.0", 70),
    ("cleo", "5.3.0", 80),
    ("dan", "4.5.2", 90),
    ("eve", "5.1.0", 100),
)
"""Name, version and disk in GiB. All are small enough to be full before long."""

FLOOR_GIB = 2
STALE_AFTER_SECONDS = 15
NODE_TIMEOUT_SECONDS = 3
STORE_KINDS = (Kind.STORE_KILL, Kind.STORE_PAUSE)
_BACK_SECONDS = 5.0  # after a process is back, calls may still have been begun when it was not


class World:
    """Everything, from the first mount to the last folder removed; `url` is where clients call.

    With SQLite there is one dispatcher, with PostgreSQL two behind nginx."""

    def __init__(self, history: History, seed: int, database: str) -> None:
        self.history = history
        self.nodes = [RealNode(version, size_gib=size, name=name) for name, version, size in FLEET]
        self.proxies = [FaultyProxy(node.web_port, seed=seed + number) for number, node in enumerate(self.nodes)]
        self.dispatchers: list[Dispatcher] = []
        self.url = ""
        self._orphans: list[int] = []
        self.postgres = Postgres() if database == "postgresql" else None
        self.sizes = {name: [(0.0, size * GIB)] for name, _, size in FLEET}
        self.shaken: list[tuple[float, float, bool]] = []  # when an answer may be missing; whether for want of a store
        self.kills: list[tuple[str, float]] = []  # nodes, and when
        self._seed = seed
        self._down: dict[Event, float] = {}
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for node, proxy in zip(self.nodes, self.proxies, strict=True):
                opening.enter_context(node)
                opening.enter_context(proxy)
            self._open_dispatchers(opening)
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def log(self) -> str:
        """What all dispatchers have logged."""
        return "".join(dispatcher.log_text() for dispatcher in self.dispatchers)

    def largest(self, node: str, since: float) -> int:
        """The most bytes that the node's disk has had since then."""
        with self._lock:
            sizes = self.sizes[node]
            before = [size for at, size in sizes if at <= since][-1:]
            return max(before + [size for at, size in sizes if at > since])

    def query(self, sql: str) -> list[dict[str, Any]]:
        """What the store says, past the dispatcher."""
        assert self._engine is not None
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql)).mappings()]

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        """Several queries that see one state of the store."""
        assert self._engine is not None
        with self._engine.connect() as connection:
            yield lambda sql: [dict(row) for row in connection.execute(text(sql)).mappings()]

    def begin(self, event: Event) -> None:
        """Let the event fall."""
        self._down[event] = time.time()
        node, proxy = self._near(event)
        match event.kind:
            case Kind.NODE_PAUSE:
                node.pause()
            case Kind.NODE_KILL:
                proxy.shut()
                self.kills.append((node.name, time.time()))
                node.kill()
            case Kind.NODE_PROXY:
                assert event.harm is not None
                proxy.set(Fault(event.harm, event.share, event.adds_only, seconds=2.0))
            case Kind.NODE_DRAIN:
                self._post(f"/nodes/{node.name}/drain")
            case Kind.DISK:
                self._resize(node, event.factor)
            case Kind.WORKER_KILL | Kind.LEADER_KILL:
                self._kill_worker(event)
            case Kind.DISPATCHER_KILL:
                self.dispatchers[event.target].kill_all()
            case Kind.STORE_KILL:
                self._orphans = children_of(self._store().process.pid)
                self._store().kill()
            case Kind.STORE_PAUSE:
                self._store().signal(signal.SIGSTOP)

    def end(self, event: Event) -> None:
        """Bring back what the event took."""
        node, proxy = self._near(event)
        match event.kind:
            case Kind.NODE_PAUSE:
                node.resume()
            case Kind.NODE_KILL:
                node.start()
                proxy.open()
            case Kind.NODE_PROXY:
                proxy.set(None)
            case Kind.NODE_DRAIN:
                self._post(f"/nodes/{node.name}/resume")
            case Kind.DISK:
                self._resize(node, 1)
            case Kind.DISPATCHER_KILL:
                self.dispatchers[event.target].start()
            case Kind.STORE_KILL:
                self._start_store()
            case Kind.STORE_PAUSE:
                self._store().signal(signal.SIGCONT)
        if event.kind in (Kind.WORKER_KILL, Kind.LEADER_KILL, Kind.DISPATCHER_KILL, *STORE_KINDS):
            self.shaken.append((self._down[event], time.time() + _BACK_SECONDS, event.kind in STORE_KINDS))

    def was_shaken(self, began: float, ended: float, *, store_only: bool = False) -> bool:
        """Whether the store, or anything between clients and it, was down at any moment of this time."""
        return any(start <= ended and began <= end for start, end, store in self.shaken if store or not store_only)

    def _near(self, event: Event) -> tuple[RealNode, FaultyProxy]:
        number = event.target % len(self.nodes)
        return self.nodes[number], self.proxies[number]

    def _resize(self, node: RealNode, factor: float) -> None:
        size = {name: gib for name, _, gib in FLEET}[node.name] * factor
        node.disk.resize(size)
        with self._lock:
            self.sizes[node.name].append((time.time(), int(size * GIB)))

    def _kill_worker(self, event: Event) -> None:
        """One of the dispatcher's workers, or whichever leads."""
        victims = self.dispatchers[event.target].worker_pids()
        if event.kind is Kind.LEADER_KILL:
            leader = self.dispatchers[0].leader_pid()
            workers = [pid for dispatcher in self.dispatchers for pid in dispatcher.worker_pids()]
            victims = [pid for pid in workers if pid == leader] or victims
        if victims:
            with suppress(ProcessLookupError):
                os.kill(victims[self._seed % len(victims)], signal.SIGKILL)

    def _store(self) -> Postgres:
        assert self.postgres is not None, "only PostgreSQL can fail by itself"
        return self.postgres

    def _start_store(self) -> None:
        """As soon as the processes of the killed server have noticed and gone."""
        wait_until(lambda: all(process_state(pid) in {None, "Z"} for pid in self._orphans), 30, "orphans to end")
        self._store().start()

    def _post(self, path: str) -> None:
        """A call of ours that has to succeed, whatever is being killed meanwhile."""

        def done() -> bool:
            with suppress(requests.RequestException):
                return requests.post(self.url + path, timeout=10).ok
            return False

        wait_until(done, 60, path)

    def _open_dispatchers(self, opening: ExitStack) -> None:
        shared = {"database_url": self._database(opening)} if self.postgres else {}
        for workers in (2, 2) if shared else (3,):
            dispatcher = Dispatcher(self._configuration() | shared, workers=workers, wait_ready=False)
            self.dispatchers.append(opening.enter_context(dispatcher))
        entry = opening.enter_context(Nginx([one.url for one in self.dispatchers])) if shared else self.dispatchers[0]
        self.url = entry.url
        self._engine = create_engine(self.dispatchers[0].database_url, pool_pre_ping=True)
        opening.callback(self._engine.dispose)
        wait_until(self._is_ready, 60, "all nodes to be polled")

    def _database(self, opening: ExitStack) -> str:
        opening.enter_context(self._store())
        return self._store().create_database("chaos")

    def _is_ready(self) -> bool:
        return all(row["free_gb"] is not None for row in requests.get(f"{self.url}/nodes", timeout=30).json())

    def _configuration(self) -> dict[str, Any]:
        entries = [
            {
                "name": node.name,
                "url": proxy.url,
                "username": node.username,
                "password": node.password,
                "min_free_gb": FLOOR_GIB,
                "timeout_s": NODE_TIMEOUT_SECONDS,
            }
            for node, proxy in zip(self.nodes, self.proxies, strict=True)
        ]
        return {
            "nodes": entries,
            "dispatcher": {"max_downloads": 40},
            "sync": {"interval_s": 1, "stale_after_s": STALE_AFTER_SECONDS},
        }
