"""What every page tells the browser: run our own script only, be shown in nobody's frame, keep no copy."""

from flask import Response, request

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
STATIC_SECONDS = 3600


def protect(response: Response) -> Response:
    """For `after_request`. `data:` images are Bootstrap's own symbols."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    is_static = request.endpoint == "ui.static" and response.status_code in (200, 304)
    response.headers["Cache-Control"] = f"public, max-age={STATIC_SECONDS}" if is_static else "no-store"
    return response
