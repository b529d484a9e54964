"""What is sent so that every version understands, and what its answers mean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdispatch.nodes.dialects import (
    AddReply,
    add_fields,
    has_settled_size,
    is_active_download,
    is_paused_download,
    read_add_reply,
)

TAKEN, NOT_TAKEN, UNCLEAR = AddReply.TAKEN, AddReply.NOT_TAKEN, AddReply.UNCLEAR


@pytest.mark.parametrize(
    ("given_fields", "sent"),
    [
        ({}, {}),
        ({"stopped": "true"}, {"stopped": "true", "paused": "true"}),
        ({"paused": "false"}, {"stopped": "false", "paused": "false"}),
        ({"paused": "true", "stopped": "false"}, {"stopped": "false", "paused": "false"}),
        ({"skip_checking": "true"}, {"skip_checking": "true", "seedMode": "true"}),
        ({"seedMode": "true"}, {"skip_checking": "true", "seedMode": "true"}),
        ({"category": "tv", "tags": "a,b", "ratioLimit": "2"}, {"category": "tv", "tags": "a,b", "ratioLimit": "2"}),
        ({"stopped": ""}, {"stopped": "", "paused": ""}),
    ],
)
def test_renamed_fields_are_sent_under_both_names(given_fields: dict[str, str], sent: dict[str, str]) -> None:
    """5.x reads `stopped`, 4.x `paused`; the newer name wins where a client sends both. Others pass unchanged."""
    assert add_fields(given_fields) == sent


def test_fields_that_are_no_part_of_an_add_are_dropped() -> None:
    """The links and files are the dispatcher's to give, and the cookie was for its own fetch."""
    assert add_fields({"urls": "magnet:", "cookie": "c", "torrents": "t", "x": "y", "Category": "tv"}) == {}


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ("Ok.", TAKEN),
        ("Ok.\n", TAKEN),
        ("Fails.", NOT_TAKEN),
        ('{"added_torrent_ids": ["a1"], "failure_count": 0, "pending_count": 0, "success_count": 1}', TAKEN),
        ('{"added_torrent_ids": [], "failure_count": 0, "pending_count": 1, "success_count": 0}', TAKEN),
        ('{"added_torrent_ids": [], "failure_count": 1, "pending_count": 0, "success_count": 0}', NOT_TAKEN),
        ('{"success_count": 1}', TAKEN),
        ('{"success_count": 0}', NOT_TAKEN),
        ('{"success_count": 0, "pending_count": null}', NOT_TAKEN),
        ("", UNCLEAR),
        ("ok.", UNCLEAR),
        ("<html>Ok.</html>", UNCLEAR),
        ("[1]", UNCLEAR),
        ("{}", UNCLEAR),
        ('{"success_count": "1"}', UNCLEAR),
        ('{"success_count": null, "pending_count": 1}', UNCLEAR),
        ('{"success_count": 1, "pending_count": "x"}', UNCLEAR),
        ("[" * 100_000, UNCLEAR),
    ],
)
def test_every_versions_answer_to_an_add_is_read(body: str, meaning: AddReply) -> None:
    """4.x and 5.0 in words, 5.2 and later in counts; what is neither is unclear, which is not the same as no."""
    assert read_add_reply(body) is meaning


counts = st.sampled_from(["1", "0", "-1", "1.5", "NaN", "true", "null", '""', '"a"', "[]", "{}"])
answers = st.builds(lambda done, due: f'{{"success_count": {done}, "pending_count": {due}}}', counts, counts)


@settings(deadline=None, max_examples=60)
@given(st.one_of(st.text(), answers))
def test_any_body_has_a_meaning(body: str) -> None:
    """Whatever a node says, it is one of three things and never an error."""
    assert read_add_reply(body) in AddReply


@pytest.mark.parametrize(
    ("state", "active", "paused", "settled"),
    [
        ("downloading", True, False, True),
        ("forcedDL", True, False, True),
        ("stalledDL", True, False, True),
        ("queuedDL", True, False, True),
        ("checkingDL", True, False, True),
        ("allocating", True, False, True),
        ("metaDL", True, False, False),
        ("forcedMetaDL", True, False, False),
        ("checkingResumeData", True, False, False),
        ("moving", True, False, True),
        ("pausedDL", False, True, True),
        ("stoppedDL", False, True, True),
        ("error", False, False, True),
        ("missingFiles", False, False, True),
        ("unknown", False, False, False),
        ("uploading", False, False, True),
        ("stalledUP", False, False, True),
        ("pausedUP", False, False, True),
        ("stoppedUP", False, False, True),
        ("queuedUP", False, False, True),
        ("checkingUP", False, False, True),
        ("forcedUP", False, False, True),
    ],
)
def test_every_state_is_known_for_what_it_is(state: str, active: bool, paused: bool, settled: bool) -> None:
    """For an unfinished torrent of known size; states are those of the Web API of 4.3 to 5.3."""
    found = (is_active_download(state, 1), is_paused_download(state), has_settled_size(state, 1))
    assert found == (active, paused, settled)


def test_a_finished_torrent_that_is_moved_is_no_download() -> None:
    """Moving says nothing of being finished; what is left does."""
    assert not is_active_download("moving", 0)


def test_a_size_of_0_is_not_settled() -> None:
    """A magnet without metadata says 0 in any state."""
    assert not has_settled_size("downloading", 0)
