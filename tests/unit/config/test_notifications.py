"""Targets of notices: what is taken, what is refused, and how they are called."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml

from qbdispatch.config.loader import ConfigError, load_settings
from qbdispatch.config.notifications import Event, target_names

NODE = {"name": "a", "url": "http://a:1"}


def _load(tmp_path: Path, **notifications: object) -> object:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"nodes": [NODE], "notifications": notifications}))
    return load_settings(path, environ={}).notifications


@pytest.mark.parametrize("url", ["s3cret", "s3cret://x", "json://", "discord://s3cret", "http://", ":s3cret"])
def test_what_apprise_does_not_know_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str) -> None:
    """By its place; neither the fault nor Apprise's own log repeats the address."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError) as refused:
        _load(tmp_path, targets=["json://localhost", url])
    assert "notifications.targets[1]: is not an address that Apprise knows" in str(refused.value)
    assert "s3cret" not in str(refused.value) + caplog.text


def test_targets_can_come_from_a_file(tmp_path: Path) -> None:
    """One a line."""
    (tmp_path / "targets").write_text("json://a\n\njson://b\n")
    settings = _load(tmp_path, targets_file="targets")
    assert getattr(settings, "targets", None) == ("json://a", "json://b")
    assert "json" not in repr(settings)


def test_an_unknown_event_is_refused_with_those_there_are(tmp_path: Path) -> None:
    """All are told by default but the one that comes with each torrent."""
    with pytest.raises(ConfigError, match=r"notifications.events\[0\]: must be one of placed, refused, held"):
        _load(tmp_path, events=["node_gone"])
    assert getattr(_load(tmp_path), "events", None) == tuple(event for event in Event if event is not Event.PLACED)


def test_targets_are_called_by_place_and_scheme_and_by_a_host_that_is_no_secret() -> None:
    """In many addresses the first part is a token."""
    urls = ["discord://123/s3cret", "json://user:s3cret@example.org:80/s3cret?x=s3cret", "ntfy://s3cret", "JSON://h"]
    assert target_names(urls) == ["1 discord://…", "2 json://example.org", "3 ntfy://…", "4 json://h"]
    assert max(map(len, target_names([f"json://{'h' * 300}"] * 100))) <= 64
