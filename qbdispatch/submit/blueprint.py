"""`POST /submit` and `/submit/preview`: a torrent in JSON, as a form or as an uploaded file.

The way on: `dispatch.dispatcher`.
"""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from qbdispatch.dispatch.dispatcher import RETRY_AFTER_SECONDS, Result
from qbdispatch.dispatch.parse import read_submission
from qbdispatch.dispatch.request import Submission
from qbdispatch.services import services
from qbdispatch.web import add_json_errors, json_error, refuse_other_sites, require_admin_key

submit = Blueprint("submit", __name__)
submit.before_request(refuse_other_sites)
submit.before_request(require_admin_key)
add_json_errors(submit)


@submit.post("/submit")
def place() -> Response:
    """Place a torrent on the best node."""
    return _answer(services().dispatcher.submit(_submission()))


@submit.post("/submit/preview")
def preview() -> Response:
    """Say where it would go and why; nothing is claimed or sent."""
    return _answer(services().dispatcher.preview(_submission()))


@submit.errorhandler(ValidationError)
def invalid(error: ValidationError) -> Response:
    """Each field that is at fault, with what is wrong."""
    errors: dict[str, list[str]] = error.normalized_messages()  # type: ignore[no-untyped-call]
    named = "; ".join(f"{field}: {' '.join(map(str, texts))}" for field, texts in errors.items())
    return json_error(422, named, errors)


def _submission() -> Submission:
    files = [file for _, file in request.files.items(multi=True)]
    if len(files) > 1:
        raise ValidationError(f"Upload one torrent at a time (got {len(files)}).", "torrent")
    content = files[0].read() if files else None
    return read_submission(_fields(), content, services().settings.fetch)


def _fields() -> Any:
    """The body's fields. A form is told by its content type; all else is taken for JSON."""
    if request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return request.form.to_dict()
    try:
        return request.get_json(force=True)
    except RecursionError as error:
        raise BadRequest("the JSON is nested too deeply") from error


def _answer(result: Result) -> Response:
    response = jsonify(
        status=result.status.value,
        selected_node=result.node,
        reason=result.reason,
        hash=result.hash,
        decision_id=result.decision_id,
        attempted_nodes=result.nodes,
    )
    if result.node is None:
        response.status_code = 202 if result.is_taken else 503
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
