"""`app/*` and the parts of the API that an unused qBittorrent would answer with nothing."""

import json
import logging
from typing import Any

from flask import Response
from werkzeug.exceptions import BadRequest

from qbdispatch.arr.reply import json_text, text
from qbdispatch.arr.values import required
from qbdispatch.dispatch import overview
from qbdispatch.services import services

log = logging.getLogger(__name__)
SETTABLE = frozenset(
    {
        "queueing_enabled",
        "max_ratio_enabled",
        "max_ratio",
        "max_ratio_act",
        "max_seeding_time_enabled",
        "max_seeding_time",
        "max_inactive_seeding_time_enabled",
        "max_inactive_seeding_time",
        "excluded_file_names",
        "excluded_file_names_enabled",
    }
)
"""Preferences that mean the same on every node. Paths, ports and access are each node's own and are not touched."""

BUILD_INFO = {
    "bitness": 64,
    "boost": "1.86.0",
    "libtorrent": "2.0.11.0",
    "openssl": "3.4.1",
    "platform": "linux",
    "qt": "6.8.2",
    "zlib": "1.3.1",
}


def preferences() -> Response:
    """The fleet's preferences, without secrets."""
    return json_text(json.dumps(overview.preferences(services().settings, services().store)))


def set_preferences() -> Response:
    """Set what may be set on every node; the rest is left alone and logged."""
    wanted = _wanted()
    allowed = {name: value for name, value in wanted.items() if name in SETTABLE}
    if wanted.keys() - allowed.keys():
        log.info("setPreferences: left alone: %s", ", ".join(sorted(wanted.keys() - allowed.keys())))
    if allowed:
        found, fields = services(), {"json": json.dumps(allowed)}
        found.actions.configure("app/setPreferences", dict.fromkeys(found.fleet.members, fields))
        found.actions.refresh(list(found.library.newest().by_key.values()))  # limits of rows may follow from these
    return text("")


def _wanted() -> dict[str, Any]:
    (given,) = required("json")
    try:
        wanted = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise BadRequest("json is not valid JSON") from error
    if not isinstance(wanted, dict | None):
        raise BadRequest("json is not an object")
    return wanted or {}


def default_save_path() -> Response:
    """Where the first node puts torrents, as clients know it."""
    return text(str(overview.preferences(services().settings, services().store).get("save_path", "")))


def build_info() -> Response:
    """What the version we pose as was built with."""
    return json_text(json.dumps(BUILD_INFO))


def refused() -> Response:
    """What would hit all nodes at once, or one unknown to the caller, is not done from here."""
    return text("Not available here: do this on the node itself", 403)


def interface_addresses() -> Response:
    """Interfaces are each node's own."""
    required("iface")
    return empty_list()


def empty_list() -> Response:
    """Nothing of the kind is used here."""
    return json_text("[]")


def empty_object() -> Response:
    """Nothing of the kind is used here."""
    return json_text("{}")
