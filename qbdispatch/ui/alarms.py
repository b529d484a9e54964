"""What is wrong, in sentences, the worst first; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from qbdispatch.config.settings import Settings
from qbdispatch.dispatch.leader import LEASE_SECONDS
from qbdispatch.scoring.model import Reason, Rejection
from qbdispatch.ui import words
from qbdispatch.ui.cards import Card, Panorama

SIGHT_SECONDS = 24 * 3600.0
"""A disk that will be full within this time is worth a warning now."""

SPACE = frozenset({Reason.BELOW_MIN_FREE_SPACE, Reason.MISSING_FREE_SPACE})
LEVELS = ("danger", "warning", "info")


@dataclass(frozen=True, slots=True)
class Alarm:
    """`level` is danger (torrents cannot go somewhere now), warning (soon, or wrongly) or info (open doors). `place`
    is the id of what it is about on the dashboard."""

    level: str
    title: str
    detail: str
    place: str | None = None


def alarms(view: Panorama, settings: Settings, held: int) -> list[Alarm]:
    """All there is to tell now; `held` torrents wait."""
    found = [*_leaderless(view), *_nowhere(view), *_of_nodes(view), *_waiting(held), *_of_settings(settings)]
    return sorted(found, key=lambda alarm: LEVELS.index(alarm.level))


def _leaderless(view: Panorama) -> Iterator[Alarm]:
    if view.led_until is None:
        yield Alarm(
            "danger",
            "Nobody watches the nodes",
            "No worker polls them; the figures below are old. Is the service running?",
        )
    elif view.led_until < view.now - LEASE_SECONDS:
        since = words.span(view.now - view.led_until)
        yield Alarm("danger", "Nobody watches the nodes", f"No worker has polled them for {since}; its log tells why.")


def _nowhere(view: Panorama) -> Iterator[Alarm]:
    """Where all are down, that is told of each."""
    if view.up and all(card.verdict.excluded for card in view.cards):
        yield Alarm("danger", "No node takes torrents", "Each has its reason below.", "nodes")


def _waiting(held: int) -> Iterator[Alarm]:
    if held:
        title = f"{held} {'torrent waits' if held == 1 else 'torrents wait'} until a node has room"
        yield Alarm("warning", title, "Each goes to the first node that may take it.", "held")


def _of_nodes(view: Panorama) -> Iterator[Alarm]:
    for card in view.cards:
        yield from _of_node(card)


def _of_node(card: Card) -> Iterator[Alarm]:
    for part in card.verdict.rejections:
        if card.is_down and part.code in (Reason.UNREACHABLE, Reason.AUTH_FAILED, Reason.STALE):
            yield _rejected("danger", card, part)
            return
    lacking = [part for part in card.verdict.rejections if part.code in SPACE]
    for part in lacking:
        yield _rejected("warning", card, part)
    if not lacking and card.full_in is not None and 0 < card.full_in < SIGHT_SECONDS:
        detail = f"Its free space falls to its floor of {words.size(card.disk.floor)} then."
        title = f"{card.name}: full in about {words.span(card.full_in)} at the present rate"
        yield Alarm("warning", title, detail, card.place)
    for clash in card.clashes:
        yield Alarm("warning", f"{card.name}: same path as another node", words.sentence(clash), card.place)


def _rejected(level: str, card: Card, part: Rejection) -> Alarm:
    return Alarm(level, f"{card.name}: {words.reason(part.code).lower()}", words.sentence(part.detail), card.place)


def _of_settings(settings: Settings) -> Iterator[Alarm]:
    if settings.dispatcher.admin_api_key is None:
        yield Alarm(
            "info", "This page is open", "Anybody who reaches it may submit and drain; set dispatcher.admin_api_key."
        )
    if settings.auth.username is None and not settings.auth.api_keys:
        yield Alarm("info", "The qBittorrent API is open", "It accepts any login; set auth.username and auth.password.")
