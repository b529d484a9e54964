"""The virtual qBittorrent under `/api/v2`: texts and status codes are those of qBittorrent 5.1.

Each sibling module holds one group of endpoints; what no module answers is a plain 404. Which methods an endpoint
takes is as in qBittorrent (webapplication.h): what changes something takes POST alone, all else GET and POST.
"""

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from qbdispatch.arr import add, application, auth, changes, labels, server, sync, torrents, transfer, values
from qbdispatch.arr.changes import View
from qbdispatch.arr.reply import text
from qbdispatch.dispatch.actions import ActionFailed
from qbdispatch.store.engine import StoreUnavailable
from qbdispatch.web import refuse_other_sites

READS: dict[str, View] = {
    "app/version": application.version,
    "app/webapiVersion": application.web_api_version,
    "app/buildInfo": server.build_info,
    "app/preferences": server.preferences,
    "app/defaultSavePath": server.default_save_path,
    "app/cookies": server.empty_list,
    "app/getDirectoryContent": server.refused,
    "app/networkInterfaceList": server.empty_list,
    "app/networkInterfaceAddressList": server.interface_addresses,
    "log/main": server.empty_list,
    "log/peers": server.empty_list,
    "rss/items": server.empty_object,
    "rss/rules": server.empty_object,
    "search/plugins": server.empty_list,
    "search/status": server.empty_list,
    "sync/maindata": sync.maindata,
    "sync/torrentPeers": sync.torrent_peers,
    "torrentcreator/status": server.empty_list,
    "torrents/SSLParameters": torrents.ssl_parameters,
    "torrents/categories": labels.categories,
    "torrents/count": torrents.count,
    "torrents/downloadLimit": changes.download_limit,
    "torrents/export": torrents.export,
    "torrents/files": torrents.files,
    "torrents/info": torrents.info,
    "torrents/pieceHashes": torrents.piece_hashes,
    "torrents/pieceStates": torrents.piece_states,
    "torrents/properties": torrents.properties,
    "torrents/tags": labels.tags,
    "torrents/trackers": torrents.trackers,
    "torrents/uploadLimit": changes.upload_limit,
    "torrents/webseeds": torrents.webseeds,
    "transfer/downloadLimit": transfer.download_limit,
    "transfer/info": transfer.info,
    "transfer/speedLimitsMode": transfer.speed_limits_mode,
    "transfer/uploadLimit": transfer.upload_limit,
}

# fmt: off
UNUSED = (
    "rss/addFeed", "rss/addFolder", "rss/markAsRead", "rss/moveItem", "rss/refreshItem", "rss/removeItem",
    "rss/removeRule", "rss/renameRule", "rss/setFeedURL", "rss/setRule", "search/delete", "search/enablePlugin",
    "search/installPlugin", "search/start", "search/stop", "search/uninstallPlugin", "search/updatePlugins",
    "torrentcreator/addTask", "torrentcreator/deleteTask",
)
# fmt: on
"""What belongs to one node's own feeds, plugins and files, and so is refused."""

WRITES: dict[str, View] = {
    "app/setPreferences": server.set_preferences,
    "app/setCookies": server.refused,
    "app/shutdown": server.refused,
    "app/sendTestEmail": server.refused,
    "auth/login": auth.login,
    "auth/logout": auth.logout,
    "torrents/add": add.add,
    "torrents/createCategory": labels.create_category,
    "torrents/editCategory": labels.edit_category,
    "torrents/removeCategories": labels.remove_categories,
    "torrents/createTags": labels.create_tags,
    "torrents/deleteTags": labels.delete_tags,
    **{f"torrents/{name}": view for name, view in changes.views().items()},
    "transfer/banPeers": transfer.ban_peers,
    "transfer/setDownloadLimit": transfer.set_download_limit,
    "transfer/setSpeedLimitsMode": transfer.set_speed_limits_mode,
    "transfer/setUploadLimit": transfer.set_upload_limit,
    "transfer/toggleSpeedLimitsMode": transfer.toggle_speed_limits_mode,
    **dict.fromkeys(UNUSED, server.refused),
}

arr = Blueprint("arr", __name__, url_prefix="/api/v2")
arr.before_request(refuse_other_sites)
arr.before_request(auth.require_session)
arr.before_request(values.require_form)
for _path, _view in READS.items():
    arr.add_url_rule(f"/{_path}", _path.replace("/", "_"), _view, methods=["GET", "POST"])
for _path, _view in WRITES.items():
    arr.add_url_rule(f"/{_path}", _path.replace("/", "_"), _view, methods=["POST"])


@arr.route("", defaults={"path": ""}, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])  # else it redirects to "/"
@arr.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
@arr.route("/<path:path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
def unknown(path: str) -> Response:
    """qBittorrent answers 404 for what it does not know, 405 for what takes POST alone, and 403 before either to
    whoever is not logged in."""
    return text("Method Not Allowed", 405) if path in WRITES | READS else text("Not Found", 404)


@arr.errorhandler(HTTPException)
def refused(error: HTTPException) -> Response:
    """Broken requests: the reason in plain text."""
    return text(error.description or error.name, error.code or 500)


@arr.errorhandler(ActionFailed)
def action_failed(error: ActionFailed) -> Response:
    """A node did not do it: the client learns why, and tries again where that may help."""
    return text(str(error), error.status)


@arr.errorhandler(StoreUnavailable)
def no_store(error: StoreUnavailable) -> Response:
    """Nothing can be promised without the store; clients try again."""
    return text(str(error), 503)
