"""The leader's lease: one holder, renewed in time, taken over when it has run out."""

import pytest
from sqlalchemy import Connection

from qbdispatch.store import leases

pytestmark = pytest.mark.both_stores

TTL = 5.0


def acquire(connection: Connection, owner: str, now: float, name: str = "poller") -> bool:
    return leases.acquire(connection, name, owner, now=now, ttl_seconds=TTL)


@pytest.mark.parametrize(("now", "taken"), [(100.0, False), (104.9, False), (105.0, True), (200.0, True)])
def test_another_takes_the_lease_only_when_it_has_run_out(connection: Connection, now: float, taken: bool) -> None:
    """Taken at 100 for 5 s; at 105 it is free, and whoever takes it then holds it."""
    assert acquire(connection, "first", 100.0)
    assert acquire(connection, "second", now) == taken
    assert leases.held_by(connection, "poller", "second") == taken
    assert leases.held_by(connection, "poller", "first") != taken


def test_renewing_moves_the_end(connection: Connection) -> None:
    """Its holder may renew early or late, as long as nobody has taken it."""
    assert [acquire(connection, "first", now) for now in (100.0, 104.0)] == [True, True]
    assert not acquire(connection, "second", 108.9)
    assert acquire(connection, "first", 120.0)
    assert not acquire(connection, "second", 124.9)


def test_a_clock_that_was_set_back_does_not_keep_the_lease_for_ever(connection: Connection) -> None:
    """An end further ahead than two lease times is not believed; one within them may come from another clock."""
    assert acquire(connection, "first", 100.0)
    assert not acquire(connection, "second", 95.0)
    assert acquire(connection, "second", 94.9)
    assert leases.held_by(connection, "poller", "second")


def test_giving_up_frees_the_lease_at_once_and_only_ones_own(connection: Connection) -> None:
    """A leader that was overtaken takes nothing from its successor."""
    assert acquire(connection, "first", 100.0)
    leases.give_up(connection, "poller", "second")
    assert not acquire(connection, "second", 101.0)
    leases.give_up(connection, "poller", "first")
    assert not leases.held_by(connection, "poller", "first")
    assert acquire(connection, "second", 101.0)


def test_leases_of_different_names_are_apart(connection: Connection) -> None:
    """Holding one is not holding the other."""
    assert acquire(connection, "first", 100.0)
    assert acquire(connection, "second", 100.0, "other")
    assert not leases.held_by(connection, "other", "first")
