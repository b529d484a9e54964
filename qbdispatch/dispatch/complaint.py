"""Says a trouble that lasts once, not each time that it is met."""

import logging


class Complaint:
    """One trouble of one worker or watcher; not shared by threads."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said = ""

    def say(self, text: str) -> None:
        """Log it as an error, unless it is what was said last and is not over since."""
        if text != self._said:
            self._log.error("%s", text)
        self._said = text

    def over(self) -> None:
        """All is well: the next trouble is to be said again."""
        self._said = ""
