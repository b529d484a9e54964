"""The doctor over ailing nodes and scripted *arr instances."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from qbdispatch.dispatch.access import Fleet, NodeAccess
from qbdispatch.dispatch.doctor.examine import examine
from qbdispatch.dispatch.doctor.finding import Finding
from qbdispatch.store import health
from qbdispatch.store.engine import Store
from tests.conftest import SettingsMaker
from tests.rig.ailing import AilingNode
from tests.rig.scripted_arr import ScriptedArr

URL = "http://127.0.0.1:8000"
Examine = Callable[..., list[Finding]]


@pytest.fixture
def ailing() -> Iterator[Callable[..., AilingNode]]:
    """Makes nodes that are closed at the end."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(AilingNode(*args, **kwargs))


@pytest.fixture
def scripted_arr() -> Iterator[Callable[..., ScriptedArr]]:
    """Makes *arr instances that are closed at the end."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(ScriptedArr(*args, **kwargs))


@pytest.fixture
def look(make_settings: SettingsMaker, store: Store) -> Examine:
    """One examination of these configured nodes; the store stays from one to the next."""

    def run(entries: list[dict[str, Any]], *, url: str | None = URL, **more: Any) -> list[Finding]:
        settings = make_settings(entries, **more)
        with store.write() as connection:
            health.register(connection, [node.name for node in settings.nodes])
        fleet = Fleet({node.name: NodeAccess(node, store) for node in settings.nodes})
        return examine(settings, store, fleet, url, lambda _: None)

    return run


def codes(found: list[Finding]) -> list[tuple[str, str]]:
    """What was found, and about whom."""
    return [(finding.code, finding.about) for finding in found]


def arr_entry(arr: ScriptedArr, **changes: Any) -> dict[str, Any]:
    """The configuration of a scripted instance."""
    return {"name": arr.kind, "type": arr.kind, "url": arr.url, "api_key": arr.api_key} | changes
