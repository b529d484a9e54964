"""What the JSON blueprints share: one shape for errors, and the admin key."""

import hmac

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from qbdispatch.dispatch.dispatcher import RETRY_AFTER_SECONDS
from qbdispatch.services import services
from qbdispatch.store.engine import StoreUnavailable


def json_error(status_code: int, reason: str, errors: dict[str, list[str]] | None = None) -> Response:
    """`{status, reason, errors}`; `errors` names each field that is at fault."""
    response = jsonify(status="invalid" if status_code < 500 else "failed", reason=reason, errors=errors or {})
    response.status_code = status_code
    if status_code == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def add_json_errors(blueprint: Blueprint) -> None:
    """The table from error to reply for a JSON blueprint."""

    @blueprint.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return json_error(error.code or 500, error.description or error.name)

    @blueprint.errorhandler(StoreUnavailable)
    def no_store(error: StoreUnavailable) -> Response:
        return json_error(503, str(error))


def require_admin_key(*, bearer: bool = False) -> Response | None:
    """For `before_request`: with `admin_api_key` set, only those who send it in `X-API-Key` get on, or with `bearer`
    in `Authorization`, which is what Prometheus can send."""
    key = services().settings.dispatcher.admin_api_key
    given = [request.headers.get("X-API-Key", "")]
    if bearer:
        given.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if key is None or any(hmac.compare_digest(one.encode(), key.encode()) for one in given):
        return None
    return json_error(401, "send the admin_api_key of the configuration in the X-API-Key header")
