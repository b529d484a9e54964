"""A place to be told: a server on loopback that keeps the notices posted to it, and may refuse or hang."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from werkzeug.wrappers import Request, Response

from tests.rig.scripted_server import LoopbackServer, text_answer


class Webhook:
    """`received` has titles and bodies in the order in which they came, also of those that were refused; `status` is
    what it answers; while `hangs`, it answers nobody until `close()` or `release()`."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        self.tried = 0
        self.status = 200
        self.hangs = False
        self._released = threading.Event()
        self._server = LoopbackServer(Request.application(self._respond))

    @property
    def url(self) -> str:
        """Its address as Apprise has it, with what must not be shown."""
        return f"json://user:s3cret-password@127.0.0.1:{self._server.port}/s3cret-token"

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.received]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def release(self) -> None:
        """Answer those who wait."""
        self.hangs = False
        self._released.set()

    def close(self) -> None:
        self.release()
        self._server.close()

    def _respond(self, request: Request) -> Response:
        posted = request.get_json()
        self.tried += 1
        if self.hangs:
            self._released.wait(60)
        if self.status == 200:
            self.received.append((posted["title"], posted["message"]))
        return text_answer("", self.status)
