"""Links: read as they are, or fetched by us within the configured limits."""

from collections.abc import Callable

import pytest

from qbdispatch.config.settings import FetchSettings
from qbdispatch.dispatch.intake import read_link
from qbdispatch.torrents.errors import FetchFailed, TorrentError
from tests.rig.scripted import ScriptedNode


def test_a_magnet_needs_no_fetching() -> None:
    """Its hash is in it."""
    assert read_link("magnet:?xt=urn:btih:" + "AB" * 20, FetchSettings()).hashes.v1 == "ab" * 20


def test_an_address_is_fetched_under_the_configured_limits(scripted: Callable[..., ScriptedNode]) -> None:
    """A private address is not called when that is forbidden; when allowed it is, and what is no torrent is said."""
    node = scripted()
    link = f"{node.url}/a.torrent"
    with pytest.raises(FetchFailed):
        read_link(link, FetchSettings(allow_private=False))
    assert node.calls.total() == 0
    with pytest.raises(TorrentError):
        read_link(link, FetchSettings(), cookie="uid=1")
    assert node.calls["/a.torrent"] == 1
