"""The real stack for a browser: three nodes behind one dispatcher, once for a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from tests.conftest import node_entry
from tests.rig.availability import require
from tests.rig.dispatcher import Dispatcher
from tests.rig.qbittorrent import RealNode
from tests.ui.browser import chromium, require_browser

SIZES_GIB = {"attic": 300, "cellar": 200, "garage": 100}


@dataclass
class Stack:
    """What runs."""

    dispatcher: Dispatcher
    nodes: dict[str, RealNode]

    @property
    def url(self) -> str:
        return self.dispatcher.url


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    require_browser()
    require("4.5.2")
    with ExitStack() as stack:
        nodes = {
            name: stack.enter_context(RealNode("4.5.2", size_gib=size, name=name)) for name, size in SIZES_GIB.items()
        }
        config = {"sync": {"interval_s": 1}, "nodes": [node_entry(node, min_free_gb=10) for node in nodes.values()]}
        yield Stack(stack.enter_context(Dispatcher(config, workers=2)), nodes)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_browser()
    with chromium() as opened:
        yield opened
