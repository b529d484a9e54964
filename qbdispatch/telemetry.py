"""What is noted of each request: its id in log lines and in its answer, its time and status in the meters."""

import logging
import time

from flask import Flask, Response, g, got_request_exception, request

from qbdispatch import meters
from qbdispatch.logs import REQUEST_ID_HEADER, begin_request, end_request

log = logging.getLogger(__name__)
NO_ROUTE = "none"


def observe_requests(app: Flask) -> None:
    """Register the hooks; before all others, so that refusals are noted as well."""
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)
    got_request_exception.connect(_failed, app)


def _begin() -> None:
    g.started = time.monotonic()
    g.request_id = begin_request(request.headers.get(REQUEST_ID_HEADER))


def _answered(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = g.request_id
    meters.answered(request.endpoint or NO_ROUTE, response.status_code, time.monotonic() - g.started)
    return response


def _end(_error: BaseException | None) -> None:
    end_request()


def _failed(_app: Flask, exception: BaseException) -> None:  # noqa: ARG001 - the log has it already
    meters.failed("request")
