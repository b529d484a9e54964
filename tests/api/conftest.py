"""Nodes and apps as the route tests use them, and the forms a torrent comes in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.virtual import SwitchedNode
from tests.conftest import AppMaker, node_entry
from tests.rig.scripted import ScriptedNode

NodeMaker = Callable[..., ScriptedNode]


@pytest.fixture
def node(scripted: NodeMaker) -> ScriptedNode:
    return scripted(name="big", free_gib=900)


@pytest.fixture
def small(scripted: NodeMaker) -> ScriptedNode:
    return scripted(name="small", free_gib=100)


@pytest.fixture
def app(make_app: AppMaker, node: ScriptedNode, small: ScriptedNode) -> Flask:
    """Nothing but nodes is configured; the big one is preferred."""
    return make_app([node_entry(node), node_entry(small)])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def idle(make_app: AppMaker) -> FlaskClient:
    """For what ends before any node is asked."""
    nobody = {"name": "big", "url": "http://127.0.0.1:1", "username": "u", "password": "p"}
    return make_app([nobody], polled=False).test_client()


@pytest.fixture
def switched() -> Iterator[Callable[..., SwitchedNode]]:
    """Makes nodes that can be switched off and on, and closes them at the end."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(SwitchedNode(*args, **kwargs))
