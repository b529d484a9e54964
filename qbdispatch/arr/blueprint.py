"""The virtual qBittorrent under `/api/v2`: texts and status codes are those of qBittorrent 5.1.

Each sibling module holds one group of endpoints; what no module answers is a plain 404.
"""

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from qbdispatch.arr import add, application, auth
from qbdispatch.arr.reply import text
from qbdispatch.store.engine import StoreUnavailable

arr = Blueprint("arr", __name__, url_prefix="/api/v2")
arr.before_request(auth.require_session)
arr.add_url_rule("/auth/login", view_func=auth.login, methods=["POST"])
arr.add_url_rule("/app/version", view_func=application.version, methods=["GET", "POST"])
arr.add_url_rule("/app/webapiVersion", view_func=application.web_api_version, methods=["GET", "POST"])
arr.add_url_rule("/torrents/add", view_func=add.add, methods=["POST"])


@arr.route("", defaults={"path": ""}, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])  # else it redirects to "/"
@arr.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
@arr.route("/<path:path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
def unknown(path: str) -> Response:  # noqa: ARG001 - the route has to bind it
    """qBittorrent answers 404 for what it does not know, and 403 first to whoever is not logged in."""
    return text("Not Found", 404)


@arr.errorhandler(HTTPException)
def refused(error: HTTPException) -> Response:
    """Broken requests: the reason in plain text."""
    return text(error.description or error.name, error.code or 500)


@arr.errorhandler(StoreUnavailable)
def no_store(error: StoreUnavailable) -> Response:
    """Nothing can be promised without the store; clients try again."""
    return text(str(error), 503)
