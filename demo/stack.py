"""What `make demo` runs: three real nodes behind one dispatcher. The browser tests use the very same."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.rig.availability import Version, versions_available
from tests.rig.dispatcher import Dispatcher
from tests.rig.qbittorrent import RealNode

SIZES_GIB = {"small": 100, "large": 900, "medium": 300}
WORKERS = 3


class DemoError(RuntimeError):
    """Something was not as it should be; the message says what."""


@dataclass(frozen=True)
class Stack:
    """What runs."""

    dispatcher: Dispatcher
    nodes: Sequence[RealNode]

    @property
    def url(self) -> str:
        return self.dispatcher.url

    def node(self, name: str) -> RealNode:
        return next(node for node in self.nodes if node.name == name)


def start(cleanup: ExitStack) -> Stack:
    """All of it, until `cleanup` ends."""
    nodes = start_nodes(cleanup)
    return Stack(cleanup.enter_context(Dispatcher(configuration(nodes), workers=WORKERS)), nodes)


def start_nodes(cleanup: ExitStack) -> list[RealNode]:
    return [
        cleanup.enter_context(RealNode(version, size_gib=size, name=name))
        for version, (name, size) in zip(_versions(), SIZES_GIB.items(), strict=True)
    ]


def configuration(nodes: Sequence[RealNode]) -> dict[str, Any]:
    return {
        # Few downloads a node, so that the third decision weighs them against free space.
        "dispatcher": {"max_downloads": 4},
        "sync": {"interval_s": 1},
        "nodes": [
            {
                "name": node.name,
                "url": node.url,
                "username": node.username,
                "password": node.password,
                "min_free_gb": 20,
            }
            for node in nodes
        ],
    }


def _versions() -> list[Version]:
    """A version for each node: all that this machine has, in turn."""
    found = versions_available()
    present = [version for version, reason in found.items() if reason is None]
    missing = [f"  qBittorrent {version}: {reason}" for version, reason in found.items() if reason is not None]
    if not present:
        raise DemoError("\n".join(["no real qBittorrent can be started on this machine:", *missing]))
    for line in missing:
        print(f"going on without{line}")
    return [present[place % len(present)] for place in range(len(SIZES_GIB))]
