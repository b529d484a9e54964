"""Actions in each version's dialect (trap 15 of the wire contract) and in the node's own paths (trap 19)."""

import pytest

from qbdispatch.config.settings import NodeSettings, PathRule
from qbdispatch.nodes.endpoints import Version, in_dialect, modern_name, parse_version

RULES = (PathRule(from_="/d", to="/mnt/a"), PathRule(from_="D:\\dl", to="/mnt/win"))
NODE = NodeSettings(name="a", url="http://a", path_map=RULES)
LIMITS = {"hashes": "h", "ratioLimit": "1", "seedingTimeLimit": "2"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v4.5.2", (4, 5)),
        ("v5.1.0", (5, 1)),
        ("v5.3.0alpha1", (5, 3)),
        ("4.12.1", (4, 12)),
        ("", (5, 1)),
        ("x", (5, 1)),
    ],
)
def test_a_version_is_read_from_what_a_node_calls_itself(text: str, version: Version) -> None:
    """What cannot be read counts as the version we pose as."""
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("endpoint", "version", "name"),
    [
        ("stop", (4, 3), "pause"),
        ("start", (4, 6), "resume"),
        ("stop", (5, 0), "stop"),
        ("start", (5, 3), "start"),
        ("recheck", (4, 3), "recheck"),
    ],
)
def test_stop_and_start_have_the_name_that_the_node_knows(endpoint: str, version: Version, name: str) -> None:
    """Trap 15: from 5.0 on the old names are 404, before it the new ones are."""
    assert in_dialect(f"torrents/{endpoint}", {"hashes": "h"}, NODE, version) == [(f"torrents/{name}", {"hashes": "h"})]


def test_old_names_of_clients_become_the_new_ones() -> None:
    """Trap 6: go-qbittorrent always says pause and resume, whatever the version."""
    names = [modern_name(f"torrents/{name}") for name in ("pause", "resume", "stop", "delete")]
    assert names == ["torrents/stop", "torrents/start", "torrents/stop", "torrents/delete"]


@pytest.mark.parametrize("version", [(4, 3), (4, 6), (5, 1), (5, 2), (5, 3)])
def test_share_limits_come_with_every_field_that_some_version_insists_on(version: Version) -> None:
    """Trap 15: a missing one is 400 there; what the client does say is left as it is."""
    ((name, sent),) = in_dialect("torrents/setShareLimits", LIMITS, NODE, version)
    left_open = {"inactiveSeedingTimeLimit": "-2", "shareLimitAction": "Default", "shareLimitsMode": "Default"}
    assert (name, sent) == ("torrents/setShareLimits", left_open | LIMITS)
    ((_, sent),) = in_dialect("torrents/setShareLimits", LIMITS | {"shareLimitAction": "Stop"}, NODE, version)
    assert sent["shareLimitAction"] == "Stop"


def test_set_tags_is_put_together_where_it_is_unknown() -> None:
    """It came with 5.1: before, all tags are taken off first and the new ones added."""
    fields = {"hashes": "h", "tags": "a,b"}
    assert in_dialect("torrents/setTags", fields, NODE, (5, 1)) == [("torrents/setTags", fields)]
    taken_apart = [("torrents/removeTags", {"hashes": "h"}), ("torrents/addTags", fields)]
    assert in_dialect("torrents/setTags", fields, NODE, (5, 0)) == taken_apart


@pytest.mark.parametrize("endpoint", ["addTags", "removeTags", "createTags", "deleteTags"])
def test_tags_are_sent_without_blanks_around_them(endpoint: str) -> None:
    """Before 5.0 " b" would be another tag than "b"; empty ones say nothing."""
    ((_, sent),) = in_dialect(f"torrents/{endpoint}", {"tags": " a, b ,,c d,"}, NODE, (4, 5))
    assert sent == {"tags": "a,b,c d"}


@pytest.mark.parametrize("field", ["location", "path", "savePath", "downloadPath", "savepath"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [("/mnt/a/tv", "/d/tv"), ("/mnt/win/tv/x", "D:\\dl\\tv\\x"), ("/mnt/ab", "/mnt/ab"), ("", "")],
)
def test_paths_become_the_nodes_own(field: str, given: str, sent: str) -> None:
    """Trap 19: in every parameter that holds one, Windows paths too."""
    ((_, fields),) = in_dialect("torrents/x", {field: given}, NODE, (5, 1))
    assert fields == {field: sent}


def test_what_is_no_path_is_sent_as_it_is() -> None:
    """Names within a torrent, and anything else, even if it begins like a folder."""
    fields = {"oldPath": "/mnt/a/x", "newPath": "/mnt/a/y", "name": "/mnt/a", "category": "/mnt/a"}
    assert in_dialect("torrents/renameFile", fields, NODE, (5, 1)) == [("torrents/renameFile", fields)]
