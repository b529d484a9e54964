"""How often somebody may guess a password or key: ten failures at once, then one every six seconds.

An attempt is counted before it is judged and taken back when it was right, so that guesses made at the same moment
on any number of workers count like guesses made one after the other. While the store is away nobody is counted: lists
are served then as well, to whoever can log in.
"""

from contextlib import suppress

from qbdispatch.store import buckets
from qbdispatch.store.engine import Store, StoreUnavailable

FAILURES = 10
PER_SECONDS = 60.0


def may_try(store: Store, door: str, client: str) -> bool:
    """Count an attempt by this client's address at this door; `False` if there were too many."""
    now, per_second = store.now(), FAILURES / PER_SECONDS
    try:
        with store.write() as connection:
            return buckets.take(connection, _name(door, client), capacity=FAILURES, per_second=per_second, now=now)
    except StoreUnavailable:
        return True


def succeeded(store: Store, door: str, client: str) -> None:
    """The attempt just counted was right."""
    with suppress(StoreUnavailable), store.write() as connection:
        buckets.give_back(connection, _name(door, client))


def _name(door: str, client: str) -> str:
    return f"{door} {client}"[:128]
