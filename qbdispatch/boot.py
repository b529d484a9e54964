"""Starts the application of one worker, also while the database that several hosts share is away.

Such a worker serves at once: `/healthz` says that it is alive, all else is answered with 503, so that a proxy turns to
the other hosts. It becomes the application by itself when the database answers. Ending instead would leave that to
whoever restarts processes, and gunicorn takes a worker that cannot start for a reason to end all of them; not
answering would have every request that a proxy sends here hang.
"""

import logging
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response

from qbdispatch.app import create_app
from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.leader import Leader
from qbdispatch.services import start_leader
from qbdispatch.store.engine import StoreUnavailable, is_shared

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)
PAUSE_SECONDS = 1.0
SAY_AGAIN_SECONDS = 30.0


class Worker:
    """A WSGI application that stands in for the real one until the database answers, which is mostly at once."""

    def __init__(self, settings: Settings) -> None:
        """Raises `StoreUnavailable` for a file that cannot be opened: waiting would not mend that."""
        self._settings = settings
        self._app: Flask | None = None
        self._leader: Leader | None = None
        self._retired = False
        self._reason = ""
        try:
            self._start()
        except StoreUnavailable as error:
            if not is_shared(settings.database_url):
                raise
            self._reason = str(error)
            threading.Thread(target=self._run, name="boot", daemon=True).start()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        app: WSGIApplication = self._app or self._alive_or_not(environ["PATH_INFO"])
        return app(environ, start_response)

    def retire(self) -> None:
        """Never lead again: this worker is to end. Fit for a signal handler."""
        self._retired = True
        if self._leader is not None:
            self._leader.retire()

    def _alive_or_not(self, path: str) -> Response:
        if path == "/healthz":
            return Response('{"status":"ok"}\n', content_type="application/json")
        return Response(f"{self._reason}\n", 503, {"Retry-After": "5"}, content_type="text/plain; charset=UTF-8")

    def _run(self) -> None:
        say_at = 0.0
        while self._app is None:
            if time.monotonic() >= say_at:
                log.error("waiting for the database: %s; is it running, is database_url right?", self._reason)
                say_at = time.monotonic() + SAY_AGAIN_SECONDS
            time.sleep(PAUSE_SECONDS)
            try:
                self._start()
            except StoreUnavailable as error:
                self._reason = str(error)
        log.warning("the database answers: this worker serves")

    def _start(self) -> None:
        app = create_app(self._settings)
        self._leader = start_leader(app)
        if self._retired:
            self._leader.retire()
        self._app = app
