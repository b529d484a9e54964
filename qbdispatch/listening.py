"""gunicorn's threaded worker, which gives its port up as soon as it is to end.

As it comes, such a worker keeps its copy of the listening socket until its last request is answered. With no process
left that takes them, connections are then still made by the kernel, and cut off seconds later. A proxy that is refused
at once turns to another host, with a POST as well; one that was let in and cut off must not repeat it.
"""

from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]
    """Earlier versions than 24 give the port up by themselves and never call this method."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """Whether to take connections; gunicorn says no for good when the worker is to end."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        self._take_what_waits()
        for listener in self.sockets:
            listener.close()
        self.sockets: list[Any] = []

    def _take_what_waits(self) -> None:
        """Connections that were made just before are answered as well."""
        before = -1
        while before < self.nr_conns < self.worker_connections:
            before = self.nr_conns
            for listener in self.sockets:
                self.accept(listener)
