"""A client's folder in the node's own words."""

import pytest

from qbdispatch.config.settings import PathRule
from qbdispatch.nodes.paths import to_client, to_node

RULES = (
    PathRule(from_="/downloads", to="/mnt/box"),
    PathRule(from_="/fast/tv", to="/mnt/box/tv"),
    PathRule(from_="D:\\Torrents", to="/mnt/win"),
    PathRule(from_="/srv/share", to="\\\\nas\\share\\"),
    PathRule(from_="/", to="/mnt/root"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/mnt/box", "/downloads"),
        ("/mnt/box/", "/downloads/"),
        ("/mnt/box/movies", "/downloads/movies"),
        ("/mnt/box/tv", "/fast/tv"),
        ("/mnt/box/tv/anime", "/fast/tv/anime"),
        ("/mnt/box/tvshows", "/downloads/tvshows"),
        ("/mnt/boxes/movies", "/mnt/boxes/movies"),
        ("/MNT/box/movies", "/MNT/box/movies"),
        ("/elsewhere/mnt/box", "/elsewhere/mnt/box"),
        ("/mnt/win/tv/new", "D:\\Torrents\\tv\\new"),
        ("\\\\nas\\share\\tv", "/srv/share/tv"),
        ("//nas/share/tv", "/srv/share/tv"),
        ("/mnt/root/data", "/data"),
        ("relative", "relative"),
        ("", ""),
    ],
)
def test_the_longest_whole_prefix_is_replaced(path: str, expected: str) -> None:
    """Whole components only, in the order of their length and not of the configuration, with the node's slashes."""
    assert to_node(path, RULES) == expected
    assert to_node(path, RULES[::-1]) == expected


def test_without_rules_a_path_stays_as_it_is() -> None:
    """Backslashes included."""
    assert to_node("C:\\a/b", ()) == "C:\\a/b"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/downloads/movies", "/mnt/box/movies"),
        ("D:\\Torrents\\tv\\new", "/mnt/win/tv/new"),
        ("D:/Torrents/tv", "/mnt/win/tv"),
        ("/downloads/tv\\odd", "/mnt/box/tv\\odd"),
        ("/srv/share/tv", "\\\\nas\\share\\tv"),
    ],
)
def test_a_nodes_folder_is_shown_in_the_clients_words(path: str, expected: str) -> None:
    """The same rules the other way; a backslash separates only where the rule's folder is a Windows one."""
    assert to_client(path, RULES) == expected
