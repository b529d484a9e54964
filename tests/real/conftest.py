"""Real nodes and the dispatcher as users run it, for the tests of this folder."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.conftest import node_entry
from tests.rig.availability import require
from tests.rig.disks import Disk
from tests.rig.dispatcher import Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode

VERSIONS = ("4.5.2", "5.1.0", "5.3.0")
StartNode = Callable[..., RealNode]
StartDispatcher = Callable[..., Dispatcher]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes everything that a test starts, the last first."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def start_node(stack: ExitStack) -> StartNode:
    """Starts a real node; its version is 4.5.2 unless another is asked for, which may be missing on this machine."""

    def start(name: str, version: Any = "4.5.2", *, size_gib: float = 100, disk: Disk | None = None) -> RealNode:
        require(version)
        return stack.enter_context(RealNode(version, size_gib=size_gib, disk=disk, name=name))

    return start


@pytest.fixture
def start_dispatcher(stack: ExitStack) -> StartDispatcher:
    """Starts gunicorn over these nodes and waits until every one of them has been polled. `changes` to the
    configuration concern each node, `own` those of that name."""

    def start(
        nodes: Sequence[Any],
        *,
        workers: int = 4,
        changes: dict[str, Any] | None = None,
        own: dict[str, dict[str, Any]] | None = None,
        **more: Any,
    ) -> Dispatcher:
        entries = [node_entry(node, **(changes or {}), **(own or {}).get(node.name, {})) for node in nodes]
        dispatcher = stack.enter_context(Dispatcher({"nodes": entries, **more}, workers=workers))
        wait_until(
            lambda: all(row["free_gb"] is not None for row in fleet_of(dispatcher).values()),
            30,
            "all nodes to be polled",
        )
        return dispatcher

    return start


def fleet_of(dispatcher: Dispatcher) -> dict[str, dict[str, Any]]:
    """`GET /nodes` by node name."""
    rows = requests.get(f"{dispatcher.url}/nodes", timeout=30).json()
    return {row["name"]: row for row in rows}


def submit(dispatcher: Dispatcher, **fields: Any) -> requests.Response:
    """`POST /submit` with these JSON fields."""
    return requests.post(f"{dispatcher.url}/submit", json=fields, timeout=60)


def copies(nodes: Sequence[RealNode]) -> dict[str, list[str]]:
    """Which nodes list which hash, asked of the nodes themselves."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for hash_ in node.session().hashes():
            found.setdefault(hash_, []).append(node.name)
    return found
