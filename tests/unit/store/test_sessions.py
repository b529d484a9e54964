"""One session for all workers, one login at a time, and the pause after a refusal. Each vault is a worker's."""

import pytest

from qbdispatch.store.engine import Store
from qbdispatch.store.sessions import LoginGranted, LoginTaken, Refused, Session, SessionVault

pytestmark = pytest.mark.both_stores

NOW = 1_000_000.0
COOKIES = {"SID": "s1"}


@pytest.fixture
def vaults(store: Store, second: Store) -> tuple[SessionVault, SessionVault]:
    """The same node's vault in two workers."""
    return SessionVault(store, "box", "same"), SessionVault(second, "box", "same")


def granted(vault: SessionVault, now: float = NOW, stale: int | None = None) -> bool:
    return isinstance(vault.begin_login(stale, now), LoginGranted)


def refused_until(vault: SessionVault, now: float) -> float | None:
    """The end of the pause in force; both ways to ask agree on it."""
    standing = vault.current(now)
    if not isinstance(standing, Refused):
        return None
    assert vault.begin_login(None, now) == standing
    return standing.retry_at


def test_a_node_nobody_has_logged_in_to_has_no_session(vaults: tuple[SessionVault, SessionVault]) -> None:
    """Neither before nor while the first login is under way."""
    assert vaults[0].current(NOW) is None
    assert granted(vaults[0])
    assert vaults[1].current(NOW) is None


def test_one_worker_logs_in_at_a_time(vaults: tuple[SessionVault, SessionVault]) -> None:
    """Until it is done or its leave has run out after 20 s: its worker may have died."""
    first, second = vaults
    assert granted(first)
    assert isinstance(second.begin_login(None, NOW), LoginTaken)
    assert isinstance(second.begin_login(None, NOW + 19.9), LoginTaken)
    assert granted(second, NOW + 20.0)


def test_a_clock_that_was_set_back_blocks_no_login(vaults: tuple[SessionVault, SessionVault]) -> None:
    """A leave that ends further ahead than it can last, a wait for the lock allowed for, does not count."""
    assert granted(vaults[0])
    assert not granted(vaults[1], NOW - 1)
    assert granted(vaults[1], NOW - 21)


def test_a_login_serves_every_worker(vaults: tuple[SessionVault, SessionVault]) -> None:
    """Whoever asks for leave meanwhile is given the session instead."""
    first, second = vaults
    assert granted(first)
    session = first.succeeded(COOKIES)
    assert (session.cookies, second.current(NOW), second.begin_login(None, NOW)) == (COOKIES, session, session)


def test_only_the_present_generation_can_be_called_stale(vaults: tuple[SessionVault, SessionVault]) -> None:
    """Two workers lose one session: the first logs in, the second is handed the new one."""
    first, second = vaults
    old = first.succeeded(COOKIES)
    assert granted(first, stale=old.generation)
    new = first.succeeded({"SID": "s2"})
    assert new.generation != old.generation
    assert second.begin_login(old.generation, NOW) == new
    assert granted(second, stale=new.generation)


def test_an_abandoned_login_lets_the_next_one_try(vaults: tuple[SessionVault, SessionVault]) -> None:
    """The node did not answer: no pause, and the old session stays."""
    first, second = vaults
    session = first.succeeded(COOKIES)
    assert granted(first, stale=session.generation)
    first.abandoned()
    assert second.current(NOW) == session
    assert granted(second, stale=session.generation)


def test_each_refusal_in_a_row_makes_the_pause_longer(vaults: tuple[SessionVault, SessionVault]) -> None:
    """6, 20, then 60 minutes for all workers: at most two tries in 10 minutes, long before a ban after 5."""
    first, second = vaults
    now = NOW
    for wait in (360.0, 1200.0, 3600.0, 3600.0):
        assert granted(first, now)
        assert first.refused("no", now) == Refused(now + wait, "no")
        assert refused_until(second, now + wait - 0.1) == now + wait
        now += wait
        assert refused_until(second, now) is None


def test_a_refusal_ends_the_session_and_the_leave(vaults: tuple[SessionVault, SessionVault]) -> None:
    """After the pause nobody is handed the old cookies."""
    first, second = vaults
    session = first.succeeded(COOKIES)
    assert granted(first, stale=session.generation)
    first.refused("banned", NOW)
    standing = second.current(NOW)
    assert standing == Refused(NOW + 360, "banned")
    assert second.current(NOW + 360) is None
    assert granted(second, NOW + 360)


def test_a_success_forgets_the_refusals_before_it(vaults: tuple[SessionVault, SessionVault]) -> None:
    """The next refusal pauses for 6 minutes again."""
    first, _ = vaults
    first.refused("no", NOW)
    first.refused("no", NOW)
    first.succeeded(COOKIES)
    assert refused_until(first, NOW) is None
    assert first.refused("no", NOW).retry_at == NOW + 360


def test_changed_credentials_void_a_refusal(store: Store, second: Store) -> None:
    """The refusal holds for those that were refused, also when they come back."""
    old, new = SessionVault(store, "box", "old"), SessionVault(second, "box", "new")
    assert granted(old)
    old.refused("no", NOW)
    assert (refused_until(old, NOW + 1), refused_until(new, NOW + 1)) == (NOW + 360, None)
    assert granted(new, NOW + 1)


def test_the_user_can_end_the_pause(vaults: tuple[SessionVault, SessionVault]) -> None:
    """The next try is at once, and pauses begin at 6 minutes again; forgiving an unknown node is harmless."""
    first, second = vaults
    second.forgive()
    first.refused("no", NOW)
    first.refused("no", NOW)
    second.forgive()
    assert granted(first, NOW + 1)
    assert first.refused("no", NOW + 1).retry_at == NOW + 361


def test_nodes_have_sessions_of_their_own(store: Store) -> None:
    """One node's session or refusal is not another's."""
    one, other = SessionVault(store, "one", "c"), SessionVault(store, "other", "c")
    session = one.succeeded(COOKIES)
    other.refused("no", NOW)
    assert isinstance(session, Session)
    assert (one.current(NOW), other.current(NOW)) == (session, Refused(NOW + 360, "no"))
