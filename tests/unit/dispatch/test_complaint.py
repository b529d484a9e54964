"""A trouble that lasts is one line in the log."""

import logging

import pytest

from qbdispatch.dispatch.complaint import Complaint


def test_a_trouble_is_said_once_until_it_is_over_or_another(caplog: pytest.LogCaptureFixture) -> None:
    """Percent signs in it are text."""
    complaint = Complaint(logging.getLogger("here"))
    complaint.over()
    for text in ("full 100%", "full 100%", "gone", "gone"):
        complaint.say(text)
    complaint.over()
    complaint.say("gone")
    assert [record.getMessage() for record in caplog.records] == ["full 100%", "gone", "gone"]
