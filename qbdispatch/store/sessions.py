"""The nodes' WebUI sessions, shared by all workers: one login serves every worker, and only one logs in at a time.

Also the back-off after a refused login. A node bans an address after 5 bad logins for an hour (qBittorrent's
defaults), so the next try comes minutes later, whichever worker makes it, or at once when the credentials change.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from qbdispatch.store.engine import Store
from qbdispatch.store.tables import sessions

LOGIN_LEASE_SECONDS = 20.0
RETRY_AFTER_REFUSAL_SECONDS = (360.0, 1200.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Session:
    """The session shared by all workers. `generation` tells an old one from its successor."""

    generation: int
    cookies: dict[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """No login before `retry_at` (seconds since 1970): the node said no."""

    retry_at: float
    detail: str


class LoginTaken:
    """Another worker is logging in right now."""


class LoginGranted:
    """The caller is to log in, then to call `succeeded`, `refused` or `abandoned`."""


class SessionVault:
    """The sessions of one node, as kept in the store."""

    def __init__(self, store: Store, node: str, credentials: str) -> None:
        """`credentials` is a fingerprint: when it changes, an old refusal no longer holds."""
        self._store = store
        self._node = node
        self._credentials = credentials

    def current(self, now: float) -> Session | Refused | None:
        """The session to use, the refusal in force, or neither."""
        with self._store.read() as connection:
            row = self._row(connection)
        return None if row is None else self._standing(row, now)

    def begin_login(self, stale: int | None, now: float) -> Session | Refused | LoginTaken | LoginGranted:
        """Ask for leave to log in because the session of generation `stale` is gone (`None`: there was none)."""
        with self._store.write() as connection:
            row = self._present_row(connection)
            standing = self._standing(row, now)
            if isinstance(standing, Refused) or (standing is not None and standing.generation != stale):
                return standing
            login_until = row.get("login_until")
            # Twice: `now` is from before this caller had to wait for the lock. More comes from a clock set back.
            if login_until is not None and now < login_until <= now + 2 * LOGIN_LEASE_SECONDS:
                return LoginTaken()
            self._change(connection, login_until=now + LOGIN_LEASE_SECONDS)
        return LoginGranted()

    def succeeded(self, cookies: dict[str, str]) -> Session:
        """Keep the new session for all workers."""
        with self._store.write() as connection:
            generation = self._present_row(connection)["generation"] + 1
            self._change(
                connection,
                generation=generation,
                cookies=cookies,
                login_until=None,
                refusals=0,
                retry_at=None,
            )
        return Session(generation, cookies)

    def refused(self, detail: str, now: float) -> Refused:
        """The node refused the credentials or has banned us: nobody tries again for a while."""
        with self._store.write() as connection:
            refusals = self._present_row(connection)["refusals"] + 1
            wait = RETRY_AFTER_REFUSAL_SECONDS[min(refusals, len(RETRY_AFTER_REFUSAL_SECONDS)) - 1]
            self._change(
                connection,
                cookies=None,
                login_until=None,
                refusals=refusals,
                retry_at=now + wait,
                refusal_detail=detail,
                credentials=self._credentials,
            )
        return Refused(now + wait, detail)

    def abandoned(self) -> None:
        """The login came to nothing (the node did not answer): the next caller may try."""
        with self._store.write() as connection:
            self._change(connection, login_until=None)

    def forgive(self) -> None:
        """Let the next caller try to log in at once: the user says that the cause is mended."""
        with self._store.write() as connection:
            self._change(connection, retry_at=None, refusals=0)

    def _standing(self, row: dict[str, Any], now: float) -> Session | Refused | None:
        retry_at = row.get("retry_at")
        if retry_at is not None and now < retry_at and row["credentials"] == self._credentials:
            return Refused(retry_at, row["refusal_detail"])
        cookies = row.get("cookies")
        return None if cookies is None else Session(row["generation"], cookies)

    def _row(self, connection: Connection) -> dict[str, Any] | None:
        row = connection.execute(select(sessions).where(sessions.c.node == self._node)).mappings().one_or_none()
        return dict(row) if row else None

    def _present_row(self, connection: Connection) -> dict[str, Any]:
        """The row, made if there is none; for write transactions."""
        row = self._row(connection)
        if row is None:
            row = {"node": self._node, "generation": 0, "refusals": 0, "refusal_detail": "", "credentials": ""}
            connection.execute(insert(sessions).values(row))
        return row

    def _change(self, connection: Connection, **values: Any) -> None:
        connection.execute(update(sessions).where(sessions.c.node == self._node).values(values))
