"""Categories and tags of the fleet: what exists, what was removed, and what a client that knows a revision missed."""

import pytest
from sqlalchemy import Connection

from qbdispatch.store import labels
from qbdispatch.store.labels import Kind, Label

pytestmark = pytest.mark.both_stores


@pytest.mark.parametrize("kind", list(Kind))
def test_a_label_can_come_change_go_and_come_again(connection: Connection, kind: Kind) -> None:
    """What went is remembered as gone, so that it can be taken off nodes that were away, until it is made anew."""
    labels.define(connection, kind, {"tv": "/a", "movies": ""}, revision=1)
    labels.define(connection, kind, {"tv": "/b"}, revision=2)
    assert (labels.defined(connection, kind), labels.gone(connection, kind)) == ({"movies": "", "tv": "/b"}, set())
    labels.drop(connection, kind, ["tv", "unheard of"], revision=3)
    assert (labels.defined(connection, kind), labels.gone(connection, kind)) == ({"movies": ""}, {"tv"})
    labels.define(connection, kind, {"tv": "/c"}, revision=4)
    assert (labels.defined(connection, kind), labels.gone(connection, kind)) == ({"movies": "", "tv": "/c"}, set())


def test_every_label_is_told_with_the_revision_of_its_last_change(connection: Connection) -> None:
    """By name, also what went: lists and increments are made of it."""
    labels.define(connection, Kind.CATEGORY, {"tv": "", "old": ""}, revision=1)
    labels.define(connection, Kind.CATEGORY, {"movies": "/m"}, revision=2)
    labels.drop(connection, Kind.CATEGORY, ["old"], revision=3)
    labels.define(connection, Kind.CATEGORY, {"Ähm": "", "Tv": ""}, revision=4)
    assert labels.every(connection, Kind.CATEGORY) == [
        Label("Tv", "", False, 4),
        Label("movies", "/m", False, 2),
        Label("old", "", True, 3),
        Label("tv", "", False, 1),
        Label("Ähm", "", False, 4),
    ]


def test_a_tag_and_a_category_of_one_name_are_two_things(connection: Connection) -> None:
    """Neither sees the other come or go."""
    labels.define(connection, Kind.CATEGORY, {"tv": "/a"}, revision=1)
    labels.define(connection, Kind.TAG, {"tv": ""}, revision=2)
    labels.drop(connection, Kind.TAG, ["tv"], revision=3)
    assert labels.defined(connection, Kind.CATEGORY) == {"tv": "/a"}
    assert labels.gone(connection, Kind.CATEGORY) == set()
    assert labels.every(connection, Kind.TAG) == [Label("tv", "", True, 3)]
