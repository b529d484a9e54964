"""Puts what is worth telling into the store, in the transaction in which it became true; `sending` sends it.

Nothing of it is secret: names, figures and reasons only, and whose certain keys are told nowhere else either.
"""

from typing import Any

from sqlalchemy import Connection

from qbdispatch.config.notifications import Event, target_names
from qbdispatch.config.settings import NotificationSettings
from qbdispatch.store import alerts, notices

LONGEST_TITLE = 200
LONGEST_BODY = 1500


class Outbox:
    """What the configuration wants to be told, to its targets. Without targets it writes nothing."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._targets = target_names(settings.targets)
        self._events = frozenset(settings.events) if settings.targets else frozenset()
        self._public_url = settings.public_url

    def wants(self, event: Event) -> bool:
        """Whether anybody is to be told of such an event."""
        return event in self._events

    def put(self, connection: Connection, event: Event, title: str, body: str, now: float, path: str = "") -> None:
        """Tell the targets, if they are to be told of such an event; `path` is where to look for more."""
        if not self.wants(event):
            return
        body = body[:LONGEST_BODY]
        if self._public_url:
            body += f"\n{self._public_url}{path or '/'}"
        notices.put(connection, self._targets, event.value, title[:LONGEST_TITLE], body, now)

    def decided(self, connection: Connection, document: dict[str, Any], now: float) -> None:
        """A decision came to its end. Clients submit again and again what is refused: it is told once a day, or once
        more if it is refused after having been placed."""
        key = f"{Event.REFUSED}:{document['hash']}"
        path = f"/decisions/{document['decision_id']}"
        if document["status"] == "accepted":
            if self.wants(Event.REFUSED):
                alerts.clear(connection, key)
            title = f"{document['name']} → {document['selected_node']}"
            self.put(connection, Event.PLACED, title, f"{document['size_gb']} GB, {document['reason']}", now, path)
        elif self.wants(Event.REFUSED) and document["status"] != "held" and alerts.stand(connection, key, now):
            self.put(connection, Event.REFUSED, f"Not placed: {document['name']}", document["reason"], now, path)
