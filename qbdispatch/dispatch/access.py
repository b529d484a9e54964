"""Speaks to one node on behalf of all workers: one shared session, one login at a time, a pause after a refusal."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import requests

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.client import Cookies, NodeClient
from qbdispatch.nodes.endpoints import Version, in_dialect
from qbdispatch.nodes.errors import Cause, NodeAuthFailed, NodeDown, NodeError, NodeForbidden, NodeUnreachable
from qbdispatch.nodes.transport import CONNECT_TIMEOUT_SECONDS
from qbdispatch.scoring.model import Reason
from qbdispatch.store import health
from qbdispatch.store.engine import Store
from qbdispatch.store.secrets import shared_secret
from qbdispatch.store.sessions import LoginGranted, LoginTaken, Refused, Session, SessionVault

LOGIN_POLL_SECONDS = 0.05
LOGIN_WAIT_SECONDS = 3.0
Answer = TypeVar("Answer")


class NodeAccess:
    """The way to a node. Safe for threads; one per node and process."""

    def __init__(self, node: NodeSettings, store: Store) -> None:
        self.node = node
        self.client = NodeClient(node)
        self._store = store
        self._now = store.now
        self._vault = SessionVault(store, node.name, _fingerprint(node, shared_secret(store, "fingerprints")))

    def call(self, action: Callable[[Cookies], Answer]) -> Answer:
        """Run one call with the shared session, and once more with a new one if the old has ended.

        Repeating is safe: a node that answers 403 has not done what was asked.
        """
        session = self._session()
        try:
            return action(session.cookies)
        except NodeForbidden as error:
            session = self._renewed(session, error)
        except NodeAuthFailed as error:
            if not self.node.api_key:
                raise
            raise self._refused(f"refuses the api_key ({error.what})", error.cause) from error
        try:
            return action(session.cookies)
        except NodeForbidden as error:
            raise self._refused(f"lets us log in, but then says: {error.what}", error.cause) from error

    def send(self, method: str, endpoint: str, fields: Mapping[str, str], version: Version) -> requests.Response:
        """One call, put into the dialect of the node's version; answers what the node answered last."""
        for name, sent in in_dialect(endpoint, fields, self.node, version):
            answer = self.call(partial(self.client.send, method=method, endpoint=name, fields=sent))
        return answer

    def require_up(self) -> None:
        """Raise the fault of a node that is known to be down, so that nobody else waits for what its watcher tries.
        Where nobody has tried it as announced, it is not known to be down."""
        with self._store.read() as connection:
            state = health.states(connection).get(self.node.name)
        if state is None or state.fault is not Reason.UNREACHABLE or state.retry_at is None:
            return
        if self._now() < state.retry_at + CONNECT_TIMEOUT_SECONDS + self.node.timeout_s:
            raise NodeDown(state.fault_detail, Cause(state.cause) if state.cause else None)

    def forgive(self) -> None:
        """End the pause after a refused login."""
        self._vault.forgive()

    def _session(self) -> Session:
        standing = self._vault.current(self._now())
        if isinstance(standing, Refused):
            raise self._pausing(standing)
        if standing is None:
            return self._log_in(None) if self._logs_in else Session(0, {})
        return standing

    def _renewed(self, session: Session, cause: NodeForbidden) -> Session:
        if self._logs_in:
            return self._log_in(session.generation)
        missing = "refuses the api_key" if self.node.api_key else "wants a login, but the configuration has none"
        raise self._refused(f"{missing} ({cause.what})", cause.cause) from cause

    @property
    def _logs_in(self) -> bool:
        return bool(self.node.username) and not self.node.api_key

    def _log_in(self, stale: int | None) -> Session:
        """Log in, or wait for the worker that is doing so."""
        give_up = time.monotonic() + LOGIN_WAIT_SECONDS
        while True:
            leave = self._vault.begin_login(stale, self._now())
            if isinstance(leave, Session):
                return leave
            if isinstance(leave, Refused):
                raise self._pausing(leave)
            if isinstance(leave, LoginGranted):
                return self._granted_login()
            assert isinstance(leave, LoginTaken)
            if time.monotonic() > give_up:
                raise NodeUnreachable("another worker has been trying to log in for some seconds", Cause.TIMEOUT)
            time.sleep(LOGIN_POLL_SECONDS)

    def _granted_login(self) -> Session:
        try:
            cookies = self.client.log_in()
        except (NodeAuthFailed, NodeForbidden) as error:
            raise self._refused(error.what, error.cause) from error
        except NodeError as error:
            self._vault.abandoned()
            raise NodeUnreachable(f"login: {error.what}", error.cause) from error  # what was to follow was not sent
        return self._vault.succeeded(cookies)

    def _refused(self, what: str, cause: Cause) -> NodeAuthFailed:
        return self._pausing(self._vault.refused(f"{cause}: {what}", self._now()))

    def _pausing(self, refused: Refused) -> NodeAuthFailed:
        cause, _, what = refused.detail.partition(": ")
        if cause not in {*Cause}:  # kept by an earlier version
            cause, what = Cause.WRONG_CREDENTIALS, refused.detail
        minutes = max(1, round((refused.retry_at - self._now()) / 60))
        return NodeAuthFailed(
            f"{what}; next try in {minutes} min, or at once after POST /nodes/{self.node.name}/resume or a restart"
            " with changed credentials",
            Cause(cause),
        )


@dataclass(frozen=True, slots=True)
class Fleet:
    """The ways to all configured nodes, by name."""

    members: Mapping[str, NodeAccess]

    @property
    def settings(self) -> list[NodeSettings]:
        return [member.node for member in self.members.values()]


def at_once(ask: Callable[[str], Answer], names: Sequence[str]) -> list[Answer]:
    """What `ask` finds out of each of these nodes, in order; each is under its own time limit."""
    if len(names) < 2:
        return [ask(name) for name in names]
    with ThreadPoolExecutor(len(names), thread_name_prefix="action") as pool:
        return [future.result() for future in [pool.submit(copy_context().run, ask, name) for name in names]]


def _fingerprint(node: NodeSettings, key: str) -> str:
    """Tells changed credentials from unchanged ones; keyed and short, so that it gives nothing away."""
    parts = "\0".join((node.url, node.username, node.password, node.api_key or ""))
    return hashlib.blake2b(parts.encode(), key=bytes.fromhex(key), digest_size=8).hexdigest()
