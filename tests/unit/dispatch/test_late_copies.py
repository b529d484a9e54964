"""An add that was given up on comes to something while the torrent is being placed elsewhere: one copy stays."""

from collections.abc import Iterator

import pytest

from qbdispatch.dispatch.dispatcher import Status
from qbdispatch.dispatch.request import Submission
from qbdispatch.torrents.metainfo import parse_torrent_file
from tests.unit.dispatch.simulated import Course, Plan
from tests.unit.dispatch.test_model import TORRENTS, Fleets

MADE = TORRENTS[0]


@pytest.fixture
def fleets() -> Iterator[Fleets]:
    """Three simulated nodes and one store."""
    opened = Fleets()
    opened.open()
    yield opened
    opened.teardown()


def test_where_the_worker_of_the_second_add_died(fleets: Fleets) -> None:
    """Both nodes carry their adds out late; neither has anybody who could say so."""
    assert fleets._submit(MADE, True, Plan([Course.LATE, Course.LATE_CRASH])) is None
    for name in ("c", "b", "a"):  # the roomiest first: it got the first add
        fleets.come_up(name)
        fleets.poll(name)
    fleets.settle()
    assert len(fleets._homes(MADE)) == 1


def test_where_the_late_copy_shows_while_the_second_add_is_under_way(fleets: Fleets) -> None:
    """The poll takes the late copy for the placement; the second add then is in doubt, and healed like one."""
    first = fleets.dispatcher.preview(Submission(parse_torrent_file(MADE.data))).node

    def first_carries_it_out() -> None:
        fleets.come_up(str(first))
        fleets.poll(str(first))

    def next_add_is_slow() -> None:
        fleets.plan.meanwhile = first_carries_it_out

    result = fleets._submit(MADE, True, Plan([Course.LATE, Course.FINE], next_add_is_slow))
    assert result is not None
    assert result.status is Status.ACCEPTED
    assert len(fleets._homes(MADE)) == 2
    fleets.settle()
    assert len(fleets._homes(MADE)) == 1


def test_where_another_submission_placed_it_meanwhile(fleets: Fleets) -> None:
    """Two decisions instead of one: the poll took the late copy of the first for its placement, and the second was
    sent all the same."""
    first = fleets.dispatcher.preview(Submission(parse_torrent_file(MADE.data))).node
    assert fleets._submit(MADE, True, Plan([Course.LATE, Course.CRASH_BEFORE])) is None
    fleets.wait(60.0)

    def first_carries_it_out() -> None:
        fleets.come_up(str(first))
        fleets.poll(str(first))

    result = fleets._submit(MADE, True, Plan([Course.FINE], first_carries_it_out))
    assert result is not None
    assert (result.status, len(fleets._homes(MADE))) == (Status.ACCEPTED, 2)
    fleets.settle()
    assert len(fleets._homes(MADE)) == 1


@pytest.mark.parametrize("course", [Course.FINE, Course.UNANSWERED])
def test_where_a_stopped_worker_goes_on_after_its_claim_has_ended(fleets: Fleets, course: Course) -> None:
    """Nobody could know that it would still send: another worker has placed the torrent since."""

    def placed_by_another() -> None:
        fleets.wait(60.0)
        other = fleets._submit(MADE, True, Plan([Course.REFUSED]))  # on another node
        assert other is not None
        assert other.status is Status.ACCEPTED

    fleets._submit(MADE, True, Plan([course], placed_by_another))
    assert len(fleets._homes(MADE)) == 2
    fleets.settle()
    assert len(fleets._homes(MADE)) == 1


def test_where_it_was_deleted_before_its_worker_heard_that_it_was_taken(fleets: Fleets) -> None:
    """What the worker then writes down is found to be wrong: the torrent can be added again."""

    def shown_and_deleted() -> None:
        name = fleets._homes(MADE)[0]
        fleets.poll(name)
        fleets.promised[str(MADE.v1)] = MADE
        fleets._delete(str(MADE.v1))

    fleets._submit(MADE, True, Plan([Course.FINE], afterwards=shown_and_deleted))
    assert fleets._homes(MADE) == []
    fleets.promised.clear()
    fleets.settle()
    again = fleets._submit(MADE, True, Plan())
    assert again is not None
    assert again.status is Status.ACCEPTED
