"""A first look at what stands behind a node's address: one request without a session, which no ban counts."""

import re
import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests

from qbdispatch.config.settings import NodeSettings
from qbdispatch.nodes.bounded import bound
from qbdispatch.nodes.transport import CONNECT_TIMEOUT_SECONDS, in_our_words

_VERSION = re.compile(r"v?\d+\.\d+[\w.]*")
_LONGEST_REFUSAL = 200


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to `app/version`: HTTP status, the start of the body, and the clock of the one who answered."""

    status: int
    text: str
    clock_ahead_seconds: float | None

    @property
    def is_qbittorrent(self) -> bool:
        """It tells its version to anybody, or says `Forbidden`, or does not like our Host header (401), all as plain
        text."""
        if self.status == 200:
            return _VERSION.fullmatch(self.text.strip()) is not None
        return self.status in (401, 403) and len(self.text) < _LONGEST_REFUSAL and "<" not in self.text


def probe(node: NodeSettings) -> Probe:
    """Ask for the version without a login. Raises `NodeError` where there is no HTTP answer."""
    asked_at = time.time()
    with requests.Session() as session, in_our_words(node):
        bound(session)
        response = session.get(
            f"{node.url}/api/v2/app/version",
            timeout=(CONNECT_TIMEOUT_SECONDS, node.timeout_s),
            verify=node.verify_tls,
            allow_redirects=False,
            stream=True,  # `bound` reads it
        )
    ahead = clock_ahead(response.headers.get("Date"), asked_at, time.time())
    return Probe(response.status_code, response.text[: _LONGEST_REFUSAL + 1], ahead)


def clock_ahead(date: str | None, asked_at: float, answered_at: float) -> float | None:
    """By how many seconds the clock behind an HTTP `Date` header is ahead of ours; `None` where it tells none.

    The header has whole seconds and was written between question and answer: what lies within is 0.
    """
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    at = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    if at > answered_at:
        return at - answered_at
    return min(0.0, at + 1 - asked_at)
