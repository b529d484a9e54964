"""How often somebody may guess a password or key: ten failures at once, then one every six seconds.

An attempt is counted before it is judged and taken back when it was right, so that guesses made at the same moment
on any number of workers count like guesses made one after the other.
"""

from qbdispatch.store import buckets
from qbdispatch.store.engine import Store

FAILURES = 10
PER_SECONDS = 60.0


def may_try(store: Store, door: str, client: str) -> bool:
    """Count an attempt by this client's address at this door; `False` if there were too many."""
    now = store.now()
    with store.write() as connection:
        return buckets.take(
            connection, _name(door, client), capacity=FAILURES, per_second=FAILURES / PER_SECONDS, now=now
        )


def succeeded(store: Store, door: str, client: str) -> None:
    """The attempt just counted was right."""
    with store.write() as connection:
        buckets.give_back(connection, _name(door, client))


def _name(door: str, client: str) -> str:
    return f"{door} {client}"[:128]
