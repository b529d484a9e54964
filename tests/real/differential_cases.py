"""What the differential test calls: for every method of the client its calls, and the differences that are meant.

A method that the client has and this table lacks fails the test. Calls run in this order on the same torrents on both
sides, so what one changes is there for the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qbittorrentapi import Client

from tests.real.differential_world import UNKNOWN, World

TRACKER, OTHER_TRACKER = "http://127.0.0.1:1/announce", "http://127.0.0.1:2/announce"
SEED, OTHER_SEED = "http://127.0.0.1:1/seed", "http://127.0.0.1:2/seed"


Call = Callable[[Client, World], Any]


def one(method: str, *, but: str = "", **fields: Any) -> dict[str, Call]:
    """Without its parameters, on a torrent that nobody has, and on each kind of torrent but one."""

    def on(pick: Callable[[World], str]) -> Call:
        return lambda client, world: getattr(client, method)(torrent_hash=pick(world), **fields)

    calls = {
        "nothing": lambda client, world: getattr(client, method)(),
        "unknown": on(lambda world: UNKNOWN),
        "v1": on(lambda world: world.v1.hash.upper()),
        "v2": on(lambda world: world.v2.hash),
        "hybrid": on(lambda world: world.hybrid.hash),
        "magnet": on(lambda world: world.magnet.hash),
    }
    return {label: call for label, call in calls.items() if label != but}


def many(method: str, *more: dict[str, Any], **fields: Any) -> dict[str, Call]:
    """Without its parameters, on an unknown torrent, on two, on all; then on one with each set of other fields."""

    def on(pick: Callable[[World], Any], given: dict[str, Any]) -> Call:
        return lambda client, world: getattr(client, method)(torrent_hashes=pick(world), **given)

    calls = {
        "nothing": lambda client, world: getattr(client, method)(),
        "unknown": on(lambda world: UNKNOWN, fields),
        "two": on(lambda world: [world.v1.hash, world.hybrid.hash], fields),
        "all": on(lambda world: "all", fields),
    }
    return calls | {str(changes): on(lambda world: world.v1.hash, fields | changes) for changes in more}


def says(method: str, *arguments: dict[str, Any]) -> dict[str, Call]:
    """The method with each of these sets of arguments."""

    def with_(given: dict[str, Any]) -> Call:
        return lambda client, world: getattr(client, method)(**given)

    return {str(given or "nothing"): with_(given) for given in arguments or ({},)}


def paths(method: str, **fields: str) -> dict[str, Call]:
    """A method that takes a folder below the one that both sides call their own."""

    def below(given: dict[str, str]) -> Call:
        return lambda client, world: getattr(client, method)(
            torrent_hashes=world.private.hash, **{name: f"{world.folder}/{path}" for name, path in given.items()}
        )

    name = next(iter(fields))
    return {
        "nothing": lambda client, world: getattr(client, method)(),
        "empty": lambda client, world: getattr(client, method)(torrent_hashes=world.private.hash, **{name: ""}),
        "unknown": lambda client, world: getattr(client, method)(
            torrent_hashes=UNKNOWN, **{name: f"{world.folder}/none"}
        ),
        "below": below(fields),
    }


def add(**fields: Any) -> Call:
    """Add the spare torrent with these fields."""
    return lambda client, world: client.torrents_add(torrent_files={"spare.torrent": world.spare.data}, **fields)


def gone(client: Client, world: World) -> None:
    """Take the spare torrent away again."""
    client.torrents_delete(delete_files=True, torrent_hashes=world.spare.hash)


# fmt: off
# The calls, by method and a label of their own.
CASES: dict[str, dict[str, Call]] = {
    "sync_maindata": says("sync_maindata", {}, {"rid": 0}),
    "app_version": says("app_version"),
    "app_web_api_version": says("app_web_api_version"),
    "app_build_info": says("app_build_info"),
    "app_process_info": says("app_process_info"),
    "app_default_save_path": says("app_default_save_path"),
    "app_preferences": says("app_preferences"),
    "app_cookies": says("app_cookies"),
    "app_network_interface_list": says("app_network_interface_list"),
    "app_network_interface_address_list": says("app_network_interface_address_list", {}, {"interface_name": "lo"}),
    "app_get_directory_content": {
        "nothing": lambda client, world: client.app_get_directory_content(),
        "its folder": lambda client, world: client.app_get_directory_content(world.folder),
    },
    "app_get_free_space_at_path": says("app_get_free_space_at_path"),
    "app_rotate_api_key": says("app_rotate_api_key"),
    "app_delete_api_key": says("app_delete_api_key"),
    "app_set_cookies": says("app_set_cookies", {}, {"cookies": []}),
    "app_send_test_email": says("app_send_test_email"),
    "app_set_preferences": says(
        "app_set_preferences", {}, {"prefs": {"max_ratio_enabled": True, "max_ratio": 7.5}},
        {"prefs": {"max_seeding_time_enabled": True, "max_seeding_time": 900}},
        {"prefs": {"max_inactive_seeding_time_enabled": True, "max_inactive_seeding_time": 800}},
        {"prefs": {"max_ratio_enabled": False}}, {"prefs": {"no_such_thing": 1}},
    ),
    "transfer_info": says("transfer_info"),
    "transfer_download_limit": says("transfer_download_limit"),
    "transfer_upload_limit": says("transfer_upload_limit"),
    "transfer_set_download_limit": says(
        "transfer_set_download_limit", {}, {"limit": 2_048_000}, {"limit": 0}, {"limit": -5}, {"limit": "x"},
    ),
    "transfer_set_upload_limit": says("transfer_set_upload_limit", {}, {"limit": 1_024_000}),
    "transfer_speed_limits_mode": says("transfer_speed_limits_mode"),
    "transfer_set_speed_limits_mode": says(
        "transfer_set_speed_limits_mode", {}, {"intended_state": True}, {"intended_state": False},
    ),
    "transfer_toggle_speed_limits_mode": says(
        "transfer_toggle_speed_limits_mode", {}, {"intended_state": False},
    ),
    "transfer_ban_peers": says("transfer_ban_peers", {}, {"peers": "127.0.0.9:1234"}, {"peers": "nonsense"}),
    "transfer_speed_limits": says("transfer_speed_limits"),
    "transfer_set_speed_limits": says("transfer_set_speed_limits"),
    "transfer_pause_session": says("transfer_pause_session"),
    "transfer_resume_session": says("transfer_resume_session"),
    "sync_torrent_peers": one("sync_torrent_peers"),
    "torrents_info": says(
        "torrents_info", {}, {"sort": "nonsense"}, {"limit": 2, "sort": "name"}, {"torrent_hashes": UNKNOWN},
        {"include_trackers": True}, {"include_files": True}, {"category": ""}, {"status_filter": "stopped"},
        {"private": True}, {"private": False}, {"offset": -2, "sort": "name"},
    ),
    "torrents_count": says("torrents_count"),
    "torrents_properties": one("torrents_properties"),
    "torrents_trackers": one("torrents_trackers"),
    "torrents_webseeds": one("torrents_webseeds"),
    "torrents_files": one("torrents_files"),
    "torrents_piece_states": one("torrents_piece_states"),
    "torrents_piece_hashes": one("torrents_piece_hashes", but="v2"),  # where the node answers what is not initialised
    "torrents_piece_availability": one("torrents_piece_availability"),
    "torrents_export": one("torrents_export"),
    "torrents_ssl_parameters": one("torrents_ssl_parameters"),
    "torrents_set_ssl_parameters": one(
        "torrents_set_ssl_parameters", ssl_certificate="x", ssl_private_key="x", ssl_dh_params="x",
    ),
    "torrents_download_file": one("torrents_download_file", file=0),
    "torrents_fetch_metadata": says("torrents_fetch_metadata"),
    "torrents_parse_metadata": says("torrents_parse_metadata"),
    "torrents_save_metadata": says("torrents_save_metadata"),
    "torrents_create_category": says(
        "torrents_create_category", {}, {"name": "tv", "save_path": ""}, {"name": "tv"}, {"name": "a//b"},
        {"name": "a\\b"}, {"name": "films", "save_path": "/films"}, {"name": "tv/hd"}, {"name": ""}, {"name": "/lead"},
        {"name": "trail/"},
        {"name": "p", "save_path": "/p", "download_path": "/q", "enable_download_path": True},
    ),
    "torrents_edit_category": says(
        "torrents_edit_category", {}, {"name": "films", "save_path": "/movies"}, {"name": "none", "save_path": "/x"},
        {"name": "", "save_path": "/x"}, {"name": "films"}, {"name": "films", "save_path": "/movies"},
    ),
    "torrents_categories": says("torrents_categories"),
    "torrents_set_category": many("torrents_set_category", {"category": "none"}, {"category": ""}, category="tv"),
    "torrents_remove_categories": says("torrents_remove_categories", {}, {"categories": ["films", "none"]}),
    "torrents_tags": says("torrents_tags"),
    "torrents_create_tags": says("torrents_create_tags", {}, {"tags": "one, two"}, {"tags": "one"}, {"tags": ""}),
    "torrents_add_tags": many("torrents_add_tags", {"tags": " x , y"}, {"tags": ""}, tags=["one", "three"]),
    "torrents_set_tags": many("torrents_set_tags", {"tags": "z"}, {"tags": ""}, tags="four,five"),
    "torrents_remove_tags": many("torrents_remove_tags", {"tags": ""}, tags="four"),
    "torrents_delete_tags": says("torrents_delete_tags", {}, {"tags": "five,none"}),
    "torrents_stop": many("torrents_stop"),
    "torrents_pause": many("torrents_pause"),
    "torrents_start": many("torrents_start"),
    "torrents_resume": many("torrents_resume"),
    "torrents_set_force_start": many("torrents_set_force_start", {"enable": False}, enable=True),
    "torrents_set_auto_management": many("torrents_set_auto_management", {"enable": True}, enable=False),
    "torrents_set_super_seeding": many("torrents_set_super_seeding", {"enable": False}, enable=True),
    "torrents_toggle_sequential_download": many("torrents_toggle_sequential_download"),
    "torrents_toggle_first_last_piece_priority": many("torrents_toggle_first_last_piece_priority"),
    "torrents_recheck": many("torrents_recheck"),
    "torrents_reannounce": many("torrents_reannounce"),
    "torrents_set_share_limits": many(
        "torrents_set_share_limits", {"ratio_limit": -2, "seeding_time_limit": -1}, {"inactive_seeding_time_limit": 9},
        {"ratio_limit": "x"}, ratio_limit=1.5, seeding_time_limit=100, inactive_seeding_time_limit=-2,
    ),
    "torrents_set_download_limit": many(
        "torrents_set_download_limit", {"limit": 0}, {"limit": "x"}, {"limit": -1}, limit=1_024_000,
    ),
    "torrents_set_upload_limit": many("torrents_set_upload_limit", {"limit": 512_000}, limit=1_024_000),
    "torrents_download_limit": many("torrents_download_limit"),
    "torrents_upload_limit": many("torrents_upload_limit"),
    "torrents_increase_priority": many("torrents_increase_priority"),
    "torrents_decrease_priority": many("torrents_decrease_priority"),
    "torrents_top_priority": many("torrents_top_priority"),
    "torrents_bottom_priority": many("torrents_bottom_priority"),
    "torrents_set_location": paths("torrents_set_location", location="moved"),
    "torrents_set_save_path": paths("torrents_set_save_path", save_path="saved"),
    "torrents_set_download_path": paths("torrents_set_download_path", download_path="loading"),
    "torrents_rename": {
        "nothing": lambda client, world: client.torrents_rename(),
        "unknown": lambda client, world: client.torrents_rename(UNKNOWN, "x"),
        "empty": lambda client, world: client.torrents_rename(world.v1.hash, " "),
        "v1": lambda client, world: client.torrents_rename(world.v1.hash, "a-new: name\n"),
        "magnet": lambda client, world: client.torrents_rename(world.magnet.hash, "f-new"),
    },
    "torrents_rename_file": one("torrents_rename_file", old_path="b-v2", new_path="sub/b-v2"),
    "torrents_rename_folder": one("torrents_rename_folder", old_path="a-v1", new_path="a-folder"),
    "torrents_file_priority": one("torrents_file_priority", file_ids=0, priority=6) | {
        "bad id": lambda client, world: client.torrents_file_priority(world.v1.hash, "x", 1),
        "beyond": lambda client, world: client.torrents_file_priority(world.v1.hash, 99, 1),
        "bad priority": lambda client, world: client.torrents_file_priority(world.v1.hash, 0, 5),
    },
    "torrents_add_trackers": one("torrents_add_trackers", urls=TRACKER),
    "torrents_edit_tracker": one("torrents_edit_tracker", original_url=TRACKER, new_url=OTHER_TRACKER) | {
        "again": lambda client, world: client.torrents_edit_tracker(world.v1.hash, TRACKER, OTHER_TRACKER),
        "bad": lambda client, world: client.torrents_edit_tracker(world.v1.hash, OTHER_TRACKER, "nonsense"),
    },
    "torrents_remove_trackers": one("torrents_remove_trackers", urls=OTHER_TRACKER) | {
        "again": lambda client, world: client.torrents_remove_trackers(world.v1.hash, OTHER_TRACKER),
    },
    "torrents_add_webseeds": one("torrents_add_webseeds", urls=[SEED]) | {
        "bad": lambda client, world: client.torrents_add_webseeds(world.v1.hash, ["nonsense"]),
    },
    "torrents_edit_webseed": one("torrents_edit_webseed", orig_url=SEED, new_url=OTHER_SEED) | {
        "again": lambda client, world: client.torrents_edit_webseed(world.v1.hash, SEED, OTHER_SEED),
    },
    "torrents_remove_webseeds": one("torrents_remove_webseeds", urls=[OTHER_SEED]),
    "torrents_add_peers": many(
        "torrents_add_peers", {"peers": "nonsense"}, {"peers": "127.0.0.1:1|nonsense"}, peers="127.0.0.1:1",
    ),
    "torrents_set_comment": many("torrents_set_comment", comment="x"),
    "torrents_add": {
        "nothing": lambda client, world: client.torrents_add(),
        "a file": add(
            is_stopped=True, category="new", tags="t1,t2", rename="g-renamed", upload_limit=1_024_000, ratio_limit=2,
            download_limit=2_048_000, seeding_time_limit=60, inactive_seeding_time_limit=50,
            is_sequential_download=True, is_first_last_piece_priority=True, content_layout="Subfolder",
            use_auto_torrent_management=False,
        ),
        "again": add(is_stopped=True),
        "gone": gone,
        "no category": add(is_stopped=True, category="a//b", use_auto_torrent_management=True),
        "no file": lambda client, world: client.torrents_add(torrent_files={"x.torrent": b"nonsense"}),
        "no link": lambda client, world: client.torrents_add(urls="nonsense"),
    },
    "torrents_delete": many("torrents_delete"),
    "auth_log_in": says("auth_log_in", {}, {"username": "admin", "password": "node-password"}),
    "auth_log_out": says("auth_log_out") | {"and then": lambda client, world: client.torrents_count()},
    "app_shutdown": says("app_shutdown"),
}
# fmt: on
