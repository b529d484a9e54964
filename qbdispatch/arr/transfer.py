"""`transfer/*`: speeds and limits of all nodes together.

A limit is one for the fleet: it is shared out over the nodes, so that what they say together is what was set.
"""

import json
from collections.abc import Iterator

from flask import Response
from werkzeug.exceptions import BadRequest

from qbdispatch.arr.reply import json_text, text
from qbdispatch.arr.values import required, whole
from qbdispatch.dispatch import overview
from qbdispatch.services import services


def info() -> Response:
    """Speeds and amounts of all nodes together."""
    return json_text(json.dumps(overview.transfer_info(services().settings, services().store)))


def speed_limits_mode() -> Response:
    """1 if all nodes are at their alternative limits."""
    return text("1" if _all_at_alternative_limits() else "0")


def download_limit() -> Response:
    """The nodes' limits together, bytes per second; 0 for none."""
    return text(str(overview.transfer_info(services().settings, services().store)["dl_rate_limit"]))


def upload_limit() -> Response:
    """The nodes' limits together, bytes per second; 0 for none."""
    return text(str(overview.transfer_info(services().settings, services().store)["up_rate_limit"]))


def set_download_limit() -> Response:
    """Share a limit out over the nodes; what is no number means none, as in qBittorrent."""
    return _set_limit("transfer/setDownloadLimit")


def set_upload_limit() -> Response:
    """Share a limit out over the nodes; what is no number means none, as in qBittorrent."""
    return _set_limit("transfer/setUploadLimit")


def set_speed_limits_mode() -> Response:
    """All nodes at their alternative limits, or none."""
    (mode,) = required("mode")
    if not mode.strip().removeprefix("-").isdecimal():
        raise BadRequest("'mode': invalid argument")
    return _set_mode(alternative=whole("mode") != 0)


def toggle_speed_limits_mode() -> Response:
    """All nodes at their alternative limits, unless they are there already."""
    return _set_mode(alternative=not _all_at_alternative_limits())


def ban_peers() -> Response:
    """Ban peers on every node."""
    (peers,) = required("peers")
    services().actions.everywhere("transfer/banPeers", {"peers": peers})
    return text("")


def _set_limit(endpoint: str) -> Response:
    required("limit")
    shares = _shares(max(0, whole("limit")), len(services().fleet.members))
    wanted = {name: {"limit": str(share)} for name, share in zip(services().fleet.members, shares, strict=True)}
    services().actions.configure(endpoint, wanted)
    return text("")


def _shares(limit: int, count: int) -> Iterator[int]:
    """Equal parts of a limit. None becomes 0, which would be no limit at all."""
    for index in range(count):
        share = limit // count + (index < limit % count)
        yield max(1, share) if limit else 0


def _set_mode(*, alternative: bool) -> Response:
    fields = {"mode": str(int(alternative))}
    services().actions.configure("transfer/setSpeedLimitsMode", dict.fromkeys(services().fleet.members, fields))
    return text("")


def _all_at_alternative_limits() -> bool:
    return bool(overview.server_state(services().settings, services().store)["use_alt_speed_limits"])
