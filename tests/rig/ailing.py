"""Nodes with ailments that no healthy one can be given: a clock that is off, an old version, an address that swallows.

Owns: nothing but those; all else is ScriptedNode's.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.rig.processes import free_port
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_server import text_answer


class AilingNode(ScriptedNode):
    """`clock_ahead_seconds` is what its Date header is off by, `told_version` what it says it is."""

    def __init__(self, *args: Any, save_path: str | None = None, **kwargs: Any) -> None:
        self.told_version: str | None = None
        super().__init__(*args, **kwargs)
        self.save_path = save_path or f"/data/{self.name}"

    @property
    def clock_ahead_seconds(self) -> float:
        return self._server.clock_ahead_seconds

    @clock_ahead_seconds.setter
    def clock_ahead_seconds(self, seconds: float) -> None:
        self._server.clock_ahead_seconds = seconds

    def _answer(self, endpoint: str, request: Request) -> Response:
        if endpoint == "app/version" and self.told_version:
            return text_answer(self.told_version)
        return super()._answer(endpoint, request)


@contextmanager
def swallowing_address() -> Iterator[str]:
    """An address whose connections are never accepted: its queue is full, so that further packets are dropped."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        port = free_port()
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield f"http://127.0.0.1:{port}"
