"""How often somebody may guess a password or key: ten failures at once, then one every six seconds.

An attempt is counted before it is judged and taken back when it was right, so that guesses made at the same moment
on any number of workers count like guesses made one after the other. While the store is away nobody is counted: lists
are served then as well, to whoever can log in.

Any host of a private network may say that it is a proxy and name another client with each guess. So all whom one host
names may fail ten times as often as one client, together: no failing client keeps the others out, and making up names
does not help.
"""

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from qbdispatch.store import buckets
from qbdispatch.store.engine import Store, StoreUnavailable

FAILURES = 10
NAMED_BY_ONE = 10 * FAILURES
PER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever makes the attempt, by address; `proxy` is the host that named it, `None` where it came by itself."""

    address: str
    proxy: str | None = None

    def limits(self, door: str) -> dict[str, int]:
        """How many failures at once there may be, by whom they count for."""
        own = {f"{door} {self.address}"[:128]: FAILURES}
        return own if self.proxy is None else own | {f"{door} by {self.proxy}"[:128]: NAMED_BY_ONE}


def may_try(store: Store, door: str, client: Client) -> bool:
    """Count an attempt by this client at this door; `False` if there were too many."""
    try:
        with store.write() as connection:
            return all(_taken(connection, name, most, store.now()) for name, most in client.limits(door).items())
    except StoreUnavailable:
        return True


def succeeded(store: Store, door: str, client: Client) -> None:
    """The attempt just counted was right."""
    with suppress(StoreUnavailable), store.write() as connection:
        for name in client.limits(door):
            buckets.give_back(connection, name)


def _taken(connection: Connection, name: str, most: int, now: float) -> bool:
    return buckets.take(connection, name, capacity=most, per_second=most / PER_SECONDS, now=now)
