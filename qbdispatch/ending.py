"""Whether this process was told to end. It may still have requests to finish then, and lets another one lead."""

import signal
from types import FrameType


class Ending:
    """Notices SIGTERM beside whoever waits for it; make one in the main thread."""

    def __init__(self) -> None:
        self._told = False  # no Event: a handler that comes while it runs already would wait for itself
        self._finish = signal.getsignal(signal.SIGTERM)
        if callable(self._finish):  # else nobody waits for requests here: the process ends at once
            signal.signal(signal.SIGTERM, self._note)
            signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn wants it: no running request is to notice

    def told(self) -> bool:
        """Whether the signal has come."""
        return self._told

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._told = True
        if callable(self._finish):
            self._finish(number, frame)
