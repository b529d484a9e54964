"""The Flask application factory. Nothing happens on import; `wsgi.py` decides which configuration is used."""

from flask import Flask, Response, request
from flask_bootstrap import Bootstrap5
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from qbdispatch.admin.blueprint import admin
from qbdispatch.arr.blueprint import arr
from qbdispatch.config.settings import Settings
from qbdispatch.reference.blueprint import reference
from qbdispatch.services import EXTENSION, build_services
from qbdispatch.submit.blueprint import submit
from qbdispatch.telemetry import observe_requests
from qbdispatch.ui.blueprint import ui

MAX_BODY_BYTES = 64 * 2**20
"""What qBittorrent itself accepts at most (requestparser.h in its sources)."""


def create_app(settings: Settings) -> Flask:
    """An application over the given settings; raises `StoreUnavailable` where the database cannot be opened."""
    app = Flask(__name__, static_folder=None, static_url_path="/static")  # files are the blueprints' own
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=1, x_prefix=1)  # type: ignore[method-assign]
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES, MAX_FORM_PARTS=10_000)
    app.url_map.strict_slashes = True
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False  # *arr follow no redirects
    app.json.sort_keys = False  # type: ignore[attr-defined]  # answers keep the order in which they are explained
    app.extensions[EXTENSION] = build_services(settings)
    observe_requests(app)
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)
    for blueprint in (arr, submit, admin, ui, reference):
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(ParseException, lambda _: app.handle_http_exception(BadRequest("the body is broken")))
    app.before_request(_refuse_broken_query)
    return app


def _refuse_broken_query() -> None:
    """Raises `BadRequest` for raw bytes that are no UTF-8: werkzeug would fail on them in `request.args`."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the query string is not UTF-8") from error


def _plain(error: HTTPException) -> Response:
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]  # `Allow`, say
    return Response(f"{error.name}\n", error.code, headers, mimetype="text/plain")
