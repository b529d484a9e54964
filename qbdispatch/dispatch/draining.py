"""Taking a node out of placing, and back in."""

from qbdispatch.dispatch.access import Fleet
from qbdispatch.store import health
from qbdispatch.store.engine import Store


def drain(store: Store, name: str) -> None:
    """Place no new torrents on this node."""
    with store.write() as connection:
        health.set_draining(connection, name, True)


def resume(store: Store, fleet: Fleet, name: str) -> None:
    """Place torrents there again; also ends the pause after refused logins."""
    with store.write() as connection:
        health.set_draining(connection, name, False)
    fleet.members[name].forgive()
