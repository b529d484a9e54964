"""`/openapi.json`, and `/docs`, the same as a page: for people and programs that call the JSON routes.

The page is one of the dashboard's, drawn here; nothing is loaded from elsewhere and no script is needed.
"""

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from qbdispatch.reference.page import calls, objects
from qbdispatch.reference.spec import build_spec
from qbdispatch.ui import session
from qbdispatch.ui.blueprint import helpers
from qbdispatch.ui.headers import protect
from qbdispatch.web import add_json_errors, require_admin_key

reference = Blueprint("reference", __name__, template_folder="templates")
reference.after_request(session.keep_visitor)
reference.after_request(protect)
reference.context_processor(helpers)
add_json_errors(reference)


@reference.before_request
def guard() -> BaseResponse | None:
    """The dashboard's login opens both; who asks for the document without it is answered as JSON."""
    refused = session.guard()
    return require_admin_key() if refused and request.endpoint == "reference.document" else refused


@reference.get("/openapi.json")
def document() -> Response:
    """All JSON routes as OpenAPI 3.0."""
    return jsonify(build_spec(current_app, request.script_root))


@reference.get("/docs")
def page() -> str:
    """The same to read."""
    found = build_spec(current_app, request.script_root)
    return render_template(
        "reference/docs.html", about=found["info"]["description"], calls=calls(found), objects=objects(found)
    )
