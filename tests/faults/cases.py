"""The ways in which a node can be wrong, as tests bring them about: one table for all that must hold for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from qbdispatch.nodes.errors import REMEDIES, Cause
from qbdispatch.scoring.model import Reason
from tests.rig import scripted_faults as faults
from tests.rig.disks import GIB
from tests.rig.processes import free_port
from tests.rig.scripted_faults import FaultyNode
from tests.rig.scripted_torrents import Row
from tests.rig.swarm import MadeTorrent, make_torrent
from tests.unit.dispatch.bench import put

TIMEOUT_SECONDS = 0.4
SLOW_SECONDS = 1.1
Begin = Callable[[FaultyNode], object]


def answers(fault: faults.Fault) -> Begin:
    """Answer everything like that."""

    def begin(node: FaultyNode) -> None:
        node.fault = fault

    return begin


def ban(node: FaultyNode) -> None:
    node.unauthorised = True


def answer_just_in_time(node: FaultyNode) -> None:
    node.delay_seconds["*"] = SLOW_SECONDS


def set_clock(node: FaultyNode, days: int = 1) -> None:
    """So far ahead, or behind."""
    node.say_date(format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True))


def lose_free_space(node: FaultyNode) -> None:
    node.free_bytes = 0


def fill_disk(node: FaultyNode) -> MadeTorrent:
    """What it was loading, the answer, stops in error."""
    made = make_torrent("was being loaded", 10 * GIB)
    put(node, made, state="error", amount_left=GIB)
    node.free_bytes = 0
    return made


def restart_with(node: FaultyNode, count: int) -> dict[str, Row]:
    """Restart it with so many of its torrents; answers all that it had."""
    whole = node.restart()
    node.torrents_by_hash = dict(list(whole.items())[:count])
    return whole


def replace(node: FaultyNode) -> dict[str, Row]:
    """Another node answers at its address; answers what the right one had."""
    whole = node.restart()
    put(node, make_torrent("stranger", GIB))
    return whole


def nothing(_: FaultyNode) -> None:
    """The configuration is wrong, not the node."""


@dataclass(frozen=True)
class Case:
    """A fault, what it is called, and the code under which the node is out; `None` where it has none. `settings` are
    what is wrong in the configuration; {free} and {port} stand for a free port and the node's."""

    name: str
    begin: Begin
    cause: Cause | None
    code: Reason | None = Reason.UNREACHABLE
    settings: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def timeout_s(self) -> float:
        """What is too large gets the time to become so, and what is slow the time that it takes."""
        if self.cause is Cause.SLOW:
            return SLOW_SECONDS + 0.1
        return 20 if self.cause is Cause.TOO_LARGE else TIMEOUT_SECONDS

    @property
    def advice(self) -> str:
        """What its user is to do."""
        return REMEDIES[self.cause].advice if self.cause else ""

    def settings_for(self, node: FaultyNode) -> dict[str, str | float]:
        known = {"free": free_port(), "port": node.port}
        wrong = {name: value.format(**known) for name, value in self.settings.items()}
        return {"timeout_s": self.timeout_s, **wrong}


UNTIL_MENDED = [
    Case("hung", answers(faults.hang), Cause.TIMEOUT),
    Case("drops connections", answers(faults.drop), Cause.DROPPED),
    Case("login page of a proxy", answers(faults.page(200)), Cause.NOT_QBITTORRENT),
    Case("bad gateway", answers(faults.page(502)), Cause.SERVER_ERROR),
    Case("redirects", answers(faults.page(302, Location="/login")), Cause.NOT_QBITTORRENT),
    Case("redirects for good", answers(faults.page(308, Location="https://elsewhere.test/")), Cause.NOT_QBITTORRENT),
    Case("not found", answers(faults.page(404)), Cause.REFUSED),
    Case("ends in the middle of JSON", answers(faults.body('{"rid": 1, "torrents": {')), Cause.TRUNCATED),
    Case("ends before its length", answers(faults.cut_short), Cause.TRUNCATED),
    Case("JSON of another kind", answers(faults.body("[1, 2]")), Cause.NOT_QBITTORRENT),
    Case("JSON that says it is a page", answers(faults.body('{"rid": 1}', "text/html")), Cause.NOT_QBITTORRENT),
    Case("a page that says it is JSON", answers(faults.body(faults.LOGIN_PAGE)), Cause.NOT_QBITTORRENT),
    Case("endless JSON", answers(faults.endless), Cause.TOO_LARGE),
    Case("announces too much", answers(faults.announced), Cause.TOO_LARGE),
    Case("unpacks to too much", answers(faults.bomb), Cause.TOO_LARGE),
    Case("drips its body", answers(faults.drip_body), Cause.TIMEOUT),
    Case("drips its head", answers(faults.drip_head), Cause.TIMEOUT),
    Case("banned us", ban, Cause.BANNED, Reason.AUTH_FAILED),
]
"""Those that end with the node's next good answer."""

WRONG_URLS = [
    Case("nobody listens", nothing, Cause.REFUSED_CONNECTION, settings={"url": "http://127.0.0.1:{free}"}),
    Case("no such host", nothing, Cause.NAME_NOT_FOUND, settings={"url": "http://no-such-node.invalid"}),
    Case("no TLS there", nothing, Cause.TLS_FAILED, settings={"url": "https://127.0.0.1:{port}"}),
]

ODD = [
    Case("each call just within its limit", answer_just_in_time, Cause.SLOW, None),
    Case("a clock a day ahead", set_clock, Cause.CLOCK_SKEW, None),
    Case("free space of 0", lose_free_space, None, Reason.MISSING_FREE_SPACE),
    Case("full disk", fill_disk, Cause.DISK_FULL, Reason.MISSING_FREE_SPACE),
    Case("restarted with an empty list", lambda node: restart_with(node, 0), Cause.LIST_INCOMPLETE, None),
    Case("restarted with a partial list", lambda node: restart_with(node, 1), Cause.LIST_INCOMPLETE, None),
    Case("replaced", replace, Cause.REPLACED, None),
    Case("wrong password", nothing, Cause.WRONG_CREDENTIALS, Reason.AUTH_FAILED, {"password": "not-this-one"}),
]
"""Those that each have their own tests, as have wrong addresses."""
